"""Reads of duties. What is for a page takes the actor and shows only what that one may see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hub.db.columns import listed
from hub.db.engine import fetch
from hub.db.lists import marks, padded
from hub.db.together import Asked, Rows, ask_together
from hub.directory import queries as directory
from hub.directory.rules import NAMES, RESPONSIBLE_OF
from hub.duties.queries.rule_rows import RULE, RuleRow, rule_row, rules_in_force
from hub.duties.rules import Because, Seat
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter, due_in_words, long_date
from hub.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class DutyRow:
    id: str
    rule: str
    title: str
    why: str
    authority: str
    verified: bool
    subject_type: str
    subject_id: str
    period: str | None
    organization: str  # owes it
    organization_name: str
    counterpart: str | None
    counterpart_name: str | None
    position: str
    opened_on: date
    due_on: date
    due_words: str
    state: str
    escalated: bool
    on_agenda: bool
    member: str | None
    because: Because | None = None  # why it stands in the asker's work list
    as_who: str = ""  # the same in words; empty for the holder

    @property
    def position_name(self) -> str:
        return position_name(self.position)


_NAMES = {position.value: name for position, name in NAMES.items()}


def position_name(position: str) -> str:
    return _NAMES.get(position, position)


DUTY_COLUMNS = (
    "d.id, d.rule, d.title, d.why, r.authority, r.verified, d.subject_type, d.subject_id, d.period,"
    " d.organization, o.short_name AS organization_name, d.counterpart, c.short_name AS counterpart_name,"
    " d.position, d.opened_on, d.due_on, d.state, d.escalated_on, d.agenda_proposed_on, d.member,"
    " d.escalate_position"
)
DUTY_JOINS = (
    "JOIN rule_version r ON r.id = d.rule_version JOIN organization o ON o.id = d.organization"
    " LEFT JOIN organization c ON c.id = d.counterpart"
)
DUTY = f"SELECT {DUTY_COLUMNS} FROM duty d {DUTY_JOINS}"

Holidays = dict[str, frozenset[date]]  # by organization


async def duty_rows(rows: Iterable[Mapping[str, Any]], today: date) -> list[DutyRow]:
    """Rows of `DUTY` with their dates in words, each by its owing organization's own holidays."""
    found = list(rows)
    days = await holidays_of({row["organization"] for row in found})
    return [duty_row(row, today, days) for row in found]


async def holidays_of(organizations: Collection[str]) -> Holidays:
    """Of each of them, in one query."""
    return (await ask_together(asked_holidays(organizations)))[0] if organizations else {}


def asked_holidays(organizations: Collection[str]) -> Asked[Holidays]:
    of = padded(sorted(organizations))

    def read(rows: Rows) -> Holidays:
        days = {row["organization"]: row["days"].split() for row in rows}
        return {one: frozenset(map(date.fromisoformat, days.get("", []) + days.get(one, []))) for one in of}

    return Asked(
        f"SELECT COALESCE(h.organization, '') AS organization, {listed('h.day')} AS days FROM holiday h"
        f" WHERE COALESCE(h.organization, '') IN ('', {marks(of)}) GROUP BY 1",
        of,
        read,
    )


def duty_row(
    row: Mapping[str, Any], today: date, holidays: Holidays, because: Because | None = None, as_who: str = ""
) -> DutyRow:
    due_words = due_in_words(row["due_on"], today, holidays[row["organization"]])
    return DutyRow(
        row["id"], row["rule"], row["title"], row["why"], row["authority"], bool(row["verified"]),
        row["subject_type"], row["subject_id"], row["period"], row["organization"], row["organization_name"],
        row["counterpart"], row["counterpart_name"], row["position"], row["opened_on"], row["due_on"],
        due_words, row["state"], row["escalated_on"] is not None,
        row["agenda_proposed_on"] is not None, row["member"], because, as_who,
    )  # fmt: skip


async def duties_of(
    subject: tuple[str, str], today: date | None = None, *, seen_by: str | None = None
) -> list[DutyRow]:
    """The duties about one thing, open ones first, by their dates. The caller knows who may see the thing.

    `seen_by`: an organization, which does not see what its partner owes to others than it.
    """
    own, values = (" AND (d.organization = {} OR d.shared = {})", [seen_by, True]) if seen_by else ("", [])
    rows = await fetch(
        f"{DUTY} WHERE d.subject_type = {{}} AND d.subject_id = {{}}{own}"
        " ORDER BY CASE WHEN d.state = 'open' THEN 0 ELSE 1 END, d.due_on, d.id",
        *subject,
        *values,
    )
    return await duty_rows(rows, today or clock.today())


async def for_agenda(county: str, plan: str, today: date) -> list[DutyRow]:
    """Open duties between two partners that hurt enough for their next meeting, the oldest first."""
    rows = await fetch(
        f"{DUTY} WHERE d.state = 'open' AND d.shared = {{}} AND d.agenda_on <= {{}}"
        " AND ((d.organization = {} AND d.counterpart = {}) OR (d.organization = {} AND d.counterpart = {}))"
        " ORDER BY d.due_on, d.id",
        True, today, county, plan, plan, county,
    )  # fmt: skip
    return await duty_rows(rows, today)


@dataclass(frozen=True, slots=True)
class Figures:
    """How the duties that came due in a quarter ended, of one organization under one rule."""

    organization: str
    counterpart: str | None
    rule: str
    met: int
    missed: int
    excused: int
    open: int

    @property
    def owed(self) -> int:
        return self.met + self.missed + self.open


async def figures(organization: str | None, counterpart: str | None, quarter: Quarter) -> list[Figures]:
    """Duties by organization, counterpart and rule that came due in a quarter. None: all."""
    rows = await fetch(
        "SELECT organization, counterpart, rule,"
        " SUM(CASE WHEN state = 'met' THEN 1 ELSE 0 END) AS met,"
        " SUM(CASE WHEN state = 'missed' THEN 1 ELSE 0 END) AS missed,"
        " SUM(CASE WHEN state = 'excused' THEN 1 ELSE 0 END) AS excused,"
        " SUM(CASE WHEN state = 'open' THEN 1 ELSE 0 END) AS open_count"
        " FROM duty WHERE due_on >= {} AND due_on <= {} AND state <> 'cancelled'"
        f"{' AND organization = {}' if organization else ''}{' AND counterpart = {}' if counterpart else ''}"
        " GROUP BY organization, counterpart, rule ORDER BY organization, counterpart, rule",
        quarter.start,
        quarter.end,
        *[value for value in (organization, counterpart) if value],
    )
    return [
        Figures(
            r["organization"],
            r["counterpart"],
            r["rule"],
            r["met"],
            r["missed"],
            r["excused"],
            r["open_count"],
        )
        for r in rows
    ]


async def seats_of(organization: str, on: date) -> list[Seat]:
    return (await ask_together(asked_seats(organization, on)))[0]


def asked_seats(organization: str, on: date) -> Asked[list[Seat]]:
    """The appointments by which an organization's work is dealt out."""
    asked = directory.asked_appointments(organization, on)
    return Asked(asked.sql, asked.args, lambda rows: [Seat(**row) for row in asked.read(rows)])


@dataclass(frozen=True, slots=True)
class EventRow:
    """One step of a duty, as the timeline shows it."""

    id: str
    event: str
    who: str
    when: datetime
    effective_date: date
    note: str | None

    @property
    def title(self) -> str:
        return self.event.replace("-", " ").capitalize()

    @property
    def anchor(self) -> str:
        return f"event-{self.id}"


@dataclass(frozen=True, slots=True)
class DutyView:
    """A duty explained: by which version of which rule, reckoned how, and what became of it."""

    duty: DutyRow
    rule: RuleRow
    rule_now: RuleRow | None  # where another version is in force by now
    calendar: str
    not_before: date | None
    escalate_to: str | None
    escalate_on: date | None
    agenda_on: date | None
    settled_on: date | None
    settlement: str | None
    events: tuple[EventRow, ...] = field(default=())


def _dated(event: Mapping[str, Any]) -> str | None:
    """The note, with the effective date where that is not the day on which the event was recorded."""
    if event["effective_date"] == clock.legal_date(event["when_at"]):
        return event["note"] or None
    dated = f"Effective {long_date(event['effective_date'])}."
    return f"{event['note']} {dated}" if event["note"] else dated


CALENDARS = {"calendar": "Calendar days", "state": "Working days of the State"}


async def duty(actor: Actor, duty_id: str, today: date) -> DutyView:
    """One duty, for the organization that owes it, and for the other side where the rule is shared."""
    actor.require("work.read")
    rows = await fetch(
        "SELECT id, rule_version, calendar, not_before, escalate_position, escalate_on, agenda_on,"
        " settled_on, settlement FROM duty"
        " WHERE id = {} AND (organization = {} OR (counterpart = {} AND shared = {}))",
        duty_id,
        actor.home,
        actor.home,
        True,
    )
    if not rows:
        raise NotFound("There is no such duty, or your organization has no part in it.")
    row = rows[0]
    shown = (await duty_rows(await fetch(f"{DUTY} WHERE d.id = {{}}", duty_id), today))[0]
    rule = rule_row((await fetch(f"{RULE} WHERE id = {{}}", row["rule_version"]))[0])
    now = (await rules_in_force(rule.rule, today)).get(rule.rule)
    events = await fetch(
        "SELECT id, event, actor_name AS who, recorded_at AS when_at, effective_date, note FROM duty_event"
        " WHERE duty = {} ORDER BY recorded_at DESC, id DESC",
        duty_id,
    )
    calendar = row["calendar"]
    named = CALENDARS.get(calendar) or f"Working days of {shown.organization_name} ({calendar})"
    return DutyView(
        duty=shown,
        rule=rule,
        rule_now=now if now and now.id != rule.id else None,
        calendar=named,
        not_before=row["not_before"],
        escalate_to=position_name(row["escalate_position"]) if row["escalate_position"] else None,
        escalate_on=row["escalate_on"],
        agenda_on=row["agenda_on"],
        settled_on=row["settled_on"],
        settlement=row["settlement"],
        events=tuple(
            EventRow(e["id"], e["event"], e["who"], e["when_at"], e["effective_date"], _dated(e)) for e in events
        ),
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """What the mail about a duty needs: where it stands, and the positions whose holders are told."""

    id: str
    title: str
    why: str
    due_words: str
    organization: str
    counterpart: str | None
    counterpart_name: str | None
    position: str
    escalate_position: str | None
    state: str


async def notice(duty_id: str, today: date) -> Notice | None:
    """For the mail of the hub's own job."""
    rows = await fetch(f"{DUTY} WHERE d.id = {{}}", duty_id)
    if not rows:
        return None
    row = (await duty_rows(rows, today))[0]
    return Notice(
        row.id, row.title, row.why, row.due_words, row.organization, row.counterpart, row.counterpart_name,
        row.position, rows[0]["escalate_position"], row.state,
    )  # fmt: skip


def responsible_position(kind: str) -> str | None:
    position = RESPONSIBLE_OF.get(kind)
    return position.value if position else None
