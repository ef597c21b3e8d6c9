"""The agenda: what the hub proposes, and what people make of it."""

from __future__ import annotations

from hub.audit.actions import Entry, record
from hub.db.engine import fetch, fetch_value
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound, Problems, WrongStep
from hub.kernel.ids import new_id
from hub.meetings.actions.steps import load, other_side
from hub.meetings.queries import CASES, MeetingRow, knows
from hub.meetings.rules import Event, Kind, Topic, item_key, propose_agenda, what_is_new
from hub.meetings.tables import AgendaItem


@unit_of_work
async def refresh_agenda(actor: Actor, meeting_id: str) -> int:
    """Add what has come up since; leave alone what people edited or took off. How many items are new."""
    meeting = await load(actor, meeting_id, Event.MOVE)
    added = await put_proposals(meeting)
    await _record(actor, meeting, "refresh", {"added": added})
    return added


async def put_proposals(meeting: MeetingRow) -> int:
    """Part of the caller's unit of work."""
    rows = await fetch("SELECT kind, topic, subject_type, subject_id FROM agenda_item WHERE meeting = {}", meeting.id)
    there = {item_key(row["kind"], row["topic"], row["subject_type"], row["subject_id"]) for row in rows}
    new = what_is_new(propose_agenda(await knows(meeting, clock.today())), there)
    place = await _next_place(meeting.id)
    if new:
        await AgendaItem.insert(
            *[
                AgendaItem(
                    meeting=meeting.id,
                    position=place + number,
                    topic=item.topic.value,
                    kind=item.kind.value,
                    title=item.title,
                    why=item.why,
                    subject_type=item.subject_type,
                    subject_id=item.subject_id,
                    confidential=item.confidential,
                )
                for number, item in enumerate(new)
            ]
        )
    return len(new)


async def _next_place(meeting_id: str) -> int:
    last = await fetch_value("SELECT MAX(position) AS last FROM agenda_item WHERE meeting = {}", meeting_id)
    return int(last or 0) + 1


@unit_of_work
async def add_item(
    actor: Actor, meeting_id: str, topic: str, title: str, why: str | None = None, *, confidential: bool = False
) -> str:
    """An item of somebody's own. Whatever concerns one case is confidential, whether or not that was ticked."""
    meeting = await load(actor, meeting_id, Event.MOVE)
    problems = Problems()
    if topic not in set(Topic):
        problems.add("topic", "Choose what the item belongs to.")
    if not title.strip():
        problems.add("title", "Say what is to be discussed.", "required")
    problems.refuse("The item cannot be added like this.")
    item_id = new_id()
    await AgendaItem.insert(
        AgendaItem(
            id=item_id,
            meeting=meeting_id,
            position=await _next_place(meeting_id),
            topic=topic,
            kind=Kind.ADDED.value,
            title=title.strip(),
            why=why or f"Added by {actor.name}.",
            subject_type="Item",
            subject_id=item_id,
            confidential=confidential or topic == Topic.CASE_SPECIFIC,
        )
    )
    await _record(actor, meeting, "add", {"item": item_id})
    return item_id


@unit_of_work
async def edit_item(actor: Actor, item_id: str, title: str) -> None:
    """Other words for an item. The next proposal leaves them as they are."""
    meeting = await _load_item(actor, item_id)
    problems = Problems()
    if not title.strip():
        problems.add("title", "Say what is to be discussed.", "required")
    problems.refuse("An item needs its words.")
    await AgendaItem.update({"title": title.strip()}).where(AgendaItem.id == item_id)
    await _record(actor, meeting, "edit", {"item": item_id})


@unit_of_work
async def remove_item(actor: Actor, item_id: str, *, back: bool = False) -> None:
    """Take an item off the agenda, or put it back."""
    meeting = await _load_item(actor, item_id)
    await AgendaItem.update({"removed": not back}).where(AgendaItem.id == item_id)
    await _record(actor, meeting, "restore" if back else "remove", {"item": item_id})


async def _load_item(actor: Actor, item_id: str) -> MeetingRow:
    """The meeting of an item that the actor may see and, before the meeting is held, change."""
    rows = await fetch("SELECT meeting, confidential FROM agenda_item WHERE id = {}", item_id)
    if not rows or (rows[0]["confidential"] and not actor.can(CASES)):
        raise NotFound("There is no such item on an agenda.")
    try:
        return await load(actor, rows[0]["meeting"], Event.MOVE)
    except WrongStep:
        raise WrongStep("The agenda changes only until the meeting is held.") from None


async def _record(actor: Actor, meeting: MeetingRow, verb: str, detail: dict[str, object]) -> None:
    entry = Entry(
        f"meetings:agenda:{verb}", "Meeting", meeting.id, counterpart=other_side(actor, meeting), detail=detail
    )
    await record(actor, entry)
