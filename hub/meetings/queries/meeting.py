"""One meeting: what it is, its agenda, who came, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hub.db.engine import fetch
from hub.directory.rules import NAMES, Position
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import short_date
from hub.kernel.errors import NotFound
from hub.meetings.rules import TOPIC_WORDS, Topic, in_order

CASES = "referral.read"  # who may see referrals may see case-specific items


def may_see(actor: Actor, confidential: bool) -> bool:
    return actor.can(CASES) or not confidential


@dataclass(frozen=True, slots=True)
class MeetingRow:
    id: str
    agreement: str
    agreement_title: str
    county: str
    county_name: str
    plan: str
    plan_name: str
    quarter: str
    starts_at: datetime
    minutes_long: int
    place: str
    state: str
    sequence: int
    held_on: date | None
    minutes: str | None
    decisions: str | None
    others_present: str | None
    minuted_on: date | None
    posted_on: date | None
    posted_where: str | None
    version: int

    @property
    def day(self) -> date:
        """The legal date: on which it was held, or is to be."""
        return self.held_on or clock.legal_date(self.starts_at)

    @property
    def title(self) -> str:
        return f"Quarterly meeting of {self.county_name} and {self.plan_name}, {short_date(self.day)}"

    def partner_of(self, organization: str | None) -> str:
        return self.county_name if organization == self.plan else self.plan_name


MEETING = """SELECT m.id, m.agreement, a.title AS agreement_title, m.county, c.short_name AS county_name, m.plan,
    p.short_name AS plan_name, m.quarter, m.starts_at, m.minutes_long, m.place, m.state, m.sequence, m.held_on,
    m.minutes, m.decisions, m.others_present, m.minuted_on, m.posted_on, m.posted_where, m.version
    FROM meeting m JOIN agreement a ON a.id = m.agreement JOIN organization c ON c.id = m.county
    JOIN organization p ON p.id = m.plan"""


async def meeting(actor: Actor, meeting_id: str) -> MeetingRow:
    """One meeting of the actor's organization. `NotFound` for everybody else."""
    actor.require("meeting.read")
    rows = await fetch(
        f"{MEETING} WHERE m.id = {{}} AND (m.county = {{}} OR m.plan = {{}})",
        meeting_id,
        actor.home,
        actor.home,
    )
    if not rows:
        raise NotFound("There is no such meeting, or your organization has no part in it.")
    return MeetingRow(**rows[0])


@dataclass(frozen=True, slots=True)
class AgendaRow:
    id: str
    topic: str
    kind: str
    title: str
    why: str | None
    subject_type: str | None
    subject_id: str | None
    confidential: bool
    discussed: str | None
    removed: bool

    @property
    def topic_words(self) -> str:
        return TOPIC_WORDS[Topic(self.topic)]


_ITEM = """SELECT id, meeting, topic, kind, title, why, subject_type, subject_id, confidential, discussed, removed,
    position FROM agenda_item"""


def _agenda_row(row: dict[str, Any]) -> AgendaRow:
    plain = {name: value for name, value in row.items() if name not in ("meeting", "position")}
    flags = {name: bool(row[name]) for name in ("confidential", "removed")}
    return AgendaRow(**{**plain, **flags})


async def agenda(actor: Actor, meeting_id: str) -> tuple[list[AgendaRow], int]:
    """The items that the actor may see, in their order, and how many stay hidden.

    For a meeting that `meeting` has let through.
    """
    rows = await fetch(f"{_ITEM} WHERE meeting = {{}}", meeting_id)
    rows.sort(key=lambda row: (*in_order(row["topic"], row["kind"]), row["position"], row["id"]))
    items = [_agenda_row(row) for row in rows]
    shown = [item for item in items if may_see(actor, item.confidential)]
    hidden = sum(not item.removed for item in items) - sum(not item.removed for item in shown)
    return shown, hidden


async def agenda_item(actor: Actor, item_id: str) -> tuple[MeetingRow, AgendaRow]:
    """One item that the actor may see, with its meeting."""
    rows = await fetch(f"{_ITEM} WHERE id = {{}}", item_id)
    if not rows or not may_see(actor, bool(rows[0]["confidential"])):
        raise NotFound("There is no such item on an agenda.")
    return await meeting(actor, rows[0]["meeting"]), _agenda_row(rows[0])


@dataclass(frozen=True, slots=True)
class Attendee:
    person: str
    name: str
    organization: str
    organization_name: str
    position: str | None
    invited: bool
    attended: bool

    @property
    def position_words(self) -> str:
        return NAMES[Position(self.position)] if self.position in set(Position) else ""


async def attendance(meeting_id: str) -> list[Attendee]:
    rows = await fetch(
        "SELECT t.person, p.given, p.family, t.organization, o.short_name AS organization_name, t.position,"
        " t.invited, t.attended FROM meeting_attendance t JOIN person p ON p.id = t.person"
        " JOIN organization o ON o.id = t.organization WHERE t.meeting = {}"
        " ORDER BY o.kind, o.name, p.family, p.given, p.id",
        meeting_id,
    )
    return [
        Attendee(
            row["person"],
            f"{row['given']} {row['family']}",
            row["organization"],
            row["organization_name"],
            row["position"],
            bool(row["invited"]),
            bool(row["attended"]),
        )
        for row in rows
    ]


def grouped(items: Sequence[AgendaRow]) -> list[tuple[str, list[AgendaRow]]]:
    """By topic, in the order of the meeting."""
    return [
        (TOPIC_WORDS[topic], these) for topic in Topic if (these := [item for item in items if item.topic == topic])
    ]


@dataclass(frozen=True, slots=True)
class EventRow:
    id: str
    title: str
    who: str
    when: datetime
    note: str | None

    @property
    def anchor(self) -> str:
        return f"event-{self.id}"


async def events(meeting_id: str) -> list[EventRow]:
    """The timeline, newest first."""
    rows = await fetch(
        "SELECT id, event, actor_name AS who, recorded_at AS at, effective_date, note FROM meeting_event"
        " WHERE meeting = {} ORDER BY recorded_at DESC, id DESC",
        meeting_id,
    )
    return [EventRow(row["id"], str(row["event"]).capitalize(), row["who"], row["at"], row["note"]) for row in rows]
