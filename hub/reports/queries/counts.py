"""The figures of referrals, duties and refusals, counted by the database: of a large county there are a hundred
thousand rows behind one report.

The dated columns of a task say what its history says, but for one that was entered in error after it had ended: those
are few, and the rules count them by their history (`behind.voided`). What a figure asks stands here once, as a
condition: the figures count by it, and `behind` reads by it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from hub.db.columns import listed
from hub.db.engine import fetch
from hub.directory.queries import OrganizationRow
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
    late_by = end if period.closed else end - timedelta(days=1)
    escalated = within("d.escalated_on", period)
    about = "SELECT 1 FROM duty d WHERE d.subject_type = 'Task' AND d.subject_id = t.id AND"
    return {
        "sent": within("t.sent_on", period),
        "accepted": within("t.accepted_on", period),
        "rejected": (f"t.status = 'rejected' AND {ended[0]}", ended[1]),
        "unanswered": unanswered,
        "late": (
            f"{unanswered[0]} AND EXISTS ({about} d.rule = 'referral-answer' AND d.due_on <= {{}})",
            [*unanswered[1], late_by],
        ),
        "in-work": (f"t.accepted_on <= {{}} AND {open_then}", [end, end]),
        "closed": (f"t.status <> 'rejected' AND {ended[0]}", ended[1]),
        "loop-closed": within("t.loop_closed_on", period),
        "escalated": (f"EXISTS ({about} {escalated[0]})", escalated[1]),
    }


def narrowed(figure: str, period: Period) -> list[Condition]:
    """Ranges of tasks, each read by an index, in which all that the figure counts lie; no task is in two."""
    still_open: Condition = ("t.ended_on IS NULL", [])
    ended_since: Condition = ("t.ended_on >= {}", [period.quarter.start])
    if figure in ("rejected", "closed"):
        return [within("t.ended_on", period)]
    if figure == "loop-closed":
        return [within("t.loop_closed_on", period)]
    return [still_open, ended_since]


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


async def count_all(own: OrganizationRow, others: Sequence[str], period: Period) -> Counts:
    """`others`: whoever may be a partner."""
    counts = Counts()
    if others:
        for own_side, other_side in SIDES:
            way = direction_of(own, own_side)
            side = between(own.id, own_side, other_side, others)
            for where in narrowed("sent", period):
                await _count_referrals(counts, way, other_side, both(side, where, sent_by(period)), period)
            for figure in ("loop-closed", "late"):
                await _count_one(counts, way, other_side, side, figure, period)
        await _count_escalated(counts, own, others, period)
        await _count_duties(counts, own, others, period)
    await _count_refusals(counts, own.id, period)
    return counts


_SUMS = {"sent": "sent", "accepted": "accepted", "unanswered": "unanswered", "in-work": "in_work"}
"""Figures that one pass counts, and their columns."""


async def _count_referrals(counts: Counts, way: Direction, other: str, where: Condition, period: Period) -> None:
    """One pass over a range of tasks. Days and reasons come as one text, which is less than a row for each."""
    known = {name: condition for name, condition in conditions(period).items() if name in _SUMS}
    sums = ", ".join(f"SUM(CASE WHEN {sql} THEN 1 ELSE 0 END) AS {_SUMS[name]}" for name, (sql, _) in known.items())
    accepted, ended = within("t.accepted_on", period), within("t.ended_on", period)
    answers = f"CASE WHEN {accepted[0]} THEN CAST(t.accepted_on AS TEXT) || CAST(t.sent_on AS TEXT) END"
    reason = f"t.status || '|' || COALESCE(t.closure_reason, '{NO_REASON}') || '|'"
    ends = f"CASE WHEN {ended[0]} THEN {reason} || CAST(t.ended_on AS TEXT) || CAST(t.sent_on AS TEXT) END"
    rows = await fetch(
        f"SELECT t.{other} AS other, {sums}, {listed(answers)} AS answers, {listed(ends)} AS ends"
        f" FROM task t WHERE {where[0]} GROUP BY t.{other}",
        *[value for _, values in known.values() for value in values],
        *accepted[1],
        *ended[1],
        *where[1],
    )
    for row in rows:
        partner = row["other"]
        for name, column in _SUMS.items():
            counts.figures[partner][way][name] += row[column] or 0
        for text, number in Counter((row["answers"] or "").split()).items():
            counts.answered[partner][way][_days(text)] += number
        for text, number in Counter((row["ends"] or "").split()).items():
            status, reason, dates = text.split("|")
            if status == "rejected":
                counts.figures[partner][way]["rejected"] += number
                counts.answered[partner][way][_days(dates)] += number
            else:
                counts.figures[partner][way]["closed"] += number
                counts.reasons[partner][way][reason] += number
                counts.closed[partner][way][_days(dates)] += number


def _days(text: str) -> int:
    """Between two dates that stand in one text, the later first."""
    return (date.fromisoformat(text[:10]) - date.fromisoformat(text[10:])).days


async def _count_one(counts: Counts, way: Direction, other: str, side: Condition, figure: str, period: Period) -> None:
    for where in narrowed(figure, period):
        sql, values = both(side, where, sent_by(period), conditions(period)[figure])
        for row in await fetch(
            f"SELECT t.{other} AS other, COUNT(*) AS n FROM task t WHERE {sql} GROUP BY t.{other}", *values
        ):
            counts.figures[row["other"]][way][figure] += row["n"]


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


async def _count_escalated(counts: Counts, own: OrganizationRow, others: Sequence[str], period: Period) -> None:
    """Begins with the duties that escalated: they are few."""
    found: dict[tuple[str, Direction], set[str]] = defaultdict(set)
    for other, owed in owed_between(own.id, others):
        sql, values = both(owed, within("d.escalated_on", period), sent_by(period))
        rows = await fetch(
            f"SELECT t.id, t.requester, d.{other} AS other FROM duty d JOIN task t ON t.id = d.subject_id"
            f" WHERE d.subject_type = 'Task' AND {sql}",
            *values,
        )
        for row in rows:
            way = direction_of(own, "requester" if row["requester"] == own.id else "owner")
            found[row["other"], way].add(row["id"])
    for (partner, way), tasks in found.items():
        counts.figures[partner][way]["escalated"] += len(tasks)


def duty_conditions(period: Period) -> dict[DutyOutcome, Condition]:
    """How a duty `d` of the quarter stood on its last day: `rules.duty_outcome` in SQL."""
    end, last = period.as_of, period.as_of if period.closed else period.as_of - timedelta(days=1)
    settled, pending = "d.settled_on <= {}", "(d.settled_on IS NULL OR d.settled_on > {})"
    done = f"{settled} AND d.state NOT IN ('cancelled', 'excused')"
    return {
        DutyOutcome.MET: (f"{done} AND d.settled_on <= d.due_on", [end]),
        DutyOutcome.MISSED: (
            f"(({done} AND d.settled_on > d.due_on) OR ({pending} AND d.due_on <= {{}}))",
            [end, end, last],
        ),
        DutyOutcome.EXCUSED: (f"{settled} AND d.state = 'excused'", [end]),
        DutyOutcome.PENDING: (f"{pending} AND d.due_on > {{}}", [end, last]),
    }


def due_in(period: Period) -> Condition:
    return (
        "d.due_on >= {} AND d.due_on <= {} AND d.opened_on <= {}",
        [period.quarter.start, period.quarter.end, period.as_of],
    )


async def _count_duties(counts: Counts, own: OrganizationRow, others: Sequence[str], period: Period) -> None:
    known = duty_conditions(period)
    sums = ", ".join(f"SUM(CASE WHEN {sql} THEN 1 ELSE 0 END) AS {outcome}" for outcome, (sql, _) in known.items())
    values = [value for _, args in known.values() for value in args]
    for other, owed in owed_between(own.id, others):
        sql, args = both(owed, due_in(period))
        mine = other == "counterpart"
        owner = own.kind if mine else ("plan" if own.kind == "county" else "county")
        rows = await fetch(
            f"SELECT d.{other} AS other, {sums} FROM duty d WHERE {sql} GROUP BY d.{other}", *values, *args
        )
        for row in rows:
            for outcome in known:
                if row[outcome.value]:
                    counts.plain[row["other"]][f"duty:{owner}:{outcome}"] += row[outcome.value]


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


def by_history(rows: Mapping[str, Sequence[ReferralRow]], partner: str, period: Period) -> Counted:
    """The figures of the few that are counted by their history."""
    return counted(Facts(partner, "", referrals=tuple(rows.get(partner, ()))), period)
