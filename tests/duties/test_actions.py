"""Duties on both databases: opened once, settled by the fact, escalated by the job."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from hub.db.engine import fetch, fetch_value
from hub.directory.tables import Holiday
from hub.duties import actions, escalation, queries
from hub.duties.rules import FIRST_RULES
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.calendar import Quarter
from hub.kernel.errors import Forbidden, Invalid
from tests.conftest import NOW

TODAY = date(2026, 11, 18)
TASK = ("Task", "task-1")


async def referral(cast: Any, task: str = "task-1", start: date = TODAY, **more: Any) -> str | None:
    """Golden Poppy sent Alameda a referral: Alameda's liaison owes an answer."""
    return await actions.open_duty(
        cast.priya, "referral-answer", subject=("Task", task), organization=cast.alameda,
        counterpart=cast.poppy, position="ihss_liaison", title="Answer the referral to IHSS",
        why="Golden Poppy sent it", start=start, member=cast.rosa, **more,
    )  # fmt: skip


async def state_of(duty: str | None) -> str:
    return str(await fetch_value("SELECT state FROM duty WHERE id = {}", duty))


async def test_the_first_rules_are_seeded_once(cast: Any) -> None:
    assert await actions.seed_rules(HUB) == len(FIRST_RULES)
    assert await actions.seed_rules(HUB) == 0
    row = await queries.rule_in_force("referral-answer", TODAY)
    assert (row.version, row.limit, row.verified) == (1, "5 working days", False)


async def test_an_unknown_rule_names_the_command_that_brings_the_rules(cast: Any) -> None:
    with pytest.raises(queries.UnknownRule, match="hub migrate"):
        await queries.rule_in_force("no-such-rule", TODAY)


async def test_a_duty_is_due_by_the_owing_countys_own_working_days(cast: Any) -> None:
    for day, organization in ((26, None), (24, cast.alameda), (23, cast.sonoma)):
        await Holiday.insert(Holiday(organization=organization, day=date(2026, 11, day), name="Holiday"))
    duty = await referral(cast)
    row = (await fetch("SELECT due_on, calendar, escalate_on, agenda_on FROM duty WHERE id = {}", duty))[0]
    assert row["due_on"] == date(2026, 11, 27)  # the 24th is Alameda's, the 26th the State's
    assert row["calendar"] == "county-01"
    assert row["escalate_on"] == date(2026, 12, 2)
    assert row["agenda_on"] == date(2026, 12, 4)


async def test_a_duty_is_opened_once(cast: Any) -> None:
    assert await referral(cast) is not None
    assert await referral(cast) is None
    assert await referral(cast, period="2") is not None
    assert await fetch_value("SELECT COUNT(*) AS n FROM duty") == 2


async def test_of_two_who_end_a_duty_at_once_one_does(cast: Any) -> None:
    duty = await referral(cast)
    ended = await asyncio.gather(
        actions.settle(cast.marisol, "referral-answer", TASK, on=TODAY, how="Answered."),
        actions.cancel(cast.priya, "referral-answer", TASK, on=TODAY, how="Taken back."),
        actions.escalate_overdue(TODAY + timedelta(days=60)),
    )
    assert sum(ended[:2]) == 1
    events = [row["event"] for row in await fetch("SELECT event FROM duty_event WHERE duty = {} ORDER BY id", duty)]
    assert sum(event in ("met", "cancelled") for event in events) == 1
    versions = await fetch("SELECT version FROM duty_event WHERE duty = {} ORDER BY version", duty)
    assert [row["version"] for row in versions] == list(range(1, len(events) + 1))
    assert await fetch_value("SELECT version FROM duty WHERE id = {}", duty) == len(events)


async def test_a_new_version_of_a_rule_leaves_what_was_owed_under_the_old_one(cast: Any) -> None:
    before = await referral(cast, "before")
    await actions.add_rule_version(
        HUB, "referral-answer", effective_from=TODAY + timedelta(days=5), authority="A new law",
        limit_count=10, limit_unit="working_day", verified=True,
    )  # fmt: skip
    early = await referral(cast, "early")
    later = await referral(cast, "later", start=TODAY + timedelta(days=5))
    rows = {r["id"]: r for r in await fetch(
        "SELECT d.id, d.due_on, r.version FROM duty d JOIN rule_version r ON r.id = d.rule_version"
    )}  # fmt: skip
    assert [rows[duty]["version"] for duty in (before, early, later)] == [1, 1, 2]
    assert rows[later]["due_on"] == date(2026, 12, 7)
    view = await queries.duty(cast.marisol, str(before), TODAY + timedelta(days=9))
    assert view.rule.version == 1
    assert view.rule_now is not None and view.rule_now.version == 2


async def test_only_an_administrator_changes_a_rule_and_only_to_one_that_makes_sense(cast: Any) -> None:
    new: dict[str, Any] = {"effective_from": TODAY, "authority": "Law", "limit_count": 1, "verified": True}
    with pytest.raises(Forbidden):
        await actions.add_rule_version(cast.thomas, "referral-answer", limit_unit="month", **new)
    with pytest.raises(Invalid):
        await actions.add_rule_version(HUB, "referral-answer", limit_unit="fortnight", **new)
    with pytest.raises(Invalid):
        await actions.add_rule_version(HUB, "no-such-rule", limit_unit="month", **new)


async def test_what_is_done_in_time_is_met_and_later_missed(cast: Any) -> None:
    in_time, late = await referral(cast, "a"), await referral(cast, "b")
    due = await fetch_value("SELECT due_on FROM duty WHERE id = {}", in_time)
    settle = {"how": "Accepted"}
    assert await actions.settle(cast.marisol, "referral-answer", ("Task", "a"), on=due, **settle) == 1
    late_on = due + timedelta(days=1)
    assert await actions.settle(cast.marisol, "referral-answer", ("Task", "b"), on=late_on, **settle) == 1
    assert await actions.settle(cast.marisol, "referral-answer", ("Task", "b"), on=late_on, **settle) == 0
    assert [await state_of(in_time), await state_of(late)] == ["met", "missed"]
    row = (await fetch("SELECT settled_on, settled_by, settlement FROM duty WHERE id = {}", late))[0]
    assert row == {"settled_on": late_on, "settled_by": "Marisol Vega", "settlement": "Accepted"}
    events = [r["event"] for r in await fetch("SELECT event FROM duty_event WHERE duty = {} ORDER BY id", late)]
    assert events == ["opened", "missed"]


async def test_of_what_both_parties_owe_each_settles_its_own(cast: Any) -> None:
    for organization, other, position in (
        (cast.alameda, cast.poppy, "ihss_liaison"),
        (cast.poppy, cast.alameda, "mcp_ihss_liaison"),
    ):
        await actions.open_duty(
            HUB, "meeting-quarterly", subject=("Agreement", cast.mou), organization=organization,
            counterpart=other, position=position, title="Hold the quarterly meeting", why="Each quarter",
            start=TODAY, period="2026-Q4",
        )  # fmt: skip
    subject = ("Agreement", cast.mou)
    ended = await actions.settle(
        cast.priya, "meeting-quarterly", subject, on=TODAY, how="Held", organization=cast.poppy
    )
    assert ended == 1
    states = {r.organization: r.state for r in await queries.duties_of(subject)}
    assert states == {cast.poppy: "met", cast.alameda: "open"}
    figures = await queries.figures(cast.poppy, None, Quarter(2026, 4))
    assert [(f.rule, f.met, f.missed, f.open) for f in figures] == [("meeting-quarterly", 1, 0, 0)]


async def test_a_duty_can_be_excused_or_cancelled_and_then_no_longer_settled(cast: Any) -> None:
    excused, cancelled = await referral(cast, "a"), await referral(cast, "b")
    await actions.excuse(cast.thomas, "referral-answer", ("Task", "a"), on=TODAY, how="The office was flooded")
    await actions.cancel(cast.priya, None, ("Task", "b"), on=TODAY, how="Withdrawn by the plan")
    assert [await state_of(excused), await state_of(cancelled)] == ["excused", "cancelled"]
    for task in "ab":
        assert await actions.settle(cast.marisol, "referral-answer", ("Task", task), on=TODAY, how="x") == 0


async def test_every_step_of_a_duty_has_one_entry_in_the_audit_trail(cast: Any) -> None:
    duty = await referral(cast)
    await actions.escalate_overdue(TODAY + timedelta(days=60))
    await actions.settle(cast.marisol, "referral-answer", TASK, on=TODAY + timedelta(days=61), how="Accepted")
    rows = await fetch("SELECT action, member FROM audit_entry WHERE subject_id = {} ORDER BY happened_at, id", duty)
    assert sorted(r["action"].rsplit(":", 1)[1] for r in rows) == sorted(
        ["open", "remind", "escalate", "propose", "miss"]
    )
    assert {r["member"] for r in rows} == {cast.rosa}


async def test_an_unanswered_referral_escalates_by_itself_step_by_step_and_each_step_once(cast: Any) -> None:
    duty = await referral(cast)
    row = (await fetch("SELECT due_on, escalate_on, agenda_on FROM duty WHERE id = {}", duty))[0]
    assert await actions.escalate_overdue(row["due_on"]) == 0
    assert await queries.for_agenda(cast.alameda, cast.poppy, row["due_on"]) == []
    assert await actions.escalate_overdue(row["due_on"] + timedelta(days=1)) == 1
    assert await actions.escalate_overdue(row["escalate_on"]) == 1
    assert await actions.escalate_overdue(row["escalate_on"]) == 0
    assert await actions.escalate_overdue(row["agenda_on"]) == 1
    assert await actions.escalate_overdue(row["agenda_on"] + timedelta(days=30)) == 0
    events = [r["event"] for r in await fetch("SELECT event FROM duty_event WHERE duty = {} ORDER BY id", duty)]
    assert events == ["opened", "overdue", "escalated", "on-agenda"]
    told = await fetch("SELECT unique_key FROM job WHERE kind = 'notify:duty' ORDER BY created_at, id")
    assert [r["unique_key"].rsplit(":", 1)[1] for r in told] == ["overdue", "escalated"]
    stuck = await queries.for_agenda(cast.alameda, cast.poppy, row["agenda_on"])
    assert [(d.id, d.escalated, d.on_agenda) for d in stuck] == [(duty, True, True)]
    assert await queries.for_agenda(cast.sonoma, cast.laurel, row["agenda_on"]) == []


async def test_an_answered_referral_never_escalates(cast: Any) -> None:
    await referral(cast)
    await actions.settle(cast.marisol, "referral-answer", TASK, on=TODAY, how="Accepted")
    assert await actions.escalate_overdue(TODAY + timedelta(days=90)) == 0


async def test_more_overdue_duties_than_fit_one_transaction_are_all_escalated(
    cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalation, "_CHUNK", 2)
    for n in range(5):
        await referral(cast, f"task-{n}")
    assert await actions.escalate_overdue(TODAY + timedelta(days=60)) == 15


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_what_is_overdue_is_found_by_its_date_and_not_among_all_duties(
    cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a State there are three million, and the one writer would stand still meanwhile."""
    asked: list[tuple[str, Any]] = []

    async def noting(sql: str, *args: Any) -> Any:
        asked.append((sql, args))
        return await fetch(sql, *args)

    monkeypatch.setattr(escalation, "fetch", noting)
    await referral(cast)
    await actions.escalate_overdue(TODAY + timedelta(days=60))
    (sql, args), *_ = asked
    steps = [row["detail"] for row in await fetch(f"EXPLAIN QUERY PLAN {sql}", *args)]
    assert len(steps) == 1 and "INDEX duty_overdue ((due_on,id)>(?,?) AND due_on<?)" in steps[0], steps


async def test_a_refused_action_leaves_no_duty_behind(cast: Any) -> None:
    from hub.db.transaction import unit_of_work

    @unit_of_work
    async def refused() -> None:
        await referral(cast)
        raise Forbidden("No")

    with pytest.raises(Forbidden):
        await refused()
    assert await fetch_value("SELECT COUNT(*) AS n FROM duty") == 0


async def test_the_other_side_sees_a_shared_duty_and_nobody_else_does(cast: Any) -> None:
    from hub.kernel.errors import NotFound

    duty = str(await referral(cast))
    for actor in (cast.marisol, cast.arturo, cast.priya):
        assert (await queries.duty(actor, duty, TODAY)).duty.id == duty
    with pytest.raises(NotFound):
        await queries.duty(cast.sam, duty, TODAY)
    inner = await actions.open_duty(
        HUB, "training-annual", subject=("Agreement", cast.mou), organization=cast.poppy,
        counterpart=cast.alameda, position="mcp_responsible_person", title="Train", why="Yearly", start=TODAY,
    )  # fmt: skip
    with pytest.raises(NotFound):
        await queries.duty(cast.marisol, str(inner), TODAY)


async def test_the_job_runs_by_the_hubs_clock(cast: Any) -> None:
    from hub.duties.jobs import JOBS

    duty = await referral(cast)
    with clock.set_to(NOW + timedelta(days=60)):
        await JOBS["duties:escalate"]({})
    assert await fetch_value("SELECT agenda_proposed_on FROM duty WHERE id = {}", duty) is not None
