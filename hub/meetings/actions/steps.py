"""What every step of a meeting does: look at the table, save with the version, write the event and the audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.audit.actions import Entry, Pending, record
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Stale, WrongStep
from hub.meetings.queries import MeetingRow
from hub.meetings.queries import meeting as read_meeting
from hub.meetings.rules import PLAN_ONLY, Event, State, step
from hub.meetings.tables import Meeting, MeetingEvent

WRITE = "meeting.write"

_VERBS = {
    Event.SCHEDULE: "schedule",
    Event.MOVE: "move",
    Event.INVITE: "invite",
    Event.CANCEL: "cancel",
    Event.HOLD: "hold",
    Event.MINUTE: "minute",
    Event.POST: "post",
    Event.DECIDE: "decide",
    Event.SETTLE: "settle",
}


def tag(event: Event) -> str:
    return f"meetings:meeting:{_VERBS[event]}"


def refuse_without_right(actor: Actor, meeting: MeetingRow, event: Event) -> None:
    """Raises `Forbidden`, which leaves its own entry in the trail."""
    words = ""
    if not actor.can(WRITE):
        words = "Your role does not include holding meetings."
    elif event in PLAN_ONLY and actor.organization != meeting.plan:
        words = "The plan posts the meeting on its website; your organization is the county."
    if words:
        entry = Entry(tag(event), "Meeting", meeting.id, counterpart=other_side(actor, meeting), basis=words)
        raise Forbidden(words, audit=Pending(actor, entry))


def other_side(actor: Actor, meeting: MeetingRow) -> str:
    return meeting.county if actor.organization == meeting.plan else meeting.plan


async def load(actor: Actor, meeting_id: str, event: Event, version: int | None = None) -> MeetingRow:
    """The meeting, if this actor may take this step from here."""
    meeting = await read_meeting(actor, meeting_id)
    refuse_without_right(actor, meeting, event)
    if step(meeting.state, event) is None:
        raise WrongStep(f"A meeting that is {meeting.state} cannot be {event}.")
    if version is not None and version != meeting.version:
        raise Stale("Somebody else changed this meeting meanwhile. Look at it again; nothing was saved.")
    return meeting


async def save(
    actor: Actor,
    meeting: MeetingRow,
    event: Event,
    values: Mapping[str, Any],
    *,
    on: date | None = None,
    note: str | None = None,
    basis: str | None = None,
) -> None:
    """The next version of the meeting, and what happened."""
    after = step(meeting.state, event) or State(meeting.state)
    new: dict[Any, Any] = {**values, "state": after.value, "version": meeting.version + 1}
    changed = await (
        Meeting.update(new).where(Meeting.id == meeting.id, Meeting.version == meeting.version).returning(Meeting.id)
    )
    if not changed:
        raise Stale("Somebody else changed this meeting meanwhile. Look at it again; nothing was saved.")
    await happened(actor, meeting.id, other_side(actor, meeting), event, on=on, note=note, basis=basis)


async def happened(
    actor: Actor,
    meeting_id: str,
    counterpart: str,
    event: Event,
    *,
    on: date | None = None,
    note: str | None = None,
    basis: str | None = None,
) -> None:
    """The event row and the audit entry of one step."""
    await MeetingEvent.insert(
        MeetingEvent(
            meeting=meeting_id,
            event=event.value,
            actor_id=actor.id,
            actor_name=actor.name,
            effective_date=on or clock.today(),
            recorded_at=clock.now(),
            note=note,
        )
    )
    await record(actor, Entry(tag(event), "Meeting", meeting_id, counterpart=counterpart, basis=basis))
