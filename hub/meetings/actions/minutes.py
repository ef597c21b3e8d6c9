"""Hold, minute, post."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.directory import queries as directory
from hub.directory.rules import COMPLIANCE_OF, LIAISON_OF, RESPONSIBLE_OF, Position
from hub.duties.actions import open_duty, settle
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter, long_date, short_date
from hub.kernel.errors import Problems
from hub.meetings.actions.steps import load, save
from hub.meetings.queries import MeetingRow, action_items, agenda, attendance, seats
from hub.meetings.rules import Event
from hub.meetings.tables import AgendaItem, Attendance
from hub.notifications.actions import send_mail


@unit_of_work
async def hold(
    actor: Actor,
    meeting_id: str,
    version: int,
    *,
    held_on: date,
    attended: Collection[str],
    others_present: str | None = None,
) -> None:
    """The meeting took place. It settles both liaisons' duty of the quarter, and the plan now owes its posting."""
    meeting = await load(actor, meeting_id, Event.HOLD, version)
    people = {p.id: p for org in (meeting.county, meeting.plan) for p in await directory.people(org)}
    came = {person for person in attended if person in people}
    problems = Problems()
    if held_on > clock.today():
        problems.add("held_on", "A meeting is recorded as held on its day or later.")
    for organization, name in ((meeting.county, meeting.county_name), (meeting.plan, meeting.plan_name)):
        if not any(people[person].organization == organization for person in came):
            problems.add("attended", f"Nobody of {name} is marked as present: a meeting needs both sides.")
    problems.refuse("The attendance is not complete.")
    await _record_attendance(meeting, came, {p: row.organization for p, row in people.items()})
    quarter = Quarter.of(held_on)
    values = {
        "held_on": held_on,
        "quarter": str(quarter),
        "others_present": (others_present or "").strip() or None,
    }
    await save(actor, meeting, Event.HOLD, values, on=held_on, note=f"{len(came)} people of both sides")
    subject = ("Agreement", meeting.agreement)
    held = f"Meeting held on {short_date(held_on)}"
    await settle(actor, "meeting-quarterly", subject, on=held_on, how=held, period=str(quarter))
    await open_duty(
        actor,
        "meeting-posted",
        subject=("Meeting", meeting.id),
        organization=meeting.plan,
        counterpart=meeting.county,
        position=LIAISON_OF["plan"].value,
        title=f"Post the quarterly meeting with {meeting.county_name}",
        why=f"The meeting was held on {long_date(held_on)}; the plan posts its date and time on its website.",
        start=held_on,
    )


async def _record_attendance(meeting: MeetingRow, came: set[str], organization_of: Mapping[str, str]) -> None:
    listed = {one.person for one in await attendance(meeting.id)}
    positions = {seat.person: seat.position for seat in await seats(meeting)}
    for person in sorted(listed | set(positions) | came):
        there = person in came
        if person in listed:
            await Attendance.update({"attended": there}).where(
                Attendance.meeting == meeting.id, Attendance.person == person
            )
        elif person in organization_of:
            await Attendance.insert(
                Attendance(
                    meeting=meeting.id,
                    person=person,
                    organization=organization_of[person],
                    position=positions.get(person),
                    invited=False,
                    attended=there,
                )
            )


@unit_of_work
async def minute(
    actor: Actor,
    meeting_id: str,
    version: int,
    *,
    minutes: str,
    decisions: str = "",
    discussed: Mapping[str, str] | None = None,
    finish: bool = True,
) -> None:
    """What was said and decided. Finished for the first time, the update goes to those who answer for the MOU (Q5)."""
    meeting = await load(actor, meeting_id, Event.MINUTE, version)
    problems = Problems()
    if finish and not minutes.strip():
        problems.add("minutes", "Write what was discussed before you finish the minutes.", "required")
    problems.refuse("The minutes are not complete.")
    shown, _ = await agenda(actor, meeting_id)
    for item in shown:
        said = (discussed or {}).get(item.id)
        if said is not None:
            await AgendaItem.update({"discussed": said.strip() or None}).where(AgendaItem.id == item.id)
    first = finish and meeting.minuted_on is None
    values = {
        "minutes": minutes.strip() or None,
        "decisions": decisions.strip() or None,
        "minuted_on": clock.today() if first else meeting.minuted_on,
    }
    note = "Finished; the update was sent" if first else "Corrected" if meeting.minuted_on else "Draft saved"
    await save(actor, meeting, Event.MINUTE, values, note=note)
    if first:
        await _send_update(actor, meeting, decisions.strip())


async def _send_update(actor: Actor, meeting: MeetingRow, decisions: str) -> None:
    """To both responsible persons and the plan's compliance officer (Q5). No case is named in it."""
    items = [i for i in await action_items(actor, meeting=meeting.id) if not i.confidential]
    lines = [f"- {i.title}: {i.owner_name}, due {short_date(i.due_on)}" for i in items]
    held_on = meeting.held_on or meeting.day
    body = "\n".join(
        [
            f"{meeting.county_name} and {meeting.plan_name} met on {long_date(held_on)}.",
            "",
            "Decisions:",
            decisions or "none",
            "",
            "Action items:",
            *(lines or ["none"]),
        ]
    )
    for person in await _told(meeting):
        await send_mail(actor, person, f"Minutes: {meeting.title}", body, link=f"/meetings/{meeting.id}")


async def _told(meeting: MeetingRow) -> list[str]:
    wanted: list[tuple[Position, str, str]] = [
        (RESPONSIBLE_OF["plan"], meeting.plan, meeting.county),
        (COMPLIANCE_OF["plan"], meeting.plan, meeting.county),
        (RESPONSIBLE_OF["county"], meeting.county, meeting.plan),
    ]
    holders = [await directory.holder(*place, clock.today()) for place in wanted]
    return list(dict.fromkeys(holder.person for holder in holders if holder))


@unit_of_work
async def post(actor: Actor, meeting_id: str, version: int, *, posted_on: date, where: str) -> None:
    """The plan has posted date and time of the meeting (domain.md 1.5)."""
    meeting = await load(actor, meeting_id, Event.POST, version)
    problems = Problems()
    if posted_on > clock.today():
        problems.add("posted_on", "This day is still to come.")
    if meeting.held_on and posted_on < meeting.held_on:
        problems.add("posted_on", "The meeting was held later than that.")
    if not where.strip():
        problems.add("where", "Give the address of the page on which it is posted.", "required")
    problems.refuse("The posting cannot be recorded like this.")
    values = {"posted_on": posted_on, "posted_where": where.strip()}
    await save(actor, meeting, Event.POST, values, on=posted_on, note=where.strip())
    how = f"Posted on {short_date(posted_on)}"
    await settle(actor, "meeting-posted", ("Meeting", meeting.id), on=posted_on, how=how)


async def held_days(agreement: str, quarter: Quarter) -> list[date]:
    """The days on which the partners met in a quarter."""
    rows = await fetch(
        "SELECT held_on FROM meeting WHERE agreement = {} AND state = 'held' AND held_on >= {} AND held_on <= {}"
        " ORDER BY held_on",
        agreement,
        quarter.start,
        quarter.end,
    )
    return [row["held_on"] for row in rows]
