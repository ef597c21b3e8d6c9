"""My work: the open duties of the positions that I hold, and what I wait for.

One grouped count says how much there is of what; the rules say which of it is mine; then only the rows of the asked-for
page are read, group after group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from hub.db.engine import fetch
from hub.directory import queries as directory
from hub.duties.queries.duty_rows import DUTY, DutyRow, duty_rows, position_name, responsible_position, seats_of
from hub.duties.rules import ANSWERS_FIRST, Because, Group, Seat, deals_with, end_of_week, why_mine
from hub.kernel.actor import Actor

PAGE = 50


@dataclass(frozen=True, slots=True)
class WorkFilter:
    show: Group | None = None  # None: everything
    partner: str | None = None
    offset: int = 0
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class WorkGroup:
    group: Group
    count: int  # of the whole group, not of this page
    rows: tuple[DutyRow, ...]


@dataclass(frozen=True, slots=True)
class Partner:
    id: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Worklist:
    groups: tuple[WorkGroup, ...]  # those of which this page shows rows
    counts: dict[Group, int]  # with the partner that was asked for
    partners: tuple[Partner, ...]  # whatever was asked for
    total: int  # rows that fit the filter
    everything: int  # open duties that are mine or that I wait for, unfiltered
    has_position: bool

    @property
    def rows(self) -> tuple[DutyRow, ...]:
        return tuple(row for group in self.groups for row in group.rows)


@dataclass(frozen=True, slots=True)
class _Heap:
    """Duties that are dealt alike: by one position towards one partner, escalated to one position or to none."""

    position: str
    counterpart: str | None
    escalated_to: str | None
    because: Because


_ANSWERS = ", ".join(f"'{rule}'" for rule in ANSWERS_FIRST)
_BUCKET = (
    f"CASE WHEN due_on < {{}} THEN 'overdue' WHEN due_on = {{}} THEN 'today' WHEN rule IN ({_ANSWERS}) THEN 'new' "
    "WHEN due_on <= {} THEN 'week' ELSE 'later' END"
)
_ESCALATED_TO = "CASE WHEN escalated_on IS NOT NULL THEN escalate_position END"


async def _mine(actor: Actor, seats: list[Seat], today: date) -> dict[_Heap, Counter[Group]]:
    rows = await fetch(
        f"SELECT position, counterpart, {_ESCALATED_TO} AS escalated_to, {_BUCKET} AS bucket, COUNT(*) AS n"
        " FROM duty WHERE organization = {} AND state = 'open' GROUP BY 1, 2, 3, 4",
        today,
        today,
        end_of_week(today),
        actor.home,
    )
    responsible = responsible_position(actor.organization_kind or "")
    heaps: dict[_Heap, Counter[Group]] = {}
    for row in rows:
        key = (row["position"], row["counterpart"], row["escalated_to"])
        because = why_mine(actor.id, *key, seats=seats, responsible=responsible, on=today)
        if because is not None:
            heaps.setdefault(_Heap(*key, because), Counter())[Group(row["bucket"])] += row["n"]
    return heaps


async def _awaited(actor: Actor, seats: list[Seat], today: date) -> dict[str, int]:
    """By partner: how many duties it owes us that concern us."""
    rows = await fetch(
        "SELECT organization, COUNT(*) AS n FROM duty WHERE counterpart = {} AND shared = {} AND state = 'open'"
        " GROUP BY organization",
        actor.home,
        True,
    )
    return {r["organization"]: r["n"] for r in rows if deals_with(actor.id, r["organization"], seats=seats, on=today)}


async def work_of(actor: Actor, today: date, wanted: WorkFilter | None = None) -> Worklist:
    """What somebody has to do, and what they wait for: only of their own organization, only what is theirs."""
    actor.require("work.read")
    wanted = wanted or WorkFilter()
    seats = await seats_of(actor.home, today)
    heaps, awaited = await _mine(actor, seats, today), await _awaited(actor, seats, today)
    partners = await _partners(heaps, awaited)

    if wanted.partner:
        chosen = {heap: n for heap, n in heaps.items() if heap.counterpart == wanted.partner}
        awaited_of = {org: n for org, n in awaited.items() if org == wanted.partner}
    else:
        chosen, awaited_of = heaps, awaited
    counts = {group: sum(n[group] for n in chosen.values()) for group in Group}
    counts[Group.WAITING] = sum(awaited_of.values())

    shown = [wanted.show] if wanted.show else list(Group)
    groups, skip, left = [], wanted.offset, wanted.limit
    for group in shown:
        if skip < counts[group] and left > 0:
            if group is Group.WAITING:
                rows = await _waiting_rows(actor, awaited_of, today, skip, left)
            else:
                rows = await _own_rows(actor, chosen, group, today, skip, left)
            groups.append(WorkGroup(group, counts[group], tuple(rows)))
            left -= len(rows)
        skip = max(0, skip - counts[group])
    return Worklist(
        groups=tuple(groups),
        counts=counts,
        partners=partners,
        total=sum(counts[group] for group in shown),
        everything=sum(sum(n.values()) for n in heaps.values()) + sum(awaited.values()),
        has_position=any(_sits(actor.id, seat, today) for seat in seats),
    )


def _sits(me: str, seat: Seat, today: date) -> bool:
    return me in (seat.person, seat.deputy) and seat.tenure.holds_on(today)


async def _partners(heaps: dict[_Heap, Counter[Group]], awaited: dict[str, int]) -> tuple[Partner, ...]:
    numbers = Counter(awaited)
    for heap, counts in heaps.items():
        if heap.counterpart:
            numbers[heap.counterpart] += sum(counts.values())
    if not numbers:
        return ()
    named = [o for o in await directory.organizations() if o.id in numbers]
    return tuple(Partner(o.id, o.short_name, numbers[o.id]) for o in named)


def _fits(heaps: Iterable[_Heap]) -> tuple[str, list[Any]]:
    """The SQL condition for the duties of these heaps: positions with their counterparts."""
    sets: dict[tuple[str, str | None], list[str | None]] = {}
    for heap in heaps:
        # One that came by escalation is mine only while it is escalated; the others whatever happened to them.
        escalated = heap.escalated_to if heap.because is Because.ESCALATED else None
        sets.setdefault((heap.position, escalated), []).append(heap.counterpart)
    parts, values = [], []
    for (position, escalated), counterparts in sets.items():
        named = sorted({c for c in counterparts if c is not None})
        any_of = [f"d.counterpart IN ({', '.join('{}' for _ in named)})"] if named else []
        if None in counterparts:
            any_of.append("d.counterpart IS NULL")
        part = f"d.position = {{}} AND ({' OR '.join(any_of)})"
        values += [position, *named]
        if escalated:
            part += " AND d.escalated_on IS NOT NULL AND d.escalate_position = {}"
            values.append(escalated)
        parts.append(f"({part})")
    return " OR ".join(parts), values


_FIRST = f"CASE WHEN d.rule IN ({_ANSWERS}) THEN 0 ELSE 1 END"


def _in_group(group: Group, today: date) -> tuple[str, list[Any]]:
    if group is Group.OVERDUE:
        return "d.due_on < {}", [today]
    if group is Group.TODAY:
        return "d.due_on = {}", [today]
    if group is Group.NEW:
        return f"d.due_on > {{}} AND d.rule IN ({_ANSWERS})", [today]
    if group is Group.WEEK:
        return f"d.due_on > {{}} AND d.due_on <= {{}} AND d.rule NOT IN ({_ANSWERS})", [today, end_of_week(today)]
    return f"d.due_on > {{}} AND d.rule NOT IN ({_ANSWERS})", [end_of_week(today)]


async def _own_rows(
    actor: Actor, heaps: dict[_Heap, Counter[Group]], group: Group, today: date, offset: int, limit: int
) -> list[DutyRow]:
    """Answers that somebody waits for come first; of new and overdue ones the newest, else the nearest date."""
    dates, values = _in_group(group, today)
    fits, keys = _fits(heap for heap, counts in heaps.items() if counts[group])
    order = "d.due_on DESC" if group in (Group.NEW, Group.OVERDUE) else "d.due_on"
    rows = await fetch(
        f"{DUTY} WHERE d.organization = {{}} AND d.state = 'open' AND {dates} AND ({fits})"
        f" ORDER BY {_FIRST}, {order}, d.id DESC LIMIT {{}} OFFSET {{}}",
        actor.home,
        *values,
        *keys,
        limit,
        offset,
    )
    becauses = {(heap.position, heap.counterpart, heap.escalated_to): heap.because for heap in heaps}
    shown = []
    for raw, row in zip(rows, await duty_rows(rows, today), strict=True):
        key = (row.position, row.counterpart, raw["escalate_position"] if row.escalated else None)
        because = becauses.get(key)
        shown.append(replace(row, because=because, as_who=_as_who(because, row.position)))
    return shown


def _as_who(because: Because | None, position: str) -> str:
    name = position_name(position)
    return {
        Because.DEPUTY: f"You are deputy of the {name}",
        Because.VACANT: f"The position of {name} is vacant",
        Because.ESCALATED: f"Escalated from the {name}",
    }.get(because or Because.HOLDER, "")


async def _waiting_rows(actor: Actor, awaited: dict[str, int], today: date, offset: int, limit: int) -> list[DutyRow]:
    marks = ", ".join("{}" for _ in awaited)
    rows = await fetch(
        f"{DUTY} WHERE d.counterpart = {{}} AND d.shared = {{}} AND d.state = 'open' AND d.organization IN ({marks})"
        f" ORDER BY {_FIRST}, d.due_on, d.id DESC LIMIT {{}} OFFSET {{}}",
        actor.home,
        True,
        *awaited,
        limit,
        offset,
    )
    return await duty_rows(rows, today)
