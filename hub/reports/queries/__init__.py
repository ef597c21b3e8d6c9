"""The quarterly report of an organization, read across features.

Few things are read whole (`few`), many are counted by the database (`counts`); the rows behind a figure come page by
page (`behind`). What a row was in a quarter is read from its dates, not from its state of today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hub.db.engine import fetch
from hub.db.transaction import at_once
from hub.directory import queries as directory
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.reports.queries import few
from hub.reports.queries.behind import rows_of, voided
from hub.reports.queries.counts import Counting, by_history
from hub.reports.rules import (
    ALL,
    AgreementFact,
    BehindRow,
    Counted,
    Facts,
    MeetingFact,
    Period,
    ReferralRow,
    Tenure,
    added_up,
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
        if partner == ALL:
            return self.total
        return next((facts for facts in self.partners if facts.partner == partner), None)


async def gather(organization_id: str, quarter: Quarter, today: date | None = None) -> Report:
    """The facts, for whoever may read them: `actions.read` and the command line ask on an actor's behalf."""
    own = await directory.organization(organization_id)
    period = Period(quarter, today or clock.today())
    names = {o.id: o for o in await directory.organizations()}
    possible = sorted(o.id for o in names.values() if o.kind != own.kind)
    counting = Counting(own, possible, period)
    (agreements, tenures, meetings, void), *_ = await at_once(
        _read(own, possible, period, counting), counting.go_on(), counting.go_on()
    )
    counts = counting.counted()
    others = set(agreements) | set(meetings) | counts.partners | set(void)
    partners = sorted((names[o] for o in others if o in names), key=lambda o: (o.name, o.id))
    return Report(
        own,
        period,
        tuple(
            Facts(
                other.id,
                other.name,
                tuple(agreements[other.id]),
                few.positions(tenures, own, other, period),
                tuple(meetings[other.id]),
                counted=counts.of(other.id, void.get(other.id, Counted())),
            )
            for other in partners
        ),
    )


async def _read(
    own: directory.OrganizationRow, possible: Sequence[str], period: Period, counting: Counting
) -> tuple[dict[str, list[AgreementFact]], list[Tenure], dict[str, list[MeetingFact]], dict[str, Counted]]:
    """What is read whole, and counted by its history while the database counts the rest; then helps to count that."""
    found = (
        await few.agreements(own.id, period),
        await few.tenures(own.id, period),
        await few.meetings(own.id, period),
        {other: by_history(rows, period) for other, rows in (await voided(own, possible, period)).items()},
    )
    await counting.go_on()
    return found


async def page_behind(report: Report, figure: str, partner: str, offset: int, limit: int) -> Sequence[BehindRow]:
    """Rows of a figure of the report. KeyError or ValueError: there is no such figure."""
    facts = report.facts(partner)
    if facts is None:
        raise KeyError(partner)
    others = [one.partner for one in report.partners] if partner == ALL else [partner]
    void: list[ReferralRow] = []
    if figure.startswith("referral:") and others:
        found = await voided(report.organization, others, report.period)
        void = [row for other in others for row in found.get(other, ())]
    return await rows_of(figure, report.organization, facts, void, others, report.period, offset, limit)


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
