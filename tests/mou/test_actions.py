"""An MOU from its record to its end, on both databases."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hub.db.engine import fetch, fetch_value
from hub.duties import queries as duties
from hub.kernel import clock
from hub.kernel.clock import start_of
from hub.kernel.errors import Forbidden, Invalid, NotFound, Stale, WrongStep
from hub.mou import actions, queries
from hub.mou.rules import CLOSES_THE_LOOP, DataElement, Event, NewAgreement, Renewal, Section, State
from tests.mou import build

TODAY = date(2026, 11, 18)


async def duties_of(mou: str) -> dict[tuple[str, str], str]:
    """(rule, owing organization) → state."""
    return {(d.rule, d.organization): d.state for d in await duties.duties_of(("Agreement", mou))}


async def test_an_mou_is_recorded_filled_in_signed_and_executed(cast: Any) -> None:
    mou = await build.executed(cast)
    view = await queries.agreement(cast.lena, mou)
    assert view.state is State.EXECUTED
    assert (view.row.executed_on, view.sections_complete, view.vacancies) == (TODAY, 10, ())
    assert [event.event for event in view.events][:3] == ["execute", "signed", "signed"]
    assert view.events[-1].event == "recorded"
    in_force = await queries.agreement_in_force(cast.laurel, cast.sonoma, TODAY)
    assert in_force is not None
    assert in_force.id == mou
    assert [one.id for one in await queries.partners_of(cast.sonoma, TODAY)] == [cast.laurel]


async def test_the_refusal_to_execute_lists_everything_that_is_missing(cast: Any) -> None:
    mou = await build.draft(cast, effective_date=None, end_date=None)
    with pytest.raises(Invalid) as refused:
        await actions.move(cast.ruth, mou, Event.EXECUTE)
    words = " ".join(issue.words for issue in refused.value.issues)
    for part in (
        "takes effect is not set", "Quarterly meetings", "Bay Laurel Care does not yet share",
        "Sonoma County has named no IHSS Responsible Person", "Bay Laurel Care has named no MCP Responsible Person",
        "Sonoma County has not signed", "no signatory", "not been sent for signature",
    ):  # fmt: skip
        assert part in words
    assert "IHSS Liaison" not in words.replace("MCP-IHSS Liaison", "")  # Sam is named already
    assert (await queries.agreement(cast.ruth, mou)).state is State.DRAFT


async def test_an_mou_without_its_four_positions_is_not_executed(cast: Any) -> None:
    mou = await build.draft(cast)
    await build.fill(cast, mou)
    await build.sign(cast, mou)
    with pytest.raises(Invalid) as refused:
        await actions.move(cast.ruth, mou, Event.EXECUTE)
    assert [issue.where for issue in refused.value.issues] == [
        f"position:{cast.sonoma}:ihss_responsible_person",
        f"position:{cast.laurel}:mcp_responsible_person",
    ]
    assert await queries.terms(cast.laurel, cast.sonoma, TODAY) == frozenset()


async def test_what_is_agreed_is_what_the_exchange_enforces_from_the_first_to_the_last_day(cast: Any) -> None:
    await build.executed(cast)
    assert await queries.terms(cast.laurel, cast.sonoma, build.EFFECTIVE) == frozenset(DataElement)
    assert await queries.terms(cast.sonoma, cast.laurel, build.END) == CLOSES_THE_LOOP["county"]
    assert await queries.terms(cast.laurel, cast.sonoma, date(2026, 10, 31)) == frozenset()
    assert await queries.terms(cast.laurel, cast.sonoma, date(2027, 11, 1)) == frozenset()
    assert await queries.terms(cast.laurel, cast.alameda, TODAY) == frozenset()


async def test_execution_opens_the_duties_to_post_and_to_review(cast: Any) -> None:
    mou = await build.executed(cast)
    owed = await duties_of(mou)
    assert owed == {
        ("mou-published", cast.laurel): "open",
        ("mou-annual-review", cast.sonoma): "open",
        ("mou-annual-review", cast.laurel): "open",
        ("exhibit-c-review", cast.sonoma): "open",
        ("exhibit-c-review", cast.laurel): "open",
    }
    await actions.record_publication(cast.lena, mou, "https://baylaurel.example.org/mou", TODAY)
    assert (await duties_of(mou))["mou-published", cast.laurel] == "met"


async def test_termination_ends_the_terms_on_its_day_and_what_is_owed(cast: Any) -> None:
    mou = await build.executed(cast)
    with pytest.raises(Invalid):
        await actions.move(cast.ruth, mou, Event.TERMINATE)  # without a reason
    await actions.move(cast.ruth, mou, Event.TERMINATE, note="The plan leaves the county")
    assert DataElement.OUTCOME in await queries.terms(cast.laurel, cast.sonoma, TODAY)
    assert await queries.terms(cast.laurel, cast.sonoma, date(2026, 11, 19)) == frozenset()
    assert await queries.agreement_in_force(cast.laurel, cast.sonoma, TODAY) is None
    assert set((await duties_of(mou)).values()) == {"cancelled"}


async def test_an_mou_past_its_end_expires_by_itself_unless_it_renews(cast: Any) -> None:
    fixed = await build.executed(cast)
    with clock.set_to(start_of(date(2027, 11, 1))):
        assert await actions.end_or_renew(clock.today()) == 1
        assert (await queries.agreement(cast.sam, fixed)).state is State.EXPIRED
        assert await queries.terms(cast.laurel, cast.sonoma, clock.today()) == frozenset()
        assert await actions.end_or_renew(clock.today()) == 0


async def test_an_mou_that_renews_itself_stays_in_force(cast: Any) -> None:
    mou = await build.executed(cast, renewal=Renewal.AUTOMATIC)
    with clock.set_to(start_of(date(2027, 11, 1))):
        assert await queries.agreement_in_force(cast.sonoma, cast.laurel, clock.today()) is not None
        await actions.end_or_renew(clock.today())
        row = (await queries.agreement(cast.sam, mou)).row
        assert (row.state, row.end_date) == (State.EXECUTED, date(2028, 10, 31))
        assert await queries.terms(cast.laurel, cast.sonoma, clock.today()) == frozenset(DataElement)


async def test_an_mou_of_others_does_not_exist(cast: Any) -> None:
    mou = await build.draft(cast)
    for stranger in (cast.marisol, cast.priya):
        with pytest.raises(NotFound):
            await queries.agreement(stranger, mou)
        with pytest.raises(NotFound):
            await actions.move(stranger, mou, Event.NEGOTIATE)
        assert mou not in [row.agreement.id for row in await queries.agreements(stranger)]


async def test_a_liaison_drafts_but_does_not_sign(cast: Any) -> None:
    mou = await build.ready(cast)
    with pytest.raises(Forbidden):
        await actions.move(cast.sam, mou, Event.EXECUTE)
    with pytest.raises(Forbidden):
        await actions.move(cast.sam, mou, Event.TERMINATE, note="No")
    with pytest.raises(Forbidden):
        await actions.record_agreement(cast.arturo, NewAgreement(cast.alameda, cast.laurel))


async def test_an_mou_that_is_being_signed_does_not_change_until_it_is_reopened(cast: Any) -> None:
    mou = await build.ready(cast)
    with pytest.raises(WrongStep):
        await actions.fill_section(cast.sam, mou, Section.GENERAL, "Something else", complete=True)
    with pytest.raises(WrongStep):
        await actions.agree_elements(cast.sam, mou, cast.laurel, cast.sonoma, [DataElement.OUTCOME])
    await actions.move(cast.lena, mou, Event.REOPEN, note="The county counsel asks for a change")
    view = await queries.agreement(cast.sam, mou)
    assert view.state is State.NEGOTIATION
    assert [party.signed_on for party in view.parties] == [None, None]


async def test_the_slower_of_two_people_is_told_and_nothing_is_lost(cast: Any) -> None:
    mou = await build.draft(cast)
    version = (await queries.agreement(cast.sam, mou)).row.version
    await actions.agree_elements(cast.sam, mou, cast.laurel, cast.sonoma, [DataElement.OUTCOME], version=version)
    with pytest.raises(Stale):
        await actions.agree_elements(cast.lena, mou, cast.laurel, cast.sonoma, [], version=version)
    await actions.fill_section(cast.sam, mou, Section.GENERAL, "Mine", version=1)
    with pytest.raises(Stale):
        await actions.fill_section(cast.lena, mou, Section.GENERAL, "Mine, too", version=1)
    assert (await queries.agreement(cast.sam, mou)).sections[Section.GENERAL].terms == "Mine"


async def test_the_history_keeps_both_the_day_that_counts_and_the_day_it_was_recorded(cast: Any) -> None:
    mou = await build.draft(cast)
    await actions.log_effort(cast.sam, mou, date(2026, 11, 2), "Called the plan’s contracting team; they will draft.")
    event = (await queries.agreement(cast.lena, mou)).events[0]
    assert (event.title, event.effective_date) == ("Good-faith effort (effective Nov 2, 2026)", date(2026, 11, 2))
    with pytest.raises(Invalid):
        await actions.log_effort(cast.sam, mou, date(2026, 12, 1), "Tomorrow")


async def test_exhibit_c_of_an_mou_in_force_changes_by_amendment_from_a_day_on(cast: Any) -> None:
    mou = await build.executed(cast)
    wanted = CLOSES_THE_LOOP["county"] | {DataElement.CASE}
    with pytest.raises(Invalid):
        await actions.amend_elements(cast.ruth, mou, cast.sonoma, cast.laurel, [DataElement.CASE], "Less")
    await actions.amend_elements(cast.ruth, mou, cast.sonoma, cast.laurel, wanted, "Annual review of Exhibit C")
    await actions.amend_elements(cast.ruth, mou, cast.laurel, cast.sonoma, CLOSES_THE_LOOP["plan"], "Minimum necessary")
    assert (await queries.agreement(cast.sam, mou)).state is State.AMENDED
    assert await queries.terms(cast.sonoma, cast.laurel, TODAY) == wanted
    assert await queries.terms(cast.laurel, cast.sonoma, TODAY) == CLOSES_THE_LOOP["plan"]
    assert await queries.terms(cast.laurel, cast.sonoma, date(2026, 11, 17)) == frozenset(DataElement)


async def test_a_second_mou_of_the_same_two_is_not_executed_beside_the_first(cast: Any) -> None:
    await build.executed(cast)
    mou = await build.draft(cast)
    await build.fill(cast, mou)
    await build.sign(cast, mou)
    with pytest.raises(Invalid) as refused:
        await actions.move(cast.ruth, mou, Event.EXECUTE)
    assert [issue.where for issue in refused.value.issues] == ["parties"]


async def test_the_annual_review_settles_what_both_owe_and_opens_the_next(cast: Any) -> None:
    mou = await build.executed(cast)
    with clock.set_to(start_of(date(2027, 9, 1))):
        await actions.move(cast.sam, mou, Event.BEGIN_REVIEW)
        await actions.move(cast.omar, mou, Event.COMPLETE_REVIEW, note="No change needed")
        owed = await duties.duties_of(("Agreement", mou))
        states = [d.state for d in owed if d.rule == "mou-annual-review"]
        assert sorted(states) == ["met", "met", "open", "open"]


async def test_every_step_is_in_the_trail_without_a_name_in_its_detail(cast: Any) -> None:
    mou = await build.executed(cast)
    rows = await fetch("SELECT action, detail FROM audit_entry WHERE subject_id = {}", mou)
    tags = {row["action"] for row in rows}
    assert {
        "mou:agreement:record", "mou:section:fill", "mou:elements:agree", "mou:position:name", "mou:agreement:sign",
        "mou:agreement:send-for-signature", "mou:agreement:execute",
    } <= tags  # fmt: skip
    everything = " ".join(row["detail"] or "" for row in rows)
    for name in ("Noor", "Ellis", "Ruth", "Director"):
        assert name not in everything


async def test_nothing_of_a_refused_step_is_left(cast: Any) -> None:
    mou = await build.draft(cast)
    before = await fetch_value("SELECT COUNT(*) FROM agreement_event")
    with pytest.raises(Invalid):
        await actions.move(cast.ruth, mou, Event.SEND_FOR_SIGNATURE)
    assert await fetch_value("SELECT COUNT(*) FROM agreement_event") == before
