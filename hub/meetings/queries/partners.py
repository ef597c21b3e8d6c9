"""MOUs as meetings see them: between whom, whether they bind, and how they stand this quarter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.db.engine import fetch
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.meetings.queries.meeting import MEETING, MeetingRow
from hub.meetings.rules import QuarterState, State, quarter_state

BINDING = ("executed", "annual_review", "amended")


@dataclass(frozen=True, slots=True)
class Parties:
    """An MOU as meetings need it: between whom, and whether it binds today."""

    agreement: str
    title: str
    county: str
    county_name: str
    plan: str
    plan_name: str
    effective_date: date | None
    binding: bool


_PARTIES = """SELECT a.id AS agreement, a.title, a.county, c.short_name AS county_name, a.plan,
    p.short_name AS plan_name, a.effective_date, a.end_date, a.state FROM agreement a
    JOIN organization c ON c.id = a.county JOIN organization p ON p.id = a.plan"""


def _parties(row: dict[str, Any], today: date) -> Parties:
    start, end, state = row["effective_date"], row.pop("end_date"), row.pop("state")
    in_force = start is not None and start <= today and (end is None or today <= end)
    return Parties(**row, binding=in_force and state in BINDING)


async def agreement_parties(actor: Actor, agreement: str) -> Parties | None:
    """None where the actor's organization is no party."""
    rows = await fetch(
        f"{_PARTIES} WHERE a.id = {{}} AND (a.county = {{}} OR a.plan = {{}})", agreement, actor.home, actor.home
    )
    return _parties(rows[0], clock.today()) if rows else None


async def binding_agreements(today: date) -> list[Parties]:
    """Every MOU in force, for the hub's own job."""
    found = [_parties(row, today) for row in await fetch(f"{_PARTIES} ORDER BY a.id")]
    return [parties for parties in found if parties.binding]


@dataclass(frozen=True, slots=True)
class Partnership:
    """An executed MOU and its meetings: how it stands this quarter is said first."""

    agreement: str
    title: str
    partner: str
    partner_name: str
    state: QuarterState
    current: MeetingRow | None  # this quarter's
    upcoming: tuple[MeetingRow, ...] = field(default=())
    past: tuple[MeetingRow, ...] = field(default=())
    binding: bool = True


async def partnerships(actor: Actor, today: date) -> list[Partnership]:
    """Every MOU of the actor's organization that binds or has had meetings; those without a meeting first."""
    actor.require("meeting.read")
    quarter = Quarter.of(today)
    rows = await fetch(f"{_PARTIES} WHERE a.county = {{}} OR a.plan = {{}}", actor.home, actor.home)
    found = await fetch(
        f"{MEETING} WHERE m.county = {{}} OR m.plan = {{}} ORDER BY m.starts_at DESC", actor.home, actor.home
    )
    meetings = [MeetingRow(**row) for row in found]
    result = []
    for parties in [_parties(row, today) for row in rows]:
        mine = [m for m in meetings if m.agreement == parties.agreement]
        if not parties.binding and not mine:
            continue
        there = [m for m in mine if m.day in quarter and m.state != State.CANCELLED]
        held_first = sorted(there, key=lambda m: (m.state != State.HELD, m.day))
        with_county = parties.plan == actor.home
        result.append(
            Partnership(
                parties.agreement,
                parties.title,
                parties.county if with_county else parties.plan,
                parties.county_name if with_county else parties.plan_name,
                quarter_state(quarter, [(m.state, m.day) for m in mine]),
                held_first[0] if held_first else None,
                tuple(reversed([m for m in mine if m.state == State.SCHEDULED])),
                tuple(m for m in mine if m.state != State.SCHEDULED),
                parties.binding,
            )
        )
    order = [QuarterState.NONE, QuarterState.SCHEDULED, QuarterState.HELD]
    return sorted(result, key=lambda x: (not x.binding, order.index(x.state), x.partner_name, x.agreement))
