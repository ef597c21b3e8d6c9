"""What is on record of a quarter: the period, referrals with their histories, duties, MOUs, meetings. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property, reduce
from typing import TypeVar

from hub.kernel.calendar import Quarter
from hub.mou.rules import IN_FORCE


@dataclass(frozen=True)
class Period:
    """A quarter as it is seen on a day. Once it is over, the day no longer matters."""

    quarter: Quarter
    today: date

    @property
    def closed(self) -> bool:
        return self.today > self.quarter.end

    @cached_property
    def start(self) -> date:
        return self.quarter.start

    @cached_property
    def as_of(self) -> date:
        """The last day that counts."""
        return min(self.quarter.end, self.today)

    def __contains__(self, day: date | None) -> bool:
        return day is not None and self.start <= day <= self.as_of

    def passed(self, due: date) -> bool:
        """Whether a date is over within this period."""
        return due < self.as_of or (self.closed and due <= self.as_of)


class Direction(StrEnum):
    COUNTY_TO_PLAN = "county-to-plan"
    PLAN_TO_COUNTY = "plan-to-county"


DIRECTION_WORDS = {
    Direction.COUNTY_TO_PLAN: "From county to plan",
    Direction.PLAN_TO_COUNTY: "From plan to county",
}

# Statuses of Task (fhir.md): what each means for the closed loop.
_SENT = frozenset({"requested"})
_ACCEPTED = frozenset({"accepted", "in-progress", "on-hold", "ready", "completed", "failed"})
_REJECTED = frozenset({"rejected"})
_CLOSED = frozenset({"completed", "failed", "cancelled", "entered-in-error"})

NO_REASON = "not-recorded"


@dataclass(frozen=True, slots=True)
class Step:
    """A referral's status from a day on."""

    to_status: str
    on: date


@dataclass(frozen=True)
class ReferralRow:
    """One referral with its dated history, in the order in which it took effect."""

    id: str
    member: str
    service: str
    direction: Direction
    steps: tuple[Step, ...]
    closure_reason: str | None = None
    loop_closed_on: date | None = None
    answer_due: date | None = None
    escalated_on: tuple[date, ...] = ()

    def _first(self, statuses: frozenset[str]) -> date | None:
        return next((step.on for step in self.steps if step.to_status in statuses), None)

    @cached_property
    def sent_on(self) -> date | None:
        return self._first(_SENT)

    @cached_property
    def accepted_on(self) -> date | None:
        return self._first(_ACCEPTED)

    @cached_property
    def rejected_on(self) -> date | None:
        return self._first(_REJECTED)

    @cached_property
    def answered_on(self) -> date | None:
        return self._first(_ACCEPTED | _REJECTED)

    @cached_property
    def closed_on(self) -> date | None:
        """A declined referral has ended, but was never closed; nor was one that never went out."""
        return None if self.rejected_on or not self.sent_on else self._first(_CLOSED)

    @cached_property
    def ended_on(self) -> date | None:
        return self._first(_CLOSED | _REJECTED)

    @property
    def reason(self) -> str:
        return self.closure_reason or NO_REASON

    def status_on(self, day: date) -> str:
        return next((step.to_status for step in reversed(self.steps) if step.on <= day), "draft")


def by(day: date | None, end: date) -> bool:
    return day is not None and day <= end


def waiting_on(row: ReferralRow, day: date) -> bool:
    """Sent, and on that day neither answered nor ended."""
    return by(row.sent_on, day) and not by(row.answered_on, day) and not by(row.ended_on, day)


def in_work_on(row: ReferralRow, day: date) -> bool:
    return by(row.sent_on, day) and by(row.answered_on, day) and not by(row.ended_on, day)


def _late(row: ReferralRow, period: Period) -> bool:
    return waiting_on(row, period.as_of) and row.answer_due is not None and period.passed(row.answer_due)


REFERRAL_FIGURES: dict[str, tuple[str, Callable[[ReferralRow, Period], bool]]] = {
    "sent": ("Sent in the quarter", lambda row, period: row.sent_on in period),
    "accepted": ("Accepted", lambda row, period: row.accepted_on in period),
    "rejected": ("Declined", lambda row, period: row.rejected_on in period),
    "unanswered": ("Unanswered at the end", lambda row, period: waiting_on(row, period.as_of)),
    "late": ("Unanswered and past due at the end", _late),
    "in-work": ("In work at the end", lambda row, period: in_work_on(row, period.as_of)),
    "closed": ("Closed", lambda row, period: row.closed_on in period),
    "loop-closed": (
        "Closed by the referrer too",
        lambda row, period: row.loop_closed_on in period,
    ),
    "escalated": ("Escalated", lambda row, period: any(day in period for day in row.escalated_on)),
}


class DutyOutcome(StrEnum):
    MET = "met"
    MISSED = "missed"
    EXCUSED = "excused"
    PENDING = "pending"
    CANCELLED = "cancelled"


DUTY_WORDS = {
    DutyOutcome.MET: "Met in time",
    DutyOutcome.MISSED: "Missed or met late",
    DutyOutcome.EXCUSED: "Excused",
    DutyOutcome.PENDING: "Not due yet",
}


@dataclass(frozen=True, slots=True)
class DutyFact:
    id: str
    rule: str
    title: str
    owner: str  # county | plan
    opened_on: date
    due_on: date
    state: str
    settled_on: date | None
    member: str | None = None
    subject_type: str = ""
    subject_id: str = ""


def duty_outcome(duty: DutyFact, period: Period) -> DutyOutcome | None:
    """How a duty that fell due in the period stood on its last day; None for a duty of another time."""
    if duty.due_on not in period.quarter or duty.opened_on > period.as_of:
        return None
    settled = duty.settled_on if by(duty.settled_on, period.as_of) else None
    if settled and duty.state == "cancelled":
        return DutyOutcome.CANCELLED
    if settled and duty.state == "excused":
        return DutyOutcome.EXCUSED
    if settled:
        return DutyOutcome.MET if settled <= duty.due_on else DutyOutcome.MISSED
    return DutyOutcome.MISSED if period.passed(duty.due_on) else DutyOutcome.PENDING


@dataclass(frozen=True, slots=True)
class AgreementFact:
    """An MOU and its dated steps: (state, effective date), in the order in which they took effect."""

    id: str
    title: str
    states: tuple[tuple[str, date], ...]
    effective_date: date | None = None
    end_date: date | None = None
    executed_on: date | None = None
    renews: bool = False  # by itself, at its end date

    def state_on(self, day: date) -> str | None:
        """None: it was not there yet. One past its end date is expired, whether or not somebody said so."""
        known = [state for state, since in self.states if since <= day]
        if not known:
            return None
        over = self.end_date is not None and self.end_date < day and not self.renews
        return "expired" if over and known[-1] in IN_FORCE else known[-1]

    def in_force_on(self, day: date) -> bool:
        return self.state_on(day) in IN_FORCE and by(self.effective_date, day)


@dataclass(frozen=True, slots=True)
class Tenure:
    """Somebody in a named position, from a day until a day, towards one counterpart or all (None)."""

    organization: str
    counterpart: str | None
    position: str
    person: str
    from_date: date
    until_date: date | None


@dataclass(frozen=True, slots=True)
class Position:
    """A named position of the pair on the last day of the period."""

    organization: str
    organization_name: str
    position: str
    words: str
    holder: str | None


@dataclass(frozen=True, slots=True)
class MeetingFact:
    id: str
    day: date
    held_on: date | None
    posted_on: date | None
    cancelled_on: date | None = None


@dataclass(frozen=True, slots=True)
class RefusalFact:
    """The hub refused an exchange between the two, for want of authority or consent."""

    id: str
    action: str
    on: date
    organization_name: str
    member: str | None = None


def holder_on(tenures: Iterable[Tenure], position: str, organization: str, other: str, day: date) -> str | None:
    """Who held a position towards a counterpart; an appointment to it goes before one towards everybody."""
    there = [
        t
        for t in tenures
        if (t.organization, t.position) == (organization, position)
        and t.counterpart in (other, None)
        and t.from_date <= day
        and (t.until_date is None or day <= t.until_date)
    ]
    best = max(there, key=lambda t: (t.counterpart is not None, t.from_date), default=None)
    return best.person if best else None


Lags = Mapping[Direction, Mapping[int, int]]
"""By direction: calendar days from the sending, and how many referrals took so many."""


@dataclass(frozen=True)
class Counted:
    """The figures of referrals, duties and refusals as the database counted them."""

    figures: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[Direction, Mapping[str, int]] = field(default_factory=dict)
    answered: Lags = field(default_factory=dict)
    closed: Lags = field(default_factory=dict)

    def plus(self, other: Counted) -> Counted:
        return Counted(
            dict(Counter(self.figures) + Counter(other.figures)),
            _merged(self.reasons, other.reasons),
            _merged(self.answered, other.answered),
            _merged(self.closed, other.closed),
        )


K = TypeVar("K")


def _merged(
    one: Mapping[Direction, Mapping[K, int]], other: Mapping[Direction, Mapping[K, int]]
) -> dict[Direction, Mapping[K, int]]:
    return {way: dict(Counter(one.get(way, {})) + Counter(other.get(way, {}))) for way in Direction}


@dataclass(frozen=True)
class Facts:
    """What is on record between an organization and one partner, or, added up, all of them."""

    partner: str
    partner_name: str
    agreements: tuple[AgreementFact, ...] = ()
    positions: tuple[Position, ...] = ()
    meetings: tuple[MeetingFact, ...] = ()
    referrals: tuple[ReferralRow, ...] = ()
    duties: tuple[DutyFact, ...] = ()
    refusals: tuple[RefusalFact, ...] = ()
    counted: Counted | None = None  # in place of referrals, duties and refusals


ALL = "all"


def added_up(facts: Sequence[Facts]) -> Facts:
    """All partners as one: a total counts the rows that its parts count."""
    return Facts(
        ALL,
        "All partners",
        tuple(x for f in facts for x in f.agreements),
        tuple(x for f in facts for x in f.positions),
        tuple(x for f in facts for x in f.meetings),
        tuple(x for f in facts for x in f.referrals),
        tuple(x for f in facts for x in f.duties),
        tuple(x for f in facts for x in f.refusals),
        reduce(Counted.plus, (f.counted for f in facts if f.counted), Counted())
        if any(f.counted for f in facts)
        else None,
    )
