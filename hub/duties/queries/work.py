"""My work: the open duties of the positions that I hold, and what I wait for.

The rules say which positions towards which partners are mine; then the database counts those duties and finds the rows
of the asked-for page. A large county has thousands open: they are counted and put in order by indexes alone, and only
the rows of the page are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from hub.db.engine import is_sqlite, look_up
from hub.db.lists import marks, padded
from hub.db.together import Asked, Rows, ask_together
from hub.directory.rules import positions_of_kind
from hub.duties.queries.duty_rows import (
    DUTY_COLUMNS,
    DUTY_JOINS,
    DutyRow,
    Holidays,
    asked_holidays,
    asked_seats,
    duty_row,
    holidays_of,
    position_name,
    responsible_position,
)
from hub.duties.rules import ANSWERS_FIRST, Because, Desks, Group, end_of_week
from hub.kernel.actor import Actor

PAGE = 25


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
class _Towards:
    """Some partners: these, or all but these. Nobody in particular is among all but these, or one of these as ''."""

    those: tuple[str, ...]
    others: bool = False

    def __bool__(self) -> bool:
        return bool(self.those) or self.others

    def __contains__(self, partner: str | None) -> bool:
        return ((partner or "") in self.those) != self.others

    def sql(self, column: str) -> tuple[str, list[Any]]:
        of = padded(sorted(self.those))
        if self.others and not of:
            return "1 = 1", []
        return f"{column} {'NOT IN' if self.others else 'IN'} ({marks(of)})", [*of]


@dataclass(frozen=True, slots=True)
class _Pile:
    """Duties of one position that are mine; those that `rose` only since they escalated to a position of mine."""

    home: str
    position: str
    towards: _Towards
    rose: str | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """For duties `d`, whatever the partner: the first columns of their indexes."""
        sql, values = "d.organization = {} AND d.position = {} AND d.state = 'open'", [self.home, self.position]
        if self.rose:
            sql += " AND d.escalate_position = {} AND d.escalated_on IS NOT NULL"
            values.append(self.rose)
        return sql, values


@dataclass(frozen=True, slots=True)
class _Awaited:
    """What partners owe us that I work with."""

    home: str
    towards: _Towards

    def sql(self) -> tuple[str, list[Any]]:
        return "d.counterpart = {} AND d.shared = {} AND d.state = 'open'", [self.home, True]


_Heap = _Pile | _Awaited
_Part = tuple[Group, list[str | None], int, int]  # of a page: group, its partners, rows to skip, most rows to show


@dataclass(frozen=True, slots=True)
class _Found:
    counts: dict[str | None, Counter[Group]] = field(default_factory=dict)  # by partner
    risen: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # position, and to which: partners


_ANSWERS = ", ".join(f"'{rule}'" for rule in ANSWERS_FIRST)


async def work_of(actor: Actor, today: date, wanted: WorkFilter | None = None) -> Worklist:
    """What somebody has to do, and what they wait for: only of their own organization, only what is theirs."""
    actor.require("work.read")
    wanted = wanted or WorkFilter()
    seats, holidays = await ask_together(asked_seats(actor.home, today), asked_holidays([actor.home]))
    desks = Desks(seats, responsible_position(actor.organization_kind or ""), today)
    own, awaited = _own(desks, actor), _Awaited(actor.home, _those(desks, partial(desks.deals_with, actor.id)))
    found = await _count(own, awaited, desks, actor, today)

    counts = Counter[Group]()
    for partner, of in found.counts.items():
        if wanted.partner in (None, partner):
            counts.update(of)
    shown = [wanted.show] if wanted.show else list(Group)
    parts: list[_Part] = []
    skip, left = wanted.offset, wanted.limit
    for group in shown:
        if skip < counts[group] and left > 0:
            partners = [one for one, of in found.counts.items() if of[group] and wanted.partner in (None, one)]
            parts.append((group, partners, skip, left))
            left -= min(left, counts[group] - skip)
        skip = max(0, skip - counts[group])
    numbers = {partner: sum(of.values()) for partner, of in found.counts.items() if partner is not None}
    names: list[tuple[str, str]] = []
    raw: Rows = []
    if parts:
        risen = [_Pile(actor.home, one, _Towards(tuple(of)), above) for (one, above), of in found.risen.items()]
        rows_of = _asked_rows([*own, *risen, awaited], parts, today)
        names, raw = await ask_together(_asked_names(numbers), rows_of)
    elif numbers:
        (names,) = await ask_together(_asked_names(numbers))
    rows = await _rows(raw, desks, actor, today, holidays)
    return Worklist(
        groups=tuple(WorkGroup(group, counts[group], tuple(rows[group])) for group, *_ in parts if group in rows),
        counts={group: counts[group] for group in Group},
        partners=tuple(Partner(one, name, numbers[one]) for one, name in names),
        total=sum(counts[group] for group in shown),
        everything=sum(sum(of.values()) for of in found.counts.values()),
        has_position=bool(desks.of(actor.id)),
    )


def _own(desks: Desks, actor: Actor) -> list[_Pile]:
    """What is mine whatever happens to it."""
    known = {position.value for position in positions_of_kind(actor.organization_kind or "")}
    return [
        _Pile(actor.home, position, towards)
        for position in sorted(desks.positions | known)
        if (towards := _those(desks, partial(desks.why, actor.id, position)))
    ]


def _those(desks: Desks, mine: Callable[[str | None], object]) -> _Towards:
    others = bool(mine(None))
    return _Towards(tuple(sorted(one for one in desks.partners if bool(mine(one)) != others)), others)


def _counting(mine: str, args: list[Any], partner: str, towards: str, today: date) -> tuple[str, list[Any]]:
    """A number for each group. What lies together in an index is counted in less time than it is grouped; nothing is
    counted twice.
    """
    counts, values = [], []
    for group in (Group.LATER, Group.OVERDUE, Group.TODAY, Group.WEEK, Group.NEW):
        parts = []
        for dates, days in _later(today) if group is Group.LATER else [_in_group(group, today)]:
            parts.append(f"(SELECT COUNT(*) FROM duty d WHERE {mine} AND {towards}{dates})")
            values += [*args, *days]
        counts.append(f"{' + '.join(parts)} AS {group}")
    return f"SELECT 'own' AS kind, '' AS position, {partner} AS partner, '' AS above, {', '.join(counts)}", values


def _later(today: date) -> list[tuple[str, list[Any]]]:
    """The group in ranges of the index by rule: those before, between and after the rules that it leaves out. COALESCE
    keeps PostgreSQL from the index by date, in which it would walk over those too.
    """
    names = sorted(ANSWERS_FIRST)
    bounds = [
        "".join((f" AND d.rule > '{low}'" if low else "", f" AND d.rule < '{high}'" if high else ""))
        for low, high in zip([None, *names], [*names, None], strict=True)
    ]
    return [(f" AND COALESCE(d.due_on, d.due_on) > {{}}{bound}", [end_of_week(today)]) for bound in bounds]


async def _count(own: Sequence[_Pile], awaited: _Awaited, desks: Desks, actor: Actor, today: date) -> _Found:
    """How many there are of what, in one statement: mine, what rose to positions of mine, what partners owe us."""
    arms: list[str] = []
    values: list[Any] = []

    def add(arm: str, args: Iterable[Any]) -> None:
        arms.append(arm)
        values.extend(args)

    for pile in own:
        mine, args = pile.sql()
        to, partners = pile.towards.sql("o.id")
        if pile.towards.others:
            add(*_counting(mine, args, "CAST(NULL AS VARCHAR)", "d.counterpart IS NULL", today))
            to += f" AND EXISTS (SELECT 1 FROM duty d WHERE {mine} AND d.counterpart = o.id)"
            partners += args
        counting, args = _counting(mine, args, "o.id", "d.counterpart = o.id", today)
        add(f"{counting} FROM organization o WHERE {to}", [*args, *partners])
    if positions := padded(sorted(desks.of(actor.id))):
        add(
            "SELECT 'risen', d.position, d.counterpart, d.escalate_position,"
            f" SUM(CASE WHEN d.due_on > {{}} THEN {_FIRST} ELSE 0 END),"
            " SUM(CASE WHEN d.due_on < {} THEN 1 ELSE 0 END), SUM(CASE WHEN d.due_on = {} THEN 1 ELSE 0 END),"
            f" SUM(CASE WHEN d.due_on > {{}} AND d.due_on <= {{}} THEN {_FIRST} ELSE 0 END),"
            f" SUM(CASE WHEN d.due_on > {{}} THEN 1 - {_FIRST} ELSE 0 END) FROM duty d"
            f" WHERE d.organization = {{}} AND d.escalate_position IN ({marks(positions)}) AND d.state = 'open'"
            " AND d.escalated_on IS NOT NULL GROUP BY d.position, d.counterpart, d.escalate_position",
            [end_of_week(today), today, today, today, end_of_week(today), today, actor.home, *positions],
        )
    if awaited.towards:
        to, partners = awaited.towards.sql("o.id")
        owed, args = awaited.sql()
        add(
            f"SELECT 'waiting', '', o.id, '', (SELECT COUNT(*) FROM duty d WHERE {owed} AND d.organization = o.id),"
            f" 0, 0, 0, 0 FROM organization o WHERE {to}",
            [*args, *partners],
        )
    found = _Found()
    for row in await look_up(" UNION ALL ".join(arms), *values) if arms else ():
        partner, position, above = row["partner"], row["position"], row["above"]
        if row["kind"] == "risen":
            if desks.why(actor.id, position, partner, above) is not Because.ESCALATED:
                continue  # it is counted with mine
            found.risen.setdefault((position, above), set()).add(partner or "")
        numbers = {group: row[group] for group in Group if row.get(group)}
        if row["kind"] == "waiting":
            numbers = {Group.WAITING: sum(numbers.values())}
        if any(numbers.values()):
            found.counts.setdefault(partner, Counter()).update(numbers)
    return found


def _asked_names(partners: Iterable[str]) -> Asked[list[tuple[str, str]]]:
    of = padded(sorted(partners)) or [""]
    return Asked(
        f"SELECT id, name, short_name FROM organization WHERE id IN ({marks(of)}) AND active = {{}}",
        [*of, True],
        lambda rows: [(row["id"], row["short_name"]) for row in sorted(rows, key=lambda row: str(row["name"]))],
    )


_FIRST = f"CASE WHEN d.rule IN ({_ANSWERS}) THEN 0 ELSE 1 END"
_NEWEST_FIRST = (Group.NEW, Group.OVERDUE)


def _in_group(group: Group, today: date) -> tuple[str, list[Any]]:
    if group is Group.OVERDUE:
        return " AND d.due_on < {}", [today]
    if group is Group.TODAY:
        return " AND d.due_on = {}", [today]
    if group is Group.NEW:
        return f" AND d.due_on > {{}} AND d.rule IN ({_ANSWERS})", [today]
    if group is Group.WEEK:
        return f" AND d.due_on > {{}} AND d.due_on <= {{}} AND d.rule NOT IN ({_ANSWERS})", [today, end_of_week(today)]
    if group is Group.LATER:
        return f" AND d.due_on > {{}} AND d.rule NOT IN ({_ANSWERS})", [end_of_week(today)]
    return "", []


def _asked_rows(heaps: Iterable[_Heap], parts: Sequence[_Part], today: date) -> Asked[Rows]:
    """Answers that somebody waits for come first; of new and overdue ones the newest, else the nearest date."""
    lists, values = [], []
    for group, partners, skip, limit in parts:
        arms, (dates, days) = [], _in_group(group, today)
        mixed = group in (Group.OVERDUE, Group.TODAY, Group.WAITING)  # with answers and others in it
        way = "DESC" if group in _NEWEST_FIRST else "ASC"
        # Of each partner alone PostgreSQL takes the first ones out of the index; of several at once it takes all of
        # them, to put them in order. SQLite merges, and knows no LATERAL.
        first_by_index = not mixed and not is_sqlite()
        kept = f"SELECT d.id, {_FIRST if mixed else 0}, d.due_on FROM duty d"
        for heap in heaps:
            if isinstance(heap, _Awaited) != (group is Group.WAITING):
                continue
            sql, args = heap.sql()
            column = "d.counterpart" if group is not Group.WAITING else "d.organization"
            of = padded(sorted(one for one in partners if one is not None and one in heap.towards))
            if of and first_by_index:
                arms.append(
                    "SELECT f.id, 0, f.due_on FROM organization o CROSS JOIN LATERAL (SELECT d.id, d.due_on FROM duty d"
                    f" WHERE {sql} AND {column} = o.id{dates} ORDER BY d.due_on {way}, d.id DESC LIMIT {{}}) f"
                    f" WHERE o.id IN ({marks(of)})"
                )
                values += [*args, *days, skip + limit, *of]
            elif of:
                arms.append(f"{kept} WHERE {sql} AND {column} IN ({marks(of)}){dates}")
                values += [*args, *of, *days]
            if None in partners and None in heap.towards:
                arms.append(f"{kept} WHERE {sql} AND {column} IS NULL{dates}")
                values += [*args, *days]
        order = f"{'2, ' if mixed else ''}3 {way}, 1 DESC"
        lists.append(
            f"SELECT '{group}' AS part, {group}.id FROM ({' UNION ALL '.join(arms)} ORDER BY {order}"
            f" LIMIT {{}} OFFSET {{}}) {group}"
        )
        values += [limit, skip]
    sql = f"SELECT k.part, {DUTY_COLUMNS} FROM ({' UNION ALL '.join(lists)}) k JOIN duty d ON d.id = k.id {DUTY_JOINS}"
    return Asked(sql, values, lambda rows: rows)


async def _rows(rows: Rows, desks: Desks, actor: Actor, today: date, holidays: Holidays) -> dict[Group, list[DutyRow]]:
    """Each with why it is here, in their order."""
    found: dict[Group, list[DutyRow]] = {}
    holidays = holidays | await holidays_of({row["organization"] for row in rows} - holidays.keys())
    for row in sorted(rows, key=lambda row: row["id"], reverse=True):
        group, because, as_who = Group(row["part"]), None, ""
        if group is not Group.WAITING:
            above = row["escalate_position"] if row["escalated_on"] is not None else None
            because = desks.why(actor.id, row["position"], row["counterpart"], above)
            as_who = _as_who(because, row["position"])
        found.setdefault(group, []).append(duty_row(row, today, holidays, because, as_who))
    for group, of in found.items():
        sign = -1 if group in _NEWEST_FIRST else 1
        of.sort(key=lambda row: (row.rule not in ANSWERS_FIRST, sign * row.due_on.toordinal()))
    return found


def _as_who(because: Because | None, position: str) -> str:
    name = position_name(position)
    return {
        Because.DEPUTY: f"You are deputy of the {name}",
        Because.VACANT: f"The position of {name} is vacant",
        Because.ESCALATED: f"Escalated from the {name}",
    }.get(because or Because.HOLDER, "")
