"""The rows behind a figure, page by page, and the referrals that are counted by their history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from hub.db.engine import fetch, is_sqlite
from hub.directory.queries import OrganizationRow
from hub.kernel import clock
from hub.reports.queries.counts import (
    REFUSED,
    SIDES,
    between,
    both,
    conditions,
    direction_of,
    due_in,
    duty_conditions,
    narrowed,
    owed_between,
    refused_in,
    sent_by,
)
from hub.reports.queries.few import marks
from hub.reports.rules import (
    NO_REASON,
    BehindRow,
    Direction,
    DutyFact,
    DutyOutcome,
    Facts,
    Period,
    ReferralRow,
    RefusalFact,
    Step,
    select,
)

_TASK = (
    "SELECT t.id, t.member, t.service, t.requester, t.owner, t.closure_reason, t.loop_closed_on, t.sent_on FROM task t"
)


async def referral_rows(
    tasks: Sequence[dict[str, Any]], own: OrganizationRow, period: Period
) -> list[tuple[str, ReferralRow]]:
    """Tasks with their histories up to the end of the period, each with the partner."""
    if not tasks:
        return []
    ids = [task["id"] for task in tasks]
    steps: dict[str, list[Step]] = defaultdict(list)
    for row in await fetch(
        f"SELECT task, to_status, effective_date FROM referral_event WHERE task IN ({marks(ids)})"
        " AND to_status IS NOT NULL AND effective_date <= {}"
        " ORDER BY effective_date, recorded_at, task_version, id",
        *ids,
        period.as_of,
    ):
        steps[row["task"]].append(Step(row["to_status"], row["effective_date"]))
    due, escalated = await _answers(ids, period)
    found = []
    for row in tasks:
        sent_by_own = row["requester"] == own.id
        found.append((
            row["owner"] if sent_by_own else row["requester"],
            ReferralRow(
                row["id"], row["member"], row["service"], direction_of(own, "requester" if sent_by_own else "owner"),
                tuple(steps[row["id"]]), row["closure_reason"], row["loop_closed_on"], due.get(row["id"]),
                tuple(escalated[row["id"]]),
            ),
        ))  # fmt: skip
    return found


async def _answers(tasks: Sequence[str], period: Period) -> tuple[dict[str, date], dict[str, list[date]]]:
    """For each referral: by when it was to be answered, and when something about it escalated."""
    due: dict[str, date] = {}
    escalated: dict[str, list[date]] = defaultdict(list)
    for row in await fetch(
        f"SELECT subject_id, rule, due_on, escalated_on FROM duty WHERE subject_type = 'Task'"
        f" AND subject_id IN ({marks(tasks)}) AND opened_on <= {{}} ORDER BY due_on, id",
        *tasks,
        period.as_of,
    ):
        if row["rule"] == "referral-answer":
            due[row["subject_id"]] = row["due_on"]
        if row["escalated_on"] and row["escalated_on"] <= period.as_of:
            escalated[row["subject_id"]].append(row["escalated_on"])
    return due, escalated


_AT_ONCE = 500  # ids in one statement
_VOID_ONLY = " INDEXED BY task_void"  # SQLite knows nothing of how few there are


async def voided(own: OrganizationRow, others: Sequence[str], period: Period) -> dict[str, list[ReferralRow]]:
    """Referrals that were entered in error, of the quarter: by partner, oldest first."""
    tasks: list[dict[str, Any]] = []
    for own_side, other_side in SIDES if others else ():
        sql, values = between(own.id, own_side, other_side, others)
        tasks += await fetch(  # of all that ever was entered in error the index says when it ended and closed
            f"{_TASK}{_VOID_ONLY if is_sqlite() else ''} WHERE {sql} AND t.status = 'entered-in-error'"
            " AND t.sent_on <= {} AND (t.ended_on >= {} OR t.loop_closed_on >= {}) ORDER BY t.sent_on, t.id",
            *values, period.as_of, period.quarter.start, period.quarter.start,
        )  # fmt: skip
    found: dict[str, list[ReferralRow]] = defaultdict(list)
    for at in range(0, len(tasks), _AT_ONCE):
        for partner, row in await referral_rows(tasks[at : at + _AT_ONCE], own, period):
            found[partner].append(row)
    return found


async def rows_of(
    figure: str, own: OrganizationRow, facts: Facts, void: Sequence[ReferralRow], others: Sequence[str], period: Period,
    offset: int, limit: int,
) -> Sequence[BehindRow]:  # fmt: skip
    """A page of the rows that a figure counts. `others` are the partners that it counts, `void` their referrals that
    are counted by their history. KeyError or ValueError: there is no such figure.
    """
    family, _, rest = figure.partition(":")
    if family == "referral":
        return await _referrals(figure, rest, own, void, others, period, offset, limit)
    if family == "duty":
        owner, _, outcome = rest.partition(":")
        return await _duties(owner, DutyOutcome(outcome), own, others, period, offset, limit)
    if family == "refusals":
        return await _refusals(own.id, others, period, offset, limit)
    return select(figure, facts, period)[offset : offset + limit]


async def _referrals(
    figure: str, rest: str, own: OrganizationRow, void: Sequence[ReferralRow], others: Sequence[str], period: Period,
    offset: int, limit: int,
) -> list[ReferralRow]:  # fmt: skip
    """Oldest first; those that were entered in error come last."""
    way, _, name = rest.partition(":")
    name, _, reason = name.partition(":")
    own_side, other_side = next(pair for pair in SIDES if direction_of(own, pair[0]) is Direction(way))
    parts = [between(own.id, own_side, other_side, others), sent_by(period), conditions(period)[name]]
    if reason:
        parts.append((f"COALESCE(t.closure_reason, '{NO_REASON}') = {{}}", [reason]))
    arms, values = [], []
    for where in narrowed(name, period):
        sql, args = both(*parts, where)
        arms.append(f"SELECT t.id, t.sent_on FROM task t WHERE {sql}")
        values += args
    ids = await fetch(f"{' UNION ALL '.join(arms)} ORDER BY 2, 1 LIMIT {{}} OFFSET {{}}", *values, limit, offset)
    order = [row["id"] for row in ids]
    tasks = await fetch(f"{_TASK} WHERE t.id IN ({marks(order)})", *order) if order else []
    known = {row.id: row for _, row in await referral_rows(tasks, own, period)}
    found = [known[one] for one in order]
    if len(found) < limit:
        wrong = select(figure, Facts("", "", referrals=tuple(void)), period)
        before = await _how_many(arms, values) if offset and not found else offset + len(found)
        skip = max(0, offset - before) if not found else 0
        found += [row for row in wrong[skip : skip + limit - len(found)] if isinstance(row, ReferralRow)]
    return found


async def _how_many(arms: Sequence[str], values: Sequence[Any]) -> int:
    rows = await fetch(f"SELECT COUNT(*) AS n FROM ({' UNION ALL '.join(arms)}) counted", *values)
    return int(rows[0]["n"])


async def _duties(
    owner: str, outcome: DutyOutcome, own: OrganizationRow, others: Sequence[str], period: Period, offset: int,
    limit: int,
) -> list[DutyFact]:  # fmt: skip
    mine, theirs = owed_between(own.id, others)
    _, owed = mine if owner == own.kind else theirs
    sql, values = both(owed, due_in(period), duty_conditions(period)[outcome])
    rows = await fetch(
        "SELECT d.id, d.rule, d.title, d.opened_on, d.due_on, d.state, d.settled_on, d.member, d.subject_type,"
        f" d.subject_id FROM duty d WHERE {sql} ORDER BY d.due_on, d.id LIMIT {{}} OFFSET {{}}",
        *values, limit, offset,
    )  # fmt: skip
    return [DutyFact(owner=owner, **row) for row in rows]


async def _refusals(own: str, others: Sequence[str], period: Period, offset: int, limit: int) -> list[RefusalFact]:
    rows = []
    for mine, other in (("organization", "counterpart"), ("counterpart", "organization")):
        rows += await fetch(
            "SELECT e.id, e.action, e.happened_at, e.member, o.name FROM audit_entry e"
            f" LEFT JOIN organization o ON o.id = e.organization WHERE e.{mine} = {{}} AND {REFUSED}"
            f" AND e.{other} IN ({marks(others)}) ORDER BY e.happened_at, e.id LIMIT {{}}",
            own, *refused_in(period), *others, offset + limit,
        )  # fmt: skip
    rows.sort(key=lambda row: (row["happened_at"], row["id"]))
    return [
        RefusalFact(
            row["id"], row["action"], clock.legal_date(row["happened_at"]), row["name"] or "unknown", row["member"]
        )
        for row in rows[offset : offset + limit]
    ]
