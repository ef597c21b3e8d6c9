"""MOUs as meetings see them: between whom, whether they bind, and how they stand this quarter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from hub.db.engine import fetch
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.kernel.errors import NotFound
from hub.meetings.queries.meeting import MEETING, MeetingRow
from hub.meetings.rules import QuarterState, State, quarter_state
from hub.mou.queries.in_force import in_force
from hub.mou.queries.register import visible_row
from hub.mou.queries.rows import AgreementRow


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


def _parties(row: AgreementRow, binding: bool) -> Parties:
    return Parties(
        row.id,
        row.title,
        row.county,
        row.county_short,
        row.plan,
        row.plan_short,
        row.effective_date,
        binding,
    )


async def agreement_parties(actor: Actor, agreement: str) -> Parties:
    """`NotFound` where the actor's organization is not one of the two that meet."""
    row = await visible_row(actor, agreement)
    if actor.organization not in (row.county, row.plan):
        raise NotFound("The quarterly meeting of this MOU is held by its county and its leading plan.")
    binding = row.id in {one.id for one in await in_force(clock.today(), row.county)}
    return _parties(row, binding)


async def binding_agreements(today: date, organization: str | None = None) -> list[Parties]:
    """Every MOU in force between two that meet, for the hub's own job."""
    rows = await in_force(today, organization)
    return [_parties(row, True) for row in rows if organization in (None, row.county, row.plan)]


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
    found = await fetch(
        f"{MEETING} WHERE m.county = {{}} OR m.plan = {{}} ORDER BY m.starts_at DESC, m.id DESC",
        actor.home,
        actor.home,
    )
    meetings = [MeetingRow(**row) for row in found]
    known = {parties.agreement: parties for parties in await binding_agreements(today, actor.home)}
    for m in meetings:
        ended = Parties(m.agreement, m.agreement_title, m.county, m.county_name, m.plan, m.plan_name, None, False)
        known.setdefault(m.agreement, ended)
    result = []
    for parties in known.values():
        mine = [m for m in meetings if m.agreement == parties.agreement]
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
