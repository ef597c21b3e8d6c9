"""The directory's page: whom do I ask?"""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.directory import actions, queries
from hub.kernel.actor import HUB
from tests.web_client import text_of


async def test_the_directory_tells_whom_to_ask_at_the_partner_and_at_home(cast: Any, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.get("/directory")
    shown = text_of(answer)
    assert 'href="mailto:priya.raman@example.org"' in answer.text
    for words in ("Golden Poppy Health Plan", "Priya Raman", "MCP-IHSS Liaison",
                  "(510) 555-0100", "your own people", "Thomas Okafor"):  # fmt: skip
        assert words in shown
    for stranger in ("Bay Laurel", "Lena Haddad", "Sam Whitfield"):
        assert stranger not in shown


async def test_a_vacant_position_is_flagged(cast: Any, web: Any) -> None:
    holder = await queries.holder("mcp_ihss_liaison", cast.poppy, cast.alameda, date(2026, 11, 18))
    assert holder is not None
    await actions.end_appointment(cast.daniel, holder.appointment, date(2026, 11, 17))
    shown = await (await web.sign_in(cast.marisol)).text("/directory")
    assert "1 vacancy" in shown
    assert "Vacant" in shown


async def test_an_organization_without_partners_is_told_how_they_come(cast: Any, web: Any) -> None:
    nora = await actions.add_organization(HUB, "county", "Marin County", "Marin", "county-21", 21)
    person = await actions.add_person(
        HUB, nora, "Pia", "Lund", "pia.lund@example.org", "415 555 0101", roles=["county_liaison"]
    )
    pia = await queries.load_user(person)
    shown = await (await web.sign_in(pia)).text("/directory")
    assert "No partner yet" in shown
    assert "No such partner" in await (await web.sign_in(pia)).text(f"/directory?partner={cast.poppy}")
