"""What the quarterly report says: figures, each the number of the rows behind it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from statistics import median

from hub.kernel.calendar import Quarter
from hub.mou.rules import IN_FORCE, STATE_WORDS, State


@dataclass(frozen=True)
class Period:
    """A quarter as it is seen on a day. Once it is over, the day no longer matters."""

    quarter: Quarter
    today: date

    @property
    def closed(self) -> bool:
        return self.today > self.quarter.end

    @property
    def as_of(self) -> date:
        """The last day that counts."""
        return min(self.quarter.end, self.today)

    def __contains__(self, day: date | None) -> bool:
        return day is not None and self.quarter.start <= day <= self.as_of

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


def _by(day: date | None, end: date) -> bool:
    return day is not None and day <= end


def waiting_on(row: ReferralRow, day: date) -> bool:
    """Sent, and on that day neither answered nor ended."""
    return _by(row.sent_on, day) and not _by(row.answered_on, day) and not _by(row.ended_on, day)


def in_work_on(row: ReferralRow, day: date) -> bool:
    return _by(row.sent_on, day) and _by(row.answered_on, day) and not _by(row.ended_on, day)


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
    settled = duty.settled_on if _by(duty.settled_on, period.as_of) else None
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
        return self.state_on(day) in IN_FORCE and _by(self.effective_date, day)


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
    )


BehindRow = AgreementFact | Position | MeetingFact | ReferralRow | DutyFact | RefusalFact


def select(figure: str, facts: Facts, period: Period) -> Sequence[BehindRow]:
    """The rows behind a figure, which is their number. KeyError or ValueError: there is no such figure."""
    family, _, rest = figure.partition(":")
    if family == "referral":
        direction, _, name = rest.partition(":")
        return _referrals(Direction(direction), name, facts.referrals, period)
    if family == "duty":
        owner, _, outcome = rest.partition(":")
        wanted = DutyOutcome(outcome)
        return [d for d in facts.duties if d.owner == owner and duty_outcome(d, period) is wanted]
    return _PLAIN[figure](facts, period)


def _referrals(direction: Direction, name: str, rows: Iterable[ReferralRow], period: Period) -> list[ReferralRow]:
    name, _, reason = name.partition(":")
    _, counts = REFERRAL_FIGURES[name]
    found = [row for row in rows if row.direction is direction and counts(row, period)]
    return [row for row in found if row.reason == reason] if reason else found


_PLAIN: dict[str, Callable[[Facts, Period], Sequence[BehindRow]]] = {
    "mous-in-force": lambda facts, period: [a for a in facts.agreements if a.in_force_on(period.as_of)],
    "vacancies": lambda facts, period: [p for p in facts.positions if p.holder is None],
    "meetings-held": lambda facts, period: [m for m in facts.meetings if m.held_on in period],
    "meetings-posted": lambda facts, period: [
        m for m in facts.meetings if m.held_on in period and _by(m.posted_on, period.as_of)
    ],
    "refusals": lambda facts, period: [r for r in facts.refusals if r.on in period],
}

PLAIN_WORDS = {
    "mous-in-force": "MOUs in force at the end",
    "vacancies": "Vacant positions at the end",
    "meetings-held": "Meetings held in the quarter",
    "meetings-posted": "Meetings posted by the end",
    "refusals": "Exchanges refused for want of authority or consent",
}


def count(figure: str, facts: Facts, period: Period) -> int:
    return len(select(figure, facts, period))


def words_of(figure: str) -> str:
    """What a figure counts. Raises KeyError or ValueError for one that there is not."""
    family, _, rest = figure.partition(":")
    if family == "referral":
        direction, _, name = rest.partition(":")
        name, _, reason = name.partition(":")
        words = REFERRAL_FIGURES[name][0] + (f", {reason.replace('-', ' ')}" if reason else "")
        return f"{DIRECTION_WORDS[Direction(direction)]}: {words[0].lower()}{words[1:]}"
    if family == "duty":
        owner, _, outcome = rest.partition(":")
        return f"Duties of the {owner}: {DUTY_WORDS[DutyOutcome(outcome)].lower()}"
    return PLAIN_WORDS[figure]


def closure_reasons(direction: Direction, facts: Facts, period: Period) -> list[tuple[str, int]]:
    """(reason, count) of what was closed, most frequent first; the counts add up to `closed`."""
    closed = _referrals(direction, "closed", facts.referrals, period)
    counted = Counter(row.reason for row in closed)
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def acceptance_rate(direction: Direction, facts: Facts, period: Period) -> float | None:
    """Of the referrals answered in the period, the share that was accepted; None where none was answered."""
    accepted = len(_referrals(direction, "accepted", facts.referrals, period))
    answered = accepted + len(_referrals(direction, "rejected", facts.referrals, period))
    return accepted / answered if answered else None


def _median_days(pairs: Iterable[tuple[date | None, date | None]]) -> float | None:
    days = [(end - start).days for start, end in pairs if start and end]
    return float(median(days)) if days else None


def median_days_to_answer(direction: Direction, facts: Facts, period: Period) -> float | None:
    rows = [r for r in facts.referrals if r.direction is direction and r.answered_on in period]
    return _median_days((row.sent_on, row.answered_on) for row in rows)


def median_days_to_close(direction: Direction, facts: Facts, period: Period) -> float | None:
    rows = _referrals(direction, "closed", facts.referrals, period)
    return _median_days((row.sent_on, row.closed_on) for row in rows)


def leading_agreement(facts: Facts, day: date) -> AgreementFact | None:
    """The MOU that speaks for the pair on a day: one in force, else the last that was begun."""
    there = [a for a in facts.agreements if a.state_on(day)]
    return max(there, key=lambda a: (a.in_force_on(day), a.states[0][1], a.id), default=None)


def mou_in_words(facts: Facts, day: date) -> str:
    agreement = leading_agreement(facts, day)
    state = agreement.state_on(day) if agreement else None
    if agreement is None or state is None:
        return "No MOU"
    if state in IN_FORCE and not agreement.in_force_on(day):
        return "Executed, not in force yet"
    return STATE_WORDS[State(state)]


def figures_of(period: Period) -> list[str]:
    """Every figure that the report prints, closure reasons aside."""
    referrals = [f"referral:{direction}:{name}" for direction in Direction for name in REFERRAL_FIGURES]
    duties = [f"duty:{owner}:{outcome}" for owner in ("county", "plan") for outcome in DUTY_WORDS]
    return [*_PLAIN, *referrals, *duties]
