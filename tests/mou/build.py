"""MOUs as the tests need them, made by the real actions: Sonoma County with Bay Laurel Care."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.mou import actions, queries
from hub.mou.rules import CLOSES_THE_LOOP, DataElement, Event, NewAgreement, NewPerson, Renewal, Section

EFFECTIVE, END, SIGNED = date(2026, 11, 1), date(2027, 10, 31), date(2026, 11, 16)


async def draft(cast: Any, **changes: Any) -> str:
    fields = {
        "county": cast.sonoma, "plan": cast.laurel, "effective_date": EFFECTIVE, "end_date": END,
        "renewal": Renewal.FIXED, **changes,
    }  # fmt: skip
    return await actions.record_agreement(cast.sam, NewAgreement(**fields))


async def fill(cast: Any, mou: str) -> None:
    """All ten sections, and the data elements of both directions."""
    for section in Section:
        await actions.fill_section(cast.sam, mou, section, "As the template asks.", complete=True)
    await actions.agree_elements(cast.sam, mou, cast.laurel, cast.sonoma, [*DataElement])
    await actions.agree_elements(cast.sam, mou, cast.sonoma, cast.laurel, CLOSES_THE_LOOP["county"])


async def name_people(cast: Any, mou: str) -> None:
    """The two that the cast lacks: the county's own responsible person, and the plan's as the document says."""
    await actions.name_position(
        cast.sam, mou, organization=cast.sonoma, position="ihss_responsible_person", person=cast.ruth.id,
        from_date=EFFECTIVE,
    )  # fmt: skip
    await actions.name_position(
        cast.sam, mou, organization=cast.laurel, position="mcp_responsible_person",
        new_person=NewPerson("Noor", "Ellis", "noor.ellis@example.org", "(707) 555-0133"), from_date=EFFECTIVE,
    )  # fmt: skip


async def sign(cast: Any, mou: str) -> None:
    await actions.move(cast.sam, mou, Event.SEND_FOR_SIGNATURE)
    for party in (await queries.agreement(cast.ruth, mou)).parties:
        await actions.sign_party(
            cast.ruth, mou, party.id, signatory=f"Director of {party.name}", title="Director", signed_on=SIGNED
        )


async def ready(cast: Any, **changes: Any) -> str:
    """Nothing is missing: it only has to be executed."""
    mou = await draft(cast, **changes)
    await fill(cast, mou)
    await name_people(cast, mou)
    await sign(cast, mou)
    return mou


async def executed(cast: Any, **changes: Any) -> str:
    mou = await ready(cast, **changes)
    await actions.move(cast.ruth, mou, Event.EXECUTE)
    return mou
