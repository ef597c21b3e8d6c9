"""The figures of referrals, duties and refusals, counted by the database: of a large county there are a hundred
thousand rows behind one report.

The dated columns of a task say what its history says, but for one that was entered in error after it had ended: those
are few, and the rules count them by their history (`behind.voided`). What a figure asks stands here once, as a
condition: the figures count by it, and `behind` reads by it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import zip_longest
from typing import Any

from hub.db.columns import days_between, listed
from hub.db.engine import fetch
from hub.directory.queries import OrganizationRow
from hub.duties.rules import State
from hub.kernel import clock
from hub.reports.queries.few import marks
from hub.reports.rules import NO_REASON, Counted, Direction, DutyOutcome, Facts, Period, ReferralRow, counted

Condition = tuple[str, list[Any]]
SIDES = (("requester", "owner"), ("owner", "requester"))
_VOID = "entered-in-error"


def direction_of(own: OrganizationRow, own_side: str) -> Direction:
    """Of referrals in which the organization is on this side."""
    from_county = (own.kind == "county") == (own_side == "requester")
    return Direction.COUNTY_TO_PLAN if from_county else Direction.PLAN_TO_COUNTY


def within(column: str, period: Period) -> Condition:
    return f"{column} >= {{}} AND {column} <= {{}}", [period.quarter.start, period.as_of]


def conditions(period: Period) -> dict[str, Condition]:
    """What each figure of referrals asks of a task `t` that is not void. Only of what was sent by then."""
    end, ended = period.as_of, within("t.ended_on", period)
    open_then = "(t.ended_on IS NULL OR t.ended_on > {})"
    unanswered: Condition = (f"(t.accepted_on IS NULL OR t.accepted_on > {{}}) AND {open_then}", [end, end])
    escalated = within("d.escalated_on", period)
    about = "SELECT 1 FROM duty d WHERE d.subject_type = 'Task' AND d.subject_id = t.id AND"
    return {
        "sent": within("t.sent_on", period),
        "accepted": within("t.accepted_on", period),
        "rejected": (f"t.status = 'rejected' AND {ended[0]}", ended[1]),
        "unanswered": unanswered,
        "late": (
            f"{unanswered[0]} AND EXISTS ({about} d.rule = 'referral-answer' AND d.due_on <= {{}})",
            [*unanswered[1], _last_passed(period)],
        ),
        "in-work": (f"t.accepted_on <= {{}} AND {open_then}", [end, end]),
        "closed": (f"t.status <> 'rejected' AND {ended[0]}", ended[1]),
        "loop-closed": within("t.loop_closed_on", period),
        "escalated": (f"EXISTS ({about} {escalated[0]})", escalated[1]),
    }


def still_open() -> Condition:
    return "t.ended_on IS NULL", []


def ended_after(period: Period) -> Condition:
    return "t.ended_on > {}", [period.as_of]


def narrowed(figure: str, period: Period) -> list[Condition]:
    """Ranges of tasks, each read by an index, in which all that the figure counts lie; no task is in two."""
    if figure in ("rejected", "closed"):
        return [within("t.ended_on", period)]
    if figure == "loop-closed":
        return [within("t.loop_closed_on", period)]
    later = [still_open(), ended_after(period)]
    return later if figure in ("unanswered", "late", "in-work") else [*later, within("t.ended_on", period)]


def between(own: str, own_side: str, other_side: str, others: Sequence[str]) -> Condition:
    return f"t.{own_side} = {{}} AND t.{other_side} IN ({marks(others)})", [own, *others]


def sent_by(period: Period) -> Condition:
    return f"t.status <> '{_VOID}' AND t.sent_on <= {{}}", [period.as_of]


def both(*parts: Condition) -> Condition:
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


Numbers = dict[str, dict[Direction, Counter[Any]]]
"""By partner and direction: figures by name, or days by their number."""


def _numbers() -> Numbers:
    return defaultdict(lambda: {way: Counter() for way in Direction})


class Counts:
    """What the database counted, partner by partner."""

    def __init__(self) -> None:
        self.figures, self.reasons, self.answered, self.closed = _numbers(), _numbers(), _numbers(), _numbers()
        self.plain: dict[str, Counter[str]] = defaultdict(Counter)  # duties and refusals

    @property
    def partners(self) -> set[str]:
        """Those with whom there was a referral."""
        return {other for other, ways in self.figures.items() if any(ways.values())}

    def of(self, partner: str, void: Counted) -> Counted:
        ways = self.figures[partner]
        figures = {f"referral:{way}:{name}": n for way in Direction for name, n in ways[way].items() if n}
        found = Counted(
            {**figures, **self.plain[partner]}, self.reasons[partner], self.answered[partner], self.closed[partner]
        )
        return found.plus(void)


Escalated = dict[tuple[str, Direction], set[str]]
"""By partner and direction: the tasks. One can have escalated on both sides."""


class Counting:
    """What is to be counted, in steps that do not need each other."""

    def __init__(self, own: OrganizationRow, others: Sequence[str], period: Period) -> None:
        """`others`: whoever may be a partner."""
        self.own, self.others, self.period = own, others, period
        self._counts = Counts()
        self._escalated: Escalated = defaultdict(set)
        self._left = iter(self._steps())

    async def go_on(self) -> None:
        """Do what is left, step by step. Who does so beside another does what the other has not begun."""
        for step in self._left:
            await step()

    def _steps(self) -> list[Callable[[], Awaitable[None]]]:
        """Those that take longest come first, so that all who do them end at about the same time."""
        counts, period = self._counts, self.period
        found: list[list[Callable[[], Awaitable[None]]]] = [[partial(_count_refusals, counts, self.own.id, period)]]
        owed = owed_between(self.own.id, self.others)
        for (own_side, other_side), part in zip(SIDES, owed, strict=True) if self.others else ():
            reading = _Reading(counts, direction_of(self.own, own_side), other_side, period)
            mine: Condition = (f"t.{own_side} = {{}}", [self.own.id])
            side = both(between(self.own.id, own_side, other_side, self.others), sent_by(period))
            late = ("sent", "unanswered", "in-work", "late")
            found.append([
                partial(_count_duties, counts, self.own, part[0], self.others, period),
                partial(reading.pass_over, both(side, within("t.ended_on", period)), ("sent",), ended=True),
                partial(reading.pass_over, both(side, ended_after(period)), late),
                partial(_find_escalated, self._escalated, self.own, part, period),
                partial(reading.count, both(mine, sent_by(period)), self.others, "loop-closed"),
                partial(reading.pass_over, both(side, still_open()), late),
            ])  # fmt: skip
        return [step for steps in zip_longest(*reversed(found)) for step in steps if step]

    def counted(self) -> Counts:
        for (partner, way), tasks in self._escalated.items():
            self._counts.figures[partner][way]["escalated"] = len(tasks)
        return self._counts


def _each(others: Sequence[str]) -> str:
    """The others as a table `o`. Counting for each of them alone goes along an index, without putting rows in groups,
    which would take as long again.
    """
    return f"o(id) AS (VALUES {', '.join(['({})'] * len(others))})"


class _Reading:
    """Counts the referrals of one direction."""

    def __init__(self, counts: Counts, way: Direction, other: str, period: Period) -> None:
        self.counts, self.way, self.other, self.period = counts, way, other, period

    async def count(self, mine: Condition, others: Sequence[str], figure: str) -> None:
        """Of each of the others."""
        sql, args = both(mine, conditions(self.period)[figure])
        rows = await fetch(
            f"WITH {_each(others)} SELECT o.id AS other, (SELECT COUNT(*) FROM task t WHERE {sql}"
            f" AND t.{self.other} = o.id) AS n FROM o",
            *others,
            *args,
        )
        for row in rows:
            if row["n"]:  # who has none of any figure is no partner
                self.counts.figures[row["other"]][self.way][figure] += row["n"]

    async def pass_over(self, where: Condition, figures: Sequence[str], *, ended: bool = False) -> None:
        """One pass over a range of tasks. Days and reasons come as one text, which is less than a row for each; by its
        days is counted what was accepted.
        """
        known = conditions(self.period)
        columns = {name: name.replace("-", "_") for name in figures}
        sums = ", ".join(f"SUM(CASE WHEN {known[name][0]} THEN 1 ELSE 0 END) AS {to}" for name, to in columns.items())
        accepted, values = known["accepted"]
        texts = {
            "answers": f"CASE WHEN {accepted} THEN {days_between('t.accepted_on', 't.sent_on')} END",
            "ends": f"t.status || '|' || COALESCE(t.closure_reason, '{NO_REASON}') || '|'"
            f" || CAST({days_between('t.ended_on', 't.sent_on')} AS TEXT)",
        }
        asked = ", ".join(f"{listed(texts[name])} AS {name}" for name in ("answers", *(["ends"] if ended else [])))
        rows = await fetch(
            f"SELECT t.{self.other} AS other, {sums}, {asked} FROM task t WHERE {where[0]} GROUP BY t.{self.other}",
            *[value for name in figures for value in known[name][1]],
            *values,
            *where[1],
        )
        counts, way = self.counts, self.way
        for row in rows:
            other = row["other"]
            numbers, answered = counts.figures[other][way], counts.answered[other][way]
            for name, column in columns.items():
                numbers[name] += row[column] or 0
            for text, number in Counter((row["answers"] or "").split()).items():
                numbers["accepted"] += number
                answered[int(text)] += number
            reasons, closed = counts.reasons[other][way], counts.closed[other][way]
            for text, number in Counter((row.get("ends") or "").split()).items():
                status, reason, after = text.split("|")
                if status == "rejected":
                    numbers["rejected"] += number
                    answered[int(after)] += number
                else:
                    numbers["closed"] += number
                    reasons[reason] += number
                    closed[int(after)] += number


def owed_between(own: str, others: Sequence[str]) -> tuple[tuple[str, Condition], tuple[str, Condition]]:
    """Duties `d` of the organization towards the others, and theirs towards it that it may see; each with the column
    that says which other.
    """
    among = marks(others)
    return (
        ("counterpart", (f"d.organization = {{}} AND d.counterpart IN ({among})", [own, *others])),
        (
            "organization",
            (f"d.organization IN ({among}) AND d.counterpart = {{}} AND d.shared = {{}}", [*others, own, True]),
        ),
    )


async def _find_escalated(found: Escalated, own: OrganizationRow, owed: tuple[str, Condition], period: Period) -> None:
    """Begins with the duties that escalated: they are few."""
    other, whose = owed
    sql, values = both(whose, within("d.escalated_on", period), sent_by(period))
    rows = await fetch(
        f"SELECT t.id, t.requester, d.{other} AS other FROM duty d JOIN task t ON t.id = d.subject_id WHERE {sql}",
        *values,
    )
    for row in rows:
        way = direction_of(own, "requester" if row["requester"] == own.id else "owner")
        found[row["other"], way].add(row["id"])


def duty_conditions(period: Period) -> dict[DutyOutcome, Condition]:
    """How a duty `d` of the quarter stood on its last day: `rules.duty_outcome` in SQL."""
    end, last = period.as_of, _last_passed(period)
    settled, pending = "d.settled_on <= {}", "(d.settled_on IS NULL OR d.settled_on > {})"
    done = f"{settled} AND d.state NOT IN ('cancelled', 'excused')"
    return {
        DutyOutcome.MET: (f"{done} AND d.settled_on <= d.due_on", [end]),
        DutyOutcome.MISSED: (
            f"(({done} AND d.settled_on > d.due_on) OR ({pending} AND d.due_on <= {{}}))",
            [end, end, last],
        ),
        DutyOutcome.EXCUSED: (f"{settled} AND d.state = 'excused'", [end]),
        DutyOutcome.PENDING: (_PENDING, [end, last]),
    }


_STATES = ", ".join(f"('{state}')" for state in State)
_PENDING = "(d.settled_on IS NULL OR d.settled_on > {}) AND d.due_on > {}"


def _last_passed(period: Period) -> date:
    """The last due date that is over within the period."""
    return period.as_of if period.closed else period.as_of - timedelta(days=1)


def due_in(period: Period) -> Condition:
    return (
        "d.due_on >= {} AND d.due_on <= {} AND d.opened_on <= {}",
        [period.quarter.start, period.quarter.end, period.as_of],
    )


async def _count_duties(
    counts: Counts, own: OrganizationRow, other: str, others: Sequence[str], period: Period
) -> None:
    """By state, as the index has them: how a duty that was settled by then had ended, its state still says."""
    end, last = period.as_of, _last_passed(period)
    mine: Condition = ("d.organization = {}", [own.id])
    if other == "organization":
        mine = ("d.counterpart = {} AND d.shared = {}", [own.id, True])
    owner = own.kind if other == "counterpart" else ("plan" if own.kind == "county" else "county")
    # When the quarter is over, so is every date in it.
    pending, ends = (
        ("0", []) if last >= period.quarter.end else (f"COUNT(CASE WHEN {_PENDING} THEN 1 END)", [end, last])
    )
    sql, args = both(mine, due_in(period))
    rows = await fetch(
        f"WITH {_each(others)}, s(state) AS (VALUES {_STATES}) SELECT o.id AS other, s.state,"
        f" (SELECT COUNT(*) || ' ' || COUNT(CASE WHEN d.settled_on <= {{}} THEN 1 END) || ' ' || {pending} FROM duty d"
        f" WHERE {sql} AND d.{other} = o.id AND d.state = s.state) AS found FROM o CROSS JOIN s",
        *others,
        end,
        *ends,
        *args,
    )
    for row in rows:
        n, settled, waiting = map(int, row["found"].split())
        if n:
            known = counts.plain[row["other"]]
            if row["state"] in (State.MET, State.MISSED, State.EXCUSED):
                known[f"duty:{owner}:{row['state']}"] += settled
            known[f"duty:{owner}:{DutyOutcome.PENDING}"] += waiting
            known[f"duty:{owner}:{DutyOutcome.MISSED}"] += n - settled - waiting


REFUSED = (
    "e.outcome = 'refused' AND e.happened_at >= {} AND e.happened_at < {} AND (e.action LIKE 'referrals:%'"
    " OR e.action LIKE 'consent:%' OR e.action LIKE 'fhir:%' OR e.action LIKE 'members:%')"
)


def refused_in(period: Period) -> list[Any]:
    return [clock.start_of(period.quarter.start), clock.end_of(period.as_of)]


async def _count_refusals(counts: Counts, own: str, period: Period) -> None:
    """Exchanges of a member's data that the hub refused between the two (requirements R4)."""
    for mine, other in (("organization", "counterpart"), ("counterpart", "organization")):
        rows = await fetch(
            f"SELECT e.{other} AS other, COUNT(*) AS n FROM audit_entry e WHERE e.{mine} = {{}} AND {REFUSED}"
            f" AND e.{other} IS NOT NULL AND e.organization <> e.counterpart GROUP BY e.{other}",
            own,
            *refused_in(period),
        )
        for row in rows:
            counts.plain[row["other"]]["refusals"] += row["n"]


def by_history(rows: Sequence[ReferralRow], period: Period) -> Counted:
    """The figures of the few of a partner that are counted by their history."""
    return counted(Facts("", "", referrals=tuple(rows)), period)
