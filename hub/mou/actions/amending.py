"""Changing what is shared while an MOU is in force (Exhibit C is reviewed every year)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue
from hub.mou.actions.common import leave, load
from hub.mou.actions.signing import move
from hub.mou.actions.terms import end_terms, term
from hub.mou.rules import ELEMENT_WORDS, IN_FORCE, DataElement, Event
from hub.mou.tables import AgreementElement, MouTerm


@unit_of_work
async def amend_elements(
    actor: Actor,
    agreement_id: str,
    discloser: str,
    recipient: str,
    elements: Collection[DataElement | str],
    note: str,
    on: date | None = None,
    version: int | None = None,
) -> None:
    """Change Exhibit C of an MOU in force: the terms end on the day before, the new ones hold from the day
    on.
    """
    on, chosen = on or clock.today(), {DataElement(element) for element in elements}
    view = await load(
        actor, agreement_id, action="mou:agreement:amend", capability="mou.sign", version=version, states=IN_FORCE
    )
    direction = next((d for d in view.directions if (d.discloser, d.recipient) == (discloser, recipient)), None)
    if direction is None:
        raise Invalid("Data elements are agreed between the county and another party.")
    lacking = [ELEMENT_WORDS[one][0].lower() for one in DataElement if one in direction.required - chosen]
    if lacking:
        words = f"Without {', '.join(lacking)} the loop of a referral is not closed."
        raise Invalid("The amendment was not recorded.", issues=[Issue("elements", words, "required")])
    await move(actor, agreement_id, Event.AMEND, version, on, note)
    added, dropped = chosen - direction.elements, direction.elements - chosen
    between = (AgreementElement.agreement == agreement_id) & (AgreementElement.discloser == discloser)
    between &= AgreementElement.recipient == recipient
    for element in sorted(dropped):
        await AgreementElement.delete().where(between & (AgreementElement.element == element.value))
        await end_terms(agreement_id, on - timedelta(days=1), discloser, recipient, element)
    for element in sorted(added):
        await AgreementElement.insert(
            AgreementElement(agreement=agreement_id, discloser=discloser, recipient=recipient, element=element.value)
        )
        await MouTerm.insert(term(view, direction, element, max(on, view.row.effective_date or on)))
    said = [
        f"{words} {', '.join(ELEMENT_WORDS[one][0].lower() for one in sorted(some))}"
        for words, some in (("now also", added), ("no longer", dropped))
        if some
    ]
    await leave(
        actor,
        view,
        "elements_agreed",
        on=on,
        note=f"{direction.discloser_name} shares with {direction.recipient_name} {'; '.join(said) or 'the same'}",
        action="mou:elements:amend",
        detail={"discloser": discloser, "recipient": recipient, "added": sorted(added), "dropped": sorted(dropped)},
    )


@unit_of_work
async def amend_exhibit(
    actor: Actor,
    agreement_id: str,
    agreed: Mapping[tuple[str, str], Collection[DataElement | str]],
    note: str,
    version: int | None = None,
) -> None:
    """Exhibit C of an MOU in force as it shall be from today on; what stays the same is not touched."""
    view = await load(
        actor, agreement_id, action="mou:agreement:amend", capability="mou.sign", version=version, states=IN_FORCE
    )
    changed = 0
    for direction in view.directions:
        wanted = agreed.get((direction.discloser, direction.recipient))
        if wanted is not None and {DataElement(one) for one in wanted} != direction.elements:
            await amend_elements(actor, agreement_id, direction.discloser, direction.recipient, wanted, note)
            changed += 1
    if not changed:
        raise Invalid("Nothing was changed: this is what is agreed already.")
