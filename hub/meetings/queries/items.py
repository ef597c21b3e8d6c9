"""Action items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.db.engine import fetch
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.meetings.queries.meeting import may_see


@dataclass(frozen=True, slots=True)
class ActionItemRow:
    id: str
    agreement: str
    meeting: str
    title: str
    organization: str
    organization_name: str
    owner: str
    owner_name: str
    due_on: date
    state: str
    done_on: date | None
    outcome: str | None
    confidential: bool
    version: int

    def overdue(self, today: date) -> bool:
        return self.state == "open" and self.due_on < today


ACTION = """SELECT i.id, i.agreement, i.meeting, i.title, i.organization, o.short_name AS organization_name, i.owner,
    p.given, p.family, i.due_on, i.state, i.done_on, i.outcome, i.confidential, i.version
    FROM action_item i JOIN organization o ON o.id = i.organization JOIN person p ON p.id = i.owner
    JOIN agreement a ON a.id = i.agreement JOIN meeting m ON m.id = i.meeting"""


def action_row(row: dict[str, Any]) -> ActionItemRow:
    given, family = row.pop("given"), row.pop("family")
    return ActionItemRow(**{**row, "confidential": bool(row["confidential"])}, owner_name=f"{given} {family}")


async def action_item(actor: Actor, item_id: str) -> ActionItemRow:
    actor.require("meeting.read")
    rows = await fetch(
        f"{ACTION} WHERE i.id = {{}} AND (m.county = {{}} OR m.plan = {{}})", item_id, actor.home, actor.home
    )
    if not rows or not may_see(actor, bool(rows[0]["confidential"])):
        raise NotFound("There is no such action item, or it is not for you to see.")
    return action_row(rows[0])


async def action_items(actor: Actor, *, meeting: str | None = None, open_only: bool = False) -> list[ActionItemRow]:
    """Of the actor's organization and its partners; overdue ones come first, because they are the oldest."""
    actor.require("meeting.read")
    where, values = "(m.county = {} OR m.plan = {})", [actor.home, actor.home]
    if meeting is not None:
        where, values = where + " AND i.meeting = {}", [*values, meeting]
    if open_only:
        where += " AND i.state = 'open'"
    rows = await fetch(f"{ACTION} WHERE {where} ORDER BY i.due_on, i.id", *values)
    return [action_row(row) for row in rows if may_see(actor, bool(row["confidential"]))]
