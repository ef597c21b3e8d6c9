"""Step 6: a referral that nobody answers escalates by itself, and ends on the next agenda.

The worker's jobs run, and the test sets the clock.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hub.app import make_worker
from hub.db.engine import fetch
from hub.duties.queries import work_of
from hub.duties.rules import Group
from hub.kernel import clock
from hub.meetings import queries as meetings
from hub.meetings.actions import schedule
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_plan
from tests.web_client import test_settings


async def _day(worker: Any, day: date) -> None:
    """The worker's day: what is due at noon of that day in California."""
    at = clock.start_of(day) + timedelta(hours=12)
    with clock.set_to(at):
        await worker.drain(at)


async def _events(task: str) -> list[tuple[str, date]]:
    rows = await fetch(
        "SELECT e.event, e.effective_date FROM duty_event e JOIN duty d ON d.id = e.duty "
        "WHERE d.subject_id = {} AND d.rule = 'referral-answer' ORDER BY e.effective_date, e.recorded_at, e.id",
        task,
    )
    return [(row["event"], row["effective_date"]) for row in rows]


async def _mails(since: int = 0) -> list[str]:
    rows = await fetch(
        "SELECT p.given, m.subject, m.body FROM mail m JOIN person p ON p.id = m.to_person ORDER BY m.id"
    )
    for row in rows:
        assert "Mendoza" not in row["subject"] + row["body"]  # a mail names no member
    return [row["given"] for row in rows][since:]


async def test_step_6_what_nobody_answers_goes_to_the_liaison_the_responsible_person_and_the_next_agenda(
    cast: Cast, tmp_path: Path
) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)  # Wednesday, November 18: due in five working days
    worker = make_worker(test_settings(tmp_path))

    await _day(worker, date(2026, 11, 25))
    assert [event for event, _ in await _events(task)] == ["opened"]  # due on this day, so nothing is late yet

    await _day(worker, date(2026, 11, 28))
    assert ("overdue", date(2026, 11, 28)) in await _events(task)
    assert "Marisol" in await _mails()
    with clock.set_to(clock.start_of(date(2026, 11, 28)) + timedelta(hours=12)):
        mine = await work_of(cast.marisol, clock.today())
        assert "Answer the referral for IHSS application" in [
            row.title for group in mine.groups if group.group is Group.OVERDUE for row in group.rows
        ]
        assert not [row for row in (await work_of(cast.thomas, clock.today())).rows if row.subject_id == task]

    await _day(worker, date(2026, 12, 2))  # three working days later; Thanksgiving and the day after are none
    assert ("escalated", date(2026, 12, 2)) in await _events(task)
    assert "Thomas" in await _mails()
    with clock.set_to(clock.start_of(date(2026, 12, 2)) + timedelta(hours=13)):
        theirs = [row for row in (await work_of(cast.thomas, clock.today())).rows if row.subject_id == task]
        assert [(row.title, row.escalated) for row in theirs] == [("Answer the referral for IHSS application", True)]

    await _day(worker, date(2026, 12, 4))  # five working days later
    with clock.set_to(clock.start_of(date(2026, 12, 4)) + timedelta(hours=13)):
        meeting = await schedule(cast.marisol, cast.mou, clock.now() + timedelta(days=4), 60, "Video call")
        items, hidden = await meetings.agenda(cast.marisol, meeting)
    about = [item for item in items if item.kind == "proposed" and "referral" in f"{item.title} {item.why}".lower()]
    assert about and not hidden

    before = await _events(task)
    await _day(worker, date(2026, 12, 4))
    await _day(worker, date(2026, 12, 5))
    assert await _events(task) == before  # nothing escalates twice
