"""Action items: who does what until when."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.audit.actions import Entry, Pending, record
from hub.db.transaction import unit_of_work
from hub.directory import queries as directory
from hub.directory.rules import LIAISON_OF
from hub.duties.actions import cancel as cancel_duty
from hub.duties.actions import open_duty, settle
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import short_date
from hub.kernel.errors import Forbidden, Problems, Stale, WrongStep
from hub.kernel.ids import new_id
from hub.meetings.actions.steps import WRITE, happened, load, other_side
from hub.meetings.queries import ActionItemRow, action_item
from hub.meetings.queries import meeting as read_meeting
from hub.meetings.rules import Event
from hub.meetings.tables import ActionItem


@unit_of_work
async def add_action_item(
    actor: Actor, meeting_id: str, title: str, owner: str, due_on: date, *, confidential: bool = False
) -> str:
    """Decided at a meeting that was held. Its owner's side owes it as a duty; open, it stands on the next agenda."""
    meeting = await load(actor, meeting_id, Event.DECIDE)
    sides = {meeting.county: "county", meeting.plan: "plan"}
    people = {p.id: p for org in sides for p in await directory.people(org)}
    problems = Problems()
    if not title.strip():
        problems.add("title", "Say what is to be done.", "required")
    if owner not in people:
        problems.add("owner", "Choose who does it, out of the people of both sides.")
    if meeting.held_on and due_on < meeting.held_on:
        problems.add("due_on", "It cannot be due before the meeting.")
    problems.refuse("The action item cannot be recorded like this.")
    organization = people[owner].organization
    item_id = new_id()
    await ActionItem.insert(
        ActionItem(
            id=item_id,
            agreement=meeting.agreement,
            meeting=meeting_id,
            title=title.strip(),
            organization=organization,
            owner=owner,
            due_on=due_on,
            state="open",
            confidential=confidential,
        )
    )
    await open_duty(
        actor,
        "meeting-action",
        subject=("ActionItem", item_id),
        organization=organization,
        counterpart=meeting.plan if organization == meeting.county else meeting.county,
        position=LIAISON_OF[sides[organization]].value,
        title="Finish a case-specific action item" if confidential else title.strip(),
        why=f"{people[owner].name} took this on at the meeting of {short_date(meeting.day)}.",
        start=meeting.held_on or clock.today(),
        due_on=due_on,
    )
    other = other_side(actor, meeting)
    await happened(actor, meeting_id, other, Event.DECIDE, note=f"For {people[owner].name}, due {short_date(due_on)}")
    await record(actor, Entry("meetings:action-item:add", "ActionItem", item_id, counterpart=other))
    return item_id


@unit_of_work
async def complete_action_item(
    actor: Actor, item_id: str, version: int, *, on: date | None = None, outcome: str
) -> None:
    """Done, with what came of it."""
    item = await _end(actor, item_id, version, "done", on or clock.today(), outcome)
    how = f"Done on {short_date(on or clock.today())}"
    await settle(actor, "meeting-action", ("ActionItem", item.id), on=on or clock.today(), how=how)


@unit_of_work
async def drop_action_item(actor: Actor, item_id: str, version: int, *, reason: str) -> None:
    """Not to be done after all, with the reason."""
    item = await _end(actor, item_id, version, "dropped", clock.today(), reason)
    await cancel_duty(actor, "meeting-action", ("ActionItem", item.id), on=clock.today(), how="Dropped")


async def _end(actor: Actor, item_id: str, version: int, state: str, on: date, words: str) -> ActionItemRow:
    item = await action_item(actor, item_id)
    meeting = await read_meeting(actor, item.meeting)
    tag = "meetings:action-item:" + ("complete" if state == "done" else "drop")
    other = other_side(actor, meeting)
    if item.organization != actor.organization or not (actor.can(WRITE) or actor.id == item.owner):
        why = f"Only {item.organization_name} ends its own action items."
        raise Forbidden(why, audit=Pending(actor, Entry(tag, "ActionItem", item_id, counterpart=other, basis=why)))
    if item.state != "open":
        raise WrongStep(f"This action item is {item.state} already.")
    problems = Problems()
    if not words.strip():
        problems.add("outcome", "Say what came of it, or why it is dropped.", "required")
    if on > clock.today() or (meeting.held_on and on < meeting.held_on):
        problems.add("done_on", "The day lies between the meeting and today.")
    problems.refuse("The action item cannot be ended like this.")
    new: dict[Any, Any] = {"state": state, "done_on": on, "outcome": words.strip(), "version": version + 1}
    changed = await (
        ActionItem.update(new)
        .where(ActionItem.id == item_id, ActionItem.version == version, ActionItem.state == "open")
        .returning(ActionItem.id)
    )
    if not changed:
        raise Stale("Somebody else changed this action item meanwhile. Look at it again; nothing was saved.")
    said = f"{item.owner_name}: {state}"
    await happened(actor, item.meeting, other, Event.SETTLE, on=on, note=said)
    await record(actor, Entry(tag, "ActionItem", item_id, counterpart=other))
    return item
