"""Schedule, move, cancel, invite."""

from __future__ import annotations

from datetime import datetime

from hub.audit.actions import Entry, Pending
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter, long_date
from hub.kernel.errors import Forbidden, Issue, Problems, WrongStep
from hub.kernel.ids import new_id
from hub.meetings.actions.agenda import put_proposals
from hub.meetings.actions.steps import WRITE, happened, load, save, tag
from hub.meetings.invitation import Method, calendar_text
from hub.meetings.queries import MeetingRow, agreement_parties, attendance, invitation, seats
from hub.meetings.queries import meeting as read_meeting
from hub.meetings.rules import Event, State
from hub.meetings.tables import Attendance, Meeting
from hub.notifications.actions import send_mail

MINUTES = range(15, 8 * 60 + 1)  # a meeting of less is none, one of more is not one day's


@unit_of_work
async def schedule(actor: Actor, agreement: str, starts_at: datetime, minutes_long: int, place: str) -> str:
    """A meeting of the two partners of an MOU, with the agenda that the hub proposes. Returns its id."""
    parties = await agreement_parties(actor, agreement)
    if not actor.can(WRITE):
        words = "Your role does not include scheduling meetings."
        raise Forbidden(words, audit=Pending(actor, Entry(tag(Event.SCHEDULE), "Agreement", agreement, basis=words)))
    if not parties.binding:
        issue = Issue("agreement", "This MOU is not executed and in force, so it has no quarterly meetings yet.")
        raise WrongStep(issue.words, issues=[issue])
    _check(starts_at, minutes_long, place)
    day = clock.legal_date(starts_at)
    meeting_id = new_id()
    await Meeting.insert(
        Meeting(
            id=meeting_id,
            agreement=agreement,
            county=parties.county,
            plan=parties.plan,
            quarter=str(Quarter.of(day)),
            starts_at=starts_at,
            minutes_long=minutes_long,
            place=place.strip(),
            state=State.SCHEDULED.value,
            created_at=clock.now(),
        )
    )
    other = parties.county if actor.organization == parties.plan else parties.plan
    await happened(actor, meeting_id, other, Event.SCHEDULE, note=f"For {long_date(day)}, {place.strip()}")
    await put_proposals(await read_meeting(actor, meeting_id))
    return meeting_id


def _check(starts_at: datetime, minutes_long: int, place: str) -> None:
    problems = Problems()
    if starts_at < clock.now():
        problems.add("starts_on", "The meeting must begin in the future.")
    if minutes_long not in MINUTES:
        problems.add("minutes_long", f"A meeting lasts {MINUTES[0]} minutes to {MINUTES[-1] // 60} hours.")
    if not place.strip():
        problems.add("place", "Say where: a room, or the address of the video call.", "required")
    problems.refuse("The meeting cannot be scheduled like this.")


@unit_of_work
async def move(
    actor: Actor,
    meeting_id: str,
    version: int,
    starts_at: datetime,
    minutes_long: int,
    place: str,
    note: str | None = None,
) -> None:
    """Another time or place. Whoever was invited gets the new invitation at once."""
    meeting = await load(actor, meeting_id, Event.MOVE, version)
    _check(starts_at, minutes_long, place)
    day = clock.legal_date(starts_at)
    values = {
        "starts_at": starts_at,
        "minutes_long": minutes_long,
        "place": place.strip(),
        "quarter": str(Quarter.of(day)),
        "sequence": meeting.sequence + 1,
    }
    said = f"To {long_date(day)}, {place.strip()}" + (f": {note}" if note else "")
    await save(actor, meeting, Event.MOVE, values, note=said)
    if any(one.invited for one in await attendance(meeting_id)):
        await _send(actor, await read_meeting(actor, meeting_id), Method.REQUEST)


@unit_of_work
async def cancel(actor: Actor, meeting_id: str, version: int, note: str) -> None:
    """It will not take place; calendars are told. The quarter still needs its meeting."""
    meeting = await load(actor, meeting_id, Event.CANCEL, version)
    problems = Problems()
    if not note.strip():
        problems.add("note", "Say why the meeting is cancelled.", "required")
    problems.refuse("The meeting cannot be cancelled without a reason.")
    await save(actor, meeting, Event.CANCEL, {"sequence": meeting.sequence + 1}, note=note.strip())
    if any(one.invited for one in await attendance(meeting_id)):
        await _send(actor, await read_meeting(actor, meeting_id), Method.CANCEL)


@unit_of_work
async def invite(actor: Actor, meeting_id: str, version: int) -> int:
    """Send the calendar invitation to the four named people and their deputies. How many were invited."""
    meeting = await load(actor, meeting_id, Event.INVITE, version)
    if not await seats(meeting):
        raise WrongStep("Nobody holds a named position on that day: name people first, then invite them.")
    invited = await _send(actor, meeting, Method.REQUEST)
    await save(actor, meeting, Event.INVITE, {}, note=f"{invited} people")
    return invited


async def _send(actor: Actor, meeting: MeetingRow, method: Method) -> int:
    """To the named people of the day; a cancellation to those who were invited."""
    at_table = {seat.person: seat for seat in await seats(meeting)}
    before = {one.person for one in await attendance(meeting.id) if one.invited}
    text = calendar_text(await invitation(meeting), clock.now(), method)
    day = long_date(clock.legal_date(meeting.starts_at))
    subject = f"{'Cancelled: ' if method is Method.CANCEL else ''}{meeting.title}"
    body = f"{subject}\n\n{day}, {meeting.place}\n"
    everybody = sorted(before | (set() if method is Method.CANCEL else set(at_table)))
    for person in everybody:
        await send_mail(
            actor, person, subject, body, calendar=text, method=method.value, link=f"/meetings/{meeting.id}"
        )
    for seat in at_table.values():
        if seat.person not in before and method is Method.REQUEST:
            await Attendance.insert(
                Attendance(
                    meeting=meeting.id,
                    person=seat.person,
                    organization=seat.organization,
                    position=seat.position,
                    invited=True,
                )
            )
    return len(everybody)
