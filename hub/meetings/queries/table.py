"""For the hub itself, whoever asks: what it knows for an agenda, and who belongs at the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.db.engine import fetch
from hub.directory import queries as directory
from hub.directory.rules import LIAISON_OF, NAMES, REQUIRED_FOR_MOU, SIDE
from hub.duties import queries as duties
from hub.kernel import clock
from hub.meetings.invitation import Invitation, Invitee
from hub.meetings.queries.items import ACTION, action_row
from hub.meetings.queries.meeting import MeetingRow
from hub.meetings.rules import HurtingDuty, Knows, OpenAction, Vacancy, in_order


async def knows(meeting: MeetingRow, today: date) -> Knows:
    """What the hub knows for the agenda of a meeting."""
    rows = await fetch(
        f"{ACTION} WHERE i.agreement = {{}} AND i.state = 'open' AND i.meeting <> {{}} ORDER BY i.due_on",
        meeting.agreement,
        meeting.id,
    )
    actions = [
        OpenAction(i.id, i.title, i.owner_name, i.organization_name, i.due_on, i.confidential)
        for i in map(action_row, rows)
    ]
    hurting = [
        HurtingDuty(
            d.id, d.title, d.why, d.due_on, d.organization, d.organization_name, d.subject_type, d.subject_id,
            about_member=d.member is not None or d.subject_type == "Task",
        )
        for d in await duties.for_agenda(meeting.county, meeting.plan, today)
    ]  # fmt: skip
    return Knows(today, actions, hurting, await _vacancies(meeting, max(today, meeting.day)))


async def _vacancies(meeting: MeetingRow, on: date) -> list[Vacancy]:
    sides = {
        "county": (meeting.county, meeting.county_name, meeting.plan),
        "plan": (meeting.plan, meeting.plan_name, meeting.county),
    }
    found = []
    for kind, (organization, name, other) in sides.items():
        held = {holder.position for holder in await directory.holders(organization, other, on)}
        needed = [position for position in REQUIRED_FOR_MOU if SIDE[position] == kind]
        found += [Vacancy(organization, name, p.value, NAMES[p]) for p in needed if p not in held]
    return found


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody who belongs at the table: one of the four named people, or a deputy."""

    person: str
    name: str
    email: str
    organization: str
    organization_name: str
    position: str
    position_words: str


async def seats(meeting: MeetingRow) -> list[Seat]:
    """The four named people and their deputies on the day of the meeting, each once."""
    found: dict[str, Seat] = {}
    for kind, organization, name, other in (
        ("county", meeting.county, meeting.county_name, meeting.plan),
        ("plan", meeting.plan, meeting.plan_name, meeting.county),
    ):
        for holder in await directory.holders(organization, other, meeting.day):
            if holder.position not in REQUIRED_FOR_MOU or SIDE[holder.position] != kind:
                continue
            words = NAMES[holder.position]
            people = [(holder.person, holder.name, holder.email, words)]
            if holder.deputy:
                deputy = (holder.deputy, holder.deputy_name or "", holder.deputy_email or "", f"{words}, deputy")
                people.append(deputy)
            for person, full_name, email, said in people:
                seat = Seat(person, full_name, email, organization, name, holder.position.value, said)
                found.setdefault(person, seat)
    return list(found.values())


async def invitation(meeting: MeetingRow) -> Invitation:
    """For mail and download alike. The plan's liaison invites (domain.md 1.5), else the county's; no case is named."""
    at_table = await seats(meeting)
    liaisons = [s for kind in ("plan", "county") for s in at_table if s.position == LIAISON_OF[kind]]
    rows = await fetch(
        "SELECT topic, kind, title FROM agenda_item WHERE meeting = {} AND confidential = {} AND removed = {}"
        " ORDER BY position, id",
        meeting.id,
        False,
        False,
    )
    rows.sort(key=lambda row: in_order(row["topic"], row["kind"]))
    lines = [f"- {row['title']}" for row in rows]
    about = "\n".join(["Agenda:", *lines, "", "Sign in to the hub for the whole agenda."])
    return Invitation(
        meeting.id,
        meeting.sequence,
        meeting.starts_at,
        meeting.minutes_long,
        meeting.place,
        f"IHSS quarterly meeting: {meeting.county_name} and {meeting.plan_name}",
        about,
        Invitee(liaisons[0].name, liaisons[0].email) if liaisons else None,
        [Invitee(seat.name, seat.email) for seat in at_table],
    )


async def posting_duty(meeting: MeetingRow) -> duties.DutyRow | None:
    """The plan's open duty to post the meeting."""
    owed = await duties.duties_of(("Meeting", meeting.id), clock.today())
    return next((duty for duty in owed if duty.state == "open"), None)
