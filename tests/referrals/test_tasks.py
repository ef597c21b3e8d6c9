"""A referral from its sending to its closed loop, by actions: what is stored, refused, owed and kept as history."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.consent.actions import revoke
from hub.db.engine import fetch, fetch_value
from hub.kernel import clock
from hub.kernel.errors import Forbidden, Invalid, NotFound, Stale, WrongStep
from hub.kernel.jsontext import decode
from hub.mou.tables import Agreement, MouTerm
from hub.referrals.actions.desk import Outcome, close_loop, take_step
from hub.referrals.actions.tasks import change_task
from hub.referrals.queries import referral
from hub.referrals.queries.lists import Filter, referral_list
from hub.referrals.rules import ClosureReason, Event, Side, Status
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_county, referral_from_plan


async def _counts() -> dict[str, int]:
    return {t: await fetch_value(f"SELECT count(*) FROM {t}") for t in ("task", "service_request", "resource_version")}


async def test_without_a_consent_nothing_is_stored_but_the_refusal_in_the_trail(cast: Cast) -> None:
    before = await _counts()
    with pytest.raises(Forbidden, match="consent:"):
        await referral_from_plan(cast)
    assert await _counts() == before
    entries = await fetch("SELECT action, outcome, member, basis FROM audit_entry WHERE outcome = 'refused'")
    assert [(e["action"], e["member"]) for e in entries] == [("consent:release:decide", cast.rosa)]
    assert entries[0]["basis"].startswith("consent:")


async def test_without_an_executed_mou_the_answer_names_the_authority(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    await Agreement.update({"state": "terminated"}).where(Agreement.id == cast.mou)
    with pytest.raises(Forbidden, match="authority:"):
        await referral_from_plan(cast)


async def test_an_element_in_excess_of_the_mou_is_named(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    await MouTerm.delete().where((MouTerm.discloser == cast.poppy) & (MouTerm.element == "need"))
    with pytest.raises(Forbidden) as refused:
        await referral_from_plan(cast)
    assert [issue.where for issue in refused.value.issues] == ["ServiceRequest.reasonCode"]
    assert "data-elements:" in refused.value.words


async def test_the_loop_closes_on_both_sides_and_every_step_is_kept(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    await take_step(cast.marisol, task, Event.START, version=2)
    await take_step(
        cast.marisol, task, Event.COMPLETE, version=3, outcome=Outcome("IHSS application opened", clock.today())
    )
    seen = await referral(cast.priya, task)
    assert (seen.row.status, seen.row.closure_reason) == (Status.COMPLETED, "services-received")
    assert [done.words for done in seen.outcomes] == ["IHSS application opened"]
    assert seen.may_close
    await close_loop(cast.priya, task)
    seen = await referral(cast.priya, task)
    assert not seen.may_close and seen.request_status == "completed"
    assert [event.title for event in reversed(seen.events)] == [
        "Sent",
        "Accepted",
        "Work started",
        "Completed with an outcome",
    ]
    stored = await fetch("SELECT document, version FROM resource_version WHERE resource_id = {} ORDER BY version", task)
    assert [decode(row["document"])["status"] for row in stored] == [
        "requested",
        "accepted",
        "in-progress",
        "completed",
    ]
    assert decode(stored[-1]["document"])["output"][0]["valueReference"]["reference"].startswith("Procedure/")


async def test_each_step_opens_and_settles_what_is_owed(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)

    async def owed() -> list[tuple[str, str, str]]:
        rows = await fetch(
            "SELECT rule, organization, state FROM duty WHERE subject_id = {} ORDER BY opened_on, id", task
        )
        return [(row["rule"], row["organization"], row["state"]) for row in rows]

    assert await owed() == [("referral-answer", cast.alameda, "open")]
    await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    assert await owed() == [
        ("referral-answer", cast.alameda, "met"),
        ("referral-progress", cast.alameda, "open"),
    ]
    await take_step(
        cast.marisol, task, Event.FAIL, version=2, reason="Moved away", closure=ClosureReason.UNABLE_TO_REACH
    )
    assert ("referral-close-own", cast.poppy, "open") in await owed()
    await close_loop(cast.priya, task)
    assert {state for _, _, state in await owed()} == {"met"}


async def test_an_answer_after_its_time_is_a_duty_missed(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    with clock.set_to(clock.now() + timedelta(days=20)):
        await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    assert await fetch_value("SELECT state FROM duty WHERE rule = 'referral-answer'") == "missed"


async def test_a_wrong_step_a_wrong_side_and_a_stale_version_change_nothing(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    with pytest.raises(WrongStep):
        await take_step(cast.marisol, task, Event.START, version=1)
    with pytest.raises(Forbidden):
        await take_step(cast.priya, task, Event.ACCEPT, version=1)
    with pytest.raises(Invalid, match="Say why"):
        await take_step(cast.marisol, task, Event.DECLINE, version=1)
    with pytest.raises(Stale):
        await take_step(cast.marisol, task, Event.ACCEPT, version=7)
    assert await fetch_value("SELECT version FROM task WHERE id = {}", task) == 1


async def test_another_organization_does_not_learn_that_the_referral_exists(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    for stranger in (cast.sam, cast.lena):
        with pytest.raises(NotFound):
            await referral(stranger, task)
        with pytest.raises(NotFound):
            await take_step(stranger, task, Event.ACCEPT, version=1)
        assert await referral_list(stranger, Filter(state="all")) == ([], False)


async def test_what_was_sent_does_not_change_and_a_plan_cannot_complete_the_countys_task(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    document = decode(await fetch_value("SELECT document FROM task WHERE id = {}", task))
    with pytest.raises(Invalid) as refused:
        await change_task(
            cast.poppy_system, task, {**document, "priority": "stat", "authoredOn": "2026-01-01T00:00:00Z"}
        )
    assert [issue.where for issue in refused.value.issues] == ["Task.authoredOn", "Task.priority"]
    with pytest.raises(Forbidden):
        await change_task(cast.poppy_system, task, {**document, "status": "accepted"})


async def test_after_a_revocation_the_county_no_longer_sees_the_member_but_can_end_the_referral(cast: Cast) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    assert (await referral(cast.priya, task)).row.member_name == "Rosa M."
    await revoke(cast.marisol, agreed, 1)
    seen = await referral(cast.priya, task)
    assert seen.row.member_name is None and seen.need == "" and seen.withheld
    await take_step(cast.priya, task, Event.DECLINE, version=1, reason="Consent was taken back.")
    back = await referral(cast.marisol, task)
    assert (back.row.status, back.row.side, back.reason) == (
        Status.REJECTED,
        Side.REQUESTER,
        "Consent was taken back.",
    )


async def test_the_county_refers_to_the_plan_and_sees_its_outcome(cast: Cast) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    rows, more = await referral_list(cast.priya, Filter(side="owner"))
    assert [row.id for row in rows] == [task] and not more
    await take_step(cast.priya, task, Event.ACCEPT, version=1)
    await take_step(
        cast.priya,
        task,
        Event.COMPLETE,
        version=2,
        outcome=Outcome("Medically tailored meals", clock.today(), "12 weeks"),
    )
    seen = await referral(cast.marisol, task)
    assert [(done.words, done.note) for done in seen.outcomes] == [("Medically tailored meals", "12 weeks")]


async def test_the_outcome_still_goes_back_to_the_referrer_after_the_mou_has_ended(cast: Cast) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    await take_step(cast.priya, task, Event.ACCEPT, version=1)
    await take_step(cast.priya, task, Event.COMPLETE, version=2, outcome=Outcome("Meals", clock.today()))
    await revoke(cast.marisol, agreed, 1)
    await Agreement.update({"state": "terminated"}).where(Agreement.id == cast.mou)
    await MouTerm.update({"until_date": clock.today()}).where(MouTerm.agreement == cast.mou)
    with clock.set_to(clock.now() + timedelta(days=3)):
        seen = await referral(cast.marisol, task)
        assert [done.words for done in seen.outcomes] == ["Meals"]
        await close_loop(cast.marisol, task)
