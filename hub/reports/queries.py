"""The rows behind the quarterly report, read across features.

The current columns only narrow down which rows can matter for a quarter; what a row was then is read from its dated
history. Six statements for an organization, however many partners it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hub.db.engine import fetch
from hub.directory import queries as directory
from hub.directory.rules import NAMES, REQUIRED_FOR_MOU, SIDE
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.reports.rules import (
    AgreementFact,
    Direction,
    DutyFact,
    Facts,
    MeetingFact,
    Period,
    Position,
    ReferralRow,
    RefusalFact,
    Step,
    Tenure,
    added_up,
    holder_on,
)

MOST_QUARTERS = 12


@dataclass(frozen=True)
class Report:
    """A quarter of one organization: the facts for each partner, and all of them added up."""

    organization: directory.OrganizationRow
    period: Period
    partners: tuple[Facts, ...]

    @property
    def total(self) -> Facts:
        return added_up(self.partners)

    def facts(self, partner: str) -> Facts | None:
        if partner == "all":
            return self.total
        return next((facts for facts in self.partners if facts.partner == partner), None)


async def gather(organization_id: str, quarter: Quarter, today: date | None = None) -> Report:
    """The facts, for whoever may read them: `actions.read` and the command line ask on an actor's behalf."""
    own = await directory.organization(organization_id)
    period = Period(quarter, today or clock.today())
    names = {o.id: o for o in await directory.organizations()}
    agreements = await _agreements(own.id, period)
    tenures = await _tenures(own.id, period)
    meetings = await _meetings(own.id, period)
    referrals = await _referrals(own, period)
    duties = await _duties(own.id, names, period)
    refusals = await _refusals(own.id, names, period)
    others = set(agreements) | set(meetings) | set(referrals)
    partners = sorted((names[o] for o in others if o in names), key=lambda o: (o.name, o.id))
    return Report(
        own,
        period,
        tuple(
            Facts(
                other.id,
                other.name,
                tuple(agreements[other.id]),
                _positions(tenures, own, other, period),
                tuple(meetings[other.id]),
                tuple(referrals[other.id]),
                tuple(duties[other.id]),
                tuple(refusals[other.id]),
            )
            for other in partners
        ),
    )


async def _agreements(own: str, period: Period) -> dict[str, list[AgreementFact]]:
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


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("{}" for _ in values)


async def _steps(agreements: list[str], period: Period) -> dict[str, list[tuple[str, date]]]:
    """The dated states of each MOU up to the end of the period; an empty list for one begun later."""
    if not agreements:
        return {}
    rows = await fetch(
        "SELECT agreement, to_state, effective_date FROM agreement_event"
        f" WHERE agreement IN ({_marks(agreements)}) AND to_state IS NOT NULL"
        " ORDER BY effective_date, recorded_at, id",
        *agreements,
    )
    states: dict[str, list[tuple[str, date]]] = {row["agreement"]: [] for row in rows}
    for row in rows:
        if row["effective_date"] <= period.as_of:
            states[row["agreement"]].append((row["to_state"], row["effective_date"]))
    return states


async def _tenures(own: str, period: Period) -> list[Tenure]:
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


def _positions(
    tenures: list[Tenure], own: directory.OrganizationRow, other: directory.OrganizationRow, period: Period
) -> tuple[Position, ...]:
    found = []
    for position in REQUIRED_FOR_MOU:
        side, opposite = (own, other) if SIDE[position] == own.kind else (other, own)
        holder = holder_on(tenures, position.value, side.id, opposite.id, period.as_of)
        found.append(Position(side.id, side.short_name, position.value, NAMES[position], holder))
    return tuple(found)


async def _meetings(own: str, period: Period) -> dict[str, list[MeetingFact]]:
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


async def _referrals(own: directory.OrganizationRow, period: Period) -> dict[str, list[ReferralRow]]:
    """Referrals that were open in the quarter, each with its history up to the end of the period."""
    narrowed = (
        "(t.requester = {} OR t.owner = {}) AND t.sent_on IS NOT NULL AND t.sent_on <= {}"
        " AND (t.ended_on IS NULL OR t.ended_on >= {} OR t.loop_closed_on >= {})"
    )
    values = (own.id, own.id, period.as_of, period.quarter.start, period.quarter.start)
    tasks = await fetch(
        "SELECT t.id, t.member, t.service, t.requester, t.owner, t.closure_reason, t.loop_closed_on FROM task t"
        f" WHERE {narrowed} ORDER BY t.sent_on, t.id",
        *values,
    )
    steps = defaultdict(list)
    for row in await fetch(
        "SELECT e.task, e.to_status, e.effective_date FROM referral_event e JOIN task t ON t.id = e.task"
        f" WHERE {narrowed} AND e.to_status IS NOT NULL AND e.effective_date <= {{}}"
        " ORDER BY e.effective_date, e.recorded_at, e.task_version, e.id",
        *values,
        period.as_of,
    ):
        steps[row["task"]].append(Step(row["to_status"], row["effective_date"]))
    owed = await _answers(own.id, period)
    found: dict[str, list[ReferralRow]] = defaultdict(list)
    for row in tasks:
        sent_by_own = row["requester"] == own.id
        from_county = sent_by_own == (own.kind == "county")
        due, escalated = owed.get(row["id"], (None, ()))
        found[row["owner"] if sent_by_own else row["requester"]].append(
            ReferralRow(
                row["id"],
                row["member"],
                row["service"],
                Direction.COUNTY_TO_PLAN if from_county else Direction.PLAN_TO_COUNTY,
                tuple(steps[row["id"]]),
                row["closure_reason"],
                row["loop_closed_on"],
                due,
                escalated,
            )
        )
    return found


async def _answers(own: str, period: Period) -> dict[str, tuple[date | None, tuple[date, ...]]]:
    """For each referral: by when it was to be answered, and when something about it escalated."""
    rows = await fetch(
        "SELECT subject_id, rule, due_on, escalated_on FROM duty WHERE subject_type = 'Task'"
        " AND (organization = {} OR counterpart = {}) AND opened_on <= {}"
        " AND (rule = 'referral-answer' OR escalated_on IS NOT NULL)"
        " AND (settled_on IS NULL OR settled_on >= {}) ORDER BY due_on, id",
        own,
        own,
        period.as_of,
        period.quarter.start,
    )
    found: dict[str, tuple[date | None, tuple[date, ...]]] = {}
    for row in rows:
        due, escalated = found.get(row["subject_id"], (None, ()))
        if row["rule"] == "referral-answer":
            due = row["due_on"]
        if row["escalated_on"] and row["escalated_on"] <= period.as_of:
            escalated = (*escalated, row["escalated_on"])
        found[row["subject_id"]] = (due, escalated)
    return found


async def _duties(own: str, names: dict[str, directory.OrganizationRow], period: Period) -> dict[str, list[DutyFact]]:
    """Duties of either side towards the other that fall due in the quarter; the partner's only where shared."""
    rows = await fetch(
        "SELECT id, rule, title, organization, counterpart, opened_on, due_on, state, settled_on, member,"
        " subject_type, subject_id FROM duty WHERE due_on >= {} AND due_on <= {}"
        " AND (organization = {} OR (counterpart = {} AND shared = {})) ORDER BY due_on, id",
        period.quarter.start,
        period.quarter.end,
        own,
        own,
        True,
    )
    found: dict[str, list[DutyFact]] = defaultdict(list)
    for row in rows:
        owner, other = row["organization"], row["counterpart"]
        if other is None or owner not in names:
            continue
        found[other if owner == own else owner].append(
            DutyFact(
                row["id"], row["rule"], row["title"], names[owner].kind, row["opened_on"], row["due_on"],
                row["state"], row["settled_on"], row["member"], row["subject_type"], row["subject_id"],
            )
        )  # fmt: skip
    return found


async def _refusals(
    own: str, names: dict[str, directory.OrganizationRow], period: Period
) -> dict[str, list[RefusalFact]]:
    """Exchanges of a member's data that the hub refused between the two (requirements R4)."""
    rows = await fetch(
        "SELECT id, action, happened_at, organization, counterpart, member FROM audit_entry"
        " WHERE outcome = 'refused' AND happened_at >= {} AND happened_at < {}"
        " AND (organization = {} OR counterpart = {}) AND (action LIKE 'referrals:%' OR action LIKE 'consent:%'"
        " OR action LIKE 'fhir:%' OR action LIKE 'members:%') ORDER BY happened_at, id",
        clock.start_of(period.quarter.start),
        clock.end_of(period.as_of),
        own,
        own,
    )
    found: dict[str, list[RefusalFact]] = defaultdict(list)
    for row in rows:
        asker, other = row["organization"], row["counterpart"]
        partner = other if asker == own else asker
        if partner is None:
            continue
        name = names[asker].name if asker in names else "unknown"
        day = clock.legal_date(row["happened_at"])
        found[partner].append(RefusalFact(row["id"], row["action"], day, name, row["member"]))
    return found


async def quarters(organization_id: str, today: date) -> list[Quarter]:
    """Those that can be asked for: from the first MOU on, newest first; at least this one and the one before."""
    rows = await fetch(
        "SELECT MIN(a.created_at) AS first FROM agreement a WHERE a.county = {} OR a.plan = {}",
        organization_id,
        organization_id,
    )
    first = rows[0]["first"]
    this = Quarter.of(today)
    began = datetime.fromisoformat(first) if isinstance(first, str) else first  # SQLite's MIN gives a text
    oldest = min(this.previous, Quarter.of(clock.legal_date(began))) if began else this.previous
    found: list[Quarter] = []
    quarter = this
    while quarter >= oldest and len(found) < MOST_QUARTERS:
        found.append(quarter)
        quarter = quarter.previous
    return found


def may_read(actor: Actor, organization_id: str) -> bool:
    """The own report only; the command line reads any on the hub's behalf."""
    return actor.is_hub or (actor.can("report.read") and actor.organization == organization_id)
