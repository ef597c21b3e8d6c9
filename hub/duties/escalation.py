"""What becomes of duties that nobody settles: reminded, escalated, proposed for an agenda."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.db.engine import fetch, write
from hub.db.transaction import unit_of_work
from hub.duties import rules
from hub.duties.queries import position_name
from hub.duties.rules import Event
from hub.duties.steps import Steps
from hub.jobs.actions import enqueue
from hub.kernel.actor import HUB

NOTIFY = "notify:duty"  # the outbox: notifications lie above duties, so the news goes up as a job
_CHUNK = 50  # duties in one transaction, so that it never holds the writer for long


async def escalate_overdue(today: date) -> int:
    """Take every step that overdue duties have reached: remind, escalate, propose for an agenda.

    Safe to run at any time and as often as one likes: each step is taken once. How many were taken.
    """
    taken = 0
    after: tuple[date, str] | None = (date.min, "")
    while after is not None:
        done, after = await _escalate_chunk(today, after)
        taken += done
    return taken


@unit_of_work
async def _escalate_chunk(today: date, after: tuple[date, str]) -> tuple[int, tuple[date, str] | None]:
    """In the order of the index of what is open by its date: in that of ids, a State's three million duties would be
    read to find the few that are overdue.
    """
    rows = await fetch(
        "SELECT id, rule, subject_type, subject_id, organization, counterpart, member, due_on, version,"
        " position, escalate_on, escalate_position, agenda_on, overdue_on, escalated_on, agenda_proposed_on"
        " FROM duty"
        " WHERE state = 'open' AND due_on < {} AND (due_on, id) > ({}, {}) AND (overdue_on IS NULL"
        " OR (escalate_on <= {} AND escalated_on IS NULL)"
        " OR (agenda_on <= {} AND agenda_proposed_on IS NULL))"
        f" ORDER BY due_on, id LIMIT {_CHUNK}",
        today,
        *after,
        today,
        today,
    )
    taken = 0
    for row in rows:
        taken += await _escalate(row, today)
    return taken, (rows[-1]["due_on"], rows[-1]["id"]) if len(rows) == _CHUNK else None


_MARKS = {
    Event.OVERDUE: "overdue_on",
    Event.ESCALATED: "escalated_on",
    Event.ON_AGENDA: "agenda_proposed_on",
}


def _step_note(row: Mapping[str, Any], step: Event) -> str:
    if step is Event.ON_AGENDA:
        return "Proposed for the agenda of the next quarterly meeting."
    told = row["escalate_position"] if step is Event.ESCALATED else row["position"]
    return f"The {position_name(told)} is told."


async def _escalate(row: Mapping[str, Any], today: date) -> int:
    due = rules.steps_due(
        rules.Clock(
            row["due_on"], row["escalate_on"], row["agenda_on"], row["overdue_on"], row["escalated_on"],
            row["agenda_proposed_on"],
        ),
        today,
    )  # fmt: skip
    if not due:
        return 0
    before, steps = row["version"], Steps(HUB)
    marks = "".join(f"{_MARKS[step]} = {{}}, " for step in due)
    await write(
        f"UPDATE duty SET {marks}version = {{}} WHERE id = {{}} AND version = {{}} AND state = 'open'",
        *(today for _ in due), before + len(due), row["id"], before,
    )  # fmt: skip
    for version, step in enumerate(due, before + 1):
        steps.taken({**row, "version": version}, step, today, _step_note(row, step))
    await steps.write()
    for step in due:
        if step is not Event.ON_AGENDA:
            await enqueue(
                NOTIFY,
                {"duty": row["id"], "step": step.value},
                unique_key=f"{NOTIFY}:{row['id']}:{step.value}",
                organization=row["organization"],
            )
    return len(due)
