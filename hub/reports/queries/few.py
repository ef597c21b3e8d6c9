"""What there are few of, also in a State, and so is read whole: MOUs with their history, named people, meetings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from hub.db.engine import fetch
from hub.directory.queries import OrganizationRow
from hub.directory.rules import NAMES, REQUIRED_FOR_MOU, SIDE
from hub.kernel import clock
from hub.reports.rules import AgreementFact, MeetingFact, Period, Position, Tenure, holder_on


async def agreements(own: str, period: Period) -> dict[str, list[AgreementFact]]:
    rows = await fetch(
        "SELECT a.id, a.title, a.county, a.plan, a.effective_date, a.end_date, a.executed_on, a.renewal, a.created_at"
        " FROM agreement a WHERE a.county = {} OR a.plan = {} ORDER BY a.id",
        own,
        own,
    )
    signed = await fetch(
        "SELECT t.agreement, t.organization FROM agreement_party t JOIN agreement a ON a.id = t.agreement"
        " WHERE a.county = {} AND t.role = 'plan' AND t.organization <> a.plan",
        own,
    )
    more = defaultdict(list)
    for row in signed:  # an MOU that several plans sign
        more[row["agreement"]].append(row["organization"])
    others = await fetch(
        "SELECT a.id, a.title, a.county, a.plan, a.effective_date, a.end_date, a.executed_on, a.renewal, a.created_at"
        " FROM agreement_party t JOIN agreement a ON a.id = t.agreement"
        " WHERE t.organization = {} AND t.role = 'plan' AND a.plan <> {} ORDER BY a.id",
        own,
        own,
    )
    history = await _steps([row["id"] for row in [*rows, *others]], period)
    found: dict[str, list[AgreementFact]] = defaultdict(list)
    for row in [*rows, *others]:
        states = tuple(history.get(row["id"], ()))
        if row["id"] not in history and row["executed_on"] and row["executed_on"] <= period.as_of:
            states = (("executed", row["executed_on"]),)  # taken over without a history
        begun = clock.legal_date(row["created_at"])
        if not states and begun <= period.as_of:
            states = (("draft", begun),)
        if not states:
            continue
        fact = AgreementFact(
            row["id"],
            row["title"],
            states,
            row["effective_date"],
            row["end_date"],
            row["executed_on"],
            row["renewal"] == "automatic",
        )
        partners = [row["county"]] if row["county"] != own else [row["plan"], *more[row["id"]]]
        for partner in partners:
            found[partner].append(fact)
    return found


def marks(values: Iterable[Any]) -> str:
    return ", ".join("{}" for _ in values)


async def _steps(agreements: list[str], period: Period) -> dict[str, list[tuple[str, date]]]:
    """The dated states of each MOU up to the end of the period; an empty list for one begun later."""
    if not agreements:
        return {}
    rows = await fetch(
        "SELECT agreement, to_state, effective_date FROM agreement_event"
        f" WHERE agreement IN ({marks(agreements)}) AND to_state IS NOT NULL"
        " ORDER BY effective_date, recorded_at, id",
        *agreements,
    )
    states: dict[str, list[tuple[str, date]]] = {row["agreement"]: [] for row in rows}
    for row in rows:
        if row["effective_date"] <= period.as_of:
            states[row["agreement"]].append((row["to_state"], row["effective_date"]))
    return states


async def tenures(own: str, period: Period) -> list[Tenure]:
    """Those of the organization itself, and those of others towards it or towards everybody."""
    rows = await fetch(
        "SELECT a.organization, a.counterpart, a.position, a.from_date, a.until_date, p.given, p.family"
        " FROM appointment a JOIN person p ON p.id = a.person WHERE a.from_date <= {}"
        " AND (a.until_date IS NULL OR a.until_date >= {})"
        " AND (a.organization = {} OR a.counterpart = {} OR a.counterpart IS NULL)",
        period.as_of,
        period.as_of,
        own,
        own,
    )
    return [
        Tenure(
            row["organization"], row["counterpart"], row["position"], f"{row['given']} {row['family']}",
            row["from_date"], row["until_date"],
        )
        for row in rows
    ]  # fmt: skip


def positions(
    known: list[Tenure], own: OrganizationRow, other: OrganizationRow, period: Period
) -> tuple[Position, ...]:
    found = []
    for position in REQUIRED_FOR_MOU:
        side, opposite = (own, other) if SIDE[position] == own.kind else (other, own)
        holder = holder_on(known, position.value, side.id, opposite.id, period.as_of)
        found.append(Position(side.id, side.short_name, position.value, NAMES[position], holder))
    return tuple(found)


async def meetings(own: str, period: Period) -> dict[str, list[MeetingFact]]:
    """Those of the quarter. When one that lies ahead is moved, the report of a running quarter shows it."""
    rows = await fetch(
        "SELECT m.id, m.county, m.plan, m.starts_at, m.held_on, m.posted_on, m.state FROM meeting m"
        " WHERE (m.county = {} OR m.plan = {}) AND m.quarter = {} ORDER BY m.starts_at, m.id",
        own,
        own,
        str(period.quarter),
    )
    found: dict[str, list[MeetingFact]] = defaultdict(list)
    for row in rows:
        other = row["county"] if row["plan"] == own else row["plan"]
        day = row["held_on"] or clock.legal_date(row["starts_at"])
        cancelled = day if row["state"] == "cancelled" else None
        found[other].append(MeetingFact(row["id"], day, row["held_on"], row["posted_on"], cancelled))
    return found
