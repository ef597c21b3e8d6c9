"""The row of an MOU, and the condition under which one is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.mou.rules import IN_FORCE, State

_STATES = ", ".join(f"'{state}'" for state in sorted(IN_FORCE))
# One that renews itself stays in force past its end date until the job has moved the date.
IN_FORCE_SQL = (
    f"a.state IN ({_STATES}) AND a.effective_date <= {{}}"
    " AND (a.end_date IS NULL OR a.end_date >= {} OR a.renewal = 'automatic')"
)


@dataclass(frozen=True, slots=True)
class AgreementRow:
    id: str
    kind: str
    title: str
    county: str
    county_name: str
    county_short: str
    plan: str
    plan_name: str
    plan_short: str
    state: State
    effective_date: date | None
    end_date: date | None
    executed_on: date | None
    renewal: str | None
    template: str
    collects_consent_for_both: bool
    document_name: str | None
    document_hash: str | None
    published_at: str | None
    published_on: date | None
    version: int

    @property
    def in_force(self) -> bool:
        """By its state; its dates say from when to when."""
        return self.state in IN_FORCE

    def partner_of(self, organization: str | None) -> str:
        """The name of the other side, as the asker sees it."""
        return self.plan_name if organization == self.county else self.county_name


AGREEMENT = (
    "SELECT a.id, a.kind, a.title, a.county, c.name AS county_name, c.short_name AS county_short, a.plan,"
    " p.name AS plan_name, p.short_name AS plan_short, a.state, a.effective_date, a.end_date, a.executed_on,"
    " a.renewal, a.template, a.collects_consent_for_both, a.document_name, a.document_hash, a.published_at,"
    " a.published_on, a.version"
    " FROM agreement a JOIN organization c ON c.id = a.county JOIN organization p ON p.id = a.plan"
)


def as_row(row: Mapping[str, Any]) -> AgreementRow:
    flag = bool(row["collects_consent_for_both"])
    return AgreementRow(**{**row, "state": State(row["state"]), "collects_consent_for_both": flag})
