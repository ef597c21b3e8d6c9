"""The rows behind a figure as a table. Pure. No member is named: each row opens to where that is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.kernel.calendar import short_date
from hub.referrals.rules import SERVICE_WORDS, WORDS, Service, Status
from hub.reports.actions import Behind
from hub.reports.rules import (
    DUTY_WORDS,
    AgreementFact,
    BehindRow,
    DutyFact,
    DutyOutcome,
    MeetingFact,
    Period,
    Position,
    ReferralRow,
    RefusalFact,
    duty_outcome,
)
from hub.reports.sheets import reason_words


@dataclass(frozen=True, slots=True)
class Line:
    """The first cell is the link; `subject` says to what."""

    subject: tuple[str, str] | None
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    headers: tuple[str, ...]
    lines: tuple[Line, ...]


_HEADERS: dict[type[object], tuple[str, ...]] = {
    ReferralRow: ("Referral", "Sent", "Answered", "Ended", "State at the end", "Reason for closure"),
    DutyFact: ("Duty", "Owed by", "Due", "Ended", "Counted as"),
    MeetingFact: ("Meeting", "Held", "Posted"),
    AgreementFact: ("MOU", "Effective", "Ends"),
    Position: ("Position", "Organization", "Holder"),
    RefusalFact: ("What was asked", "When", "By"),
}


def behind_table(behind: Behind) -> Table:
    if not behind.rows:
        return Table((), ())
    period = behind.report.period
    return Table(_HEADERS[type(behind.rows[0])], tuple(_line(row, period) for row in behind.rows))


def _day(day: date | None, period: Period) -> str:
    """Only what had happened by the end of the period."""
    return short_date(day) if day is not None and day <= period.as_of else "–"


def _line(row: BehindRow, period: Period) -> Line:
    match row:
        case ReferralRow():
            return _referral(row, period)
        case DutyFact():
            outcome = duty_outcome(row, period) or DutyOutcome.PENDING
            words = DUTY_WORDS.get(outcome, outcome.value)
            cells = (row.title, f"The {row.owner}", short_date(row.due_on), _day(row.settled_on, period), words)
            return Line((row.subject_type, row.subject_id), cells)
        case MeetingFact():
            return Line(
                ("Meeting", row.id),
                (f"Meeting of {short_date(row.day)}", _day(row.held_on, period), _day(row.posted_on, period)),
            )
        case AgreementFact():
            ends = short_date(row.end_date) if row.end_date else "–"
            return Line(("Agreement", row.id), (row.title, _day(row.effective_date, period), ends))
        case Position():
            return Line(None, (row.words, row.organization_name, row.holder or "Vacant"))
        case RefusalFact():
            asked = row.action.replace(":", " ").replace("-", " ").capitalize()
            return Line(None, (asked, short_date(row.on), row.organization_name))


def _referral(row: ReferralRow, period: Period) -> Line:
    service = SERVICE_WORDS[Service(row.service)] if row.service in set(Service) else row.service
    status = row.status_on(period.as_of)
    ended = row.ended_on if row.ended_on and row.ended_on <= period.as_of else None
    cells = (
        service,
        _day(row.sent_on, period),
        _day(row.answered_on, period),
        _day(ended, period),
        WORDS[Status(status)] if status in set(Status) else status,
        reason_words(row.reason) if ended else "–",
    )
    return Line(("Task", row.id), cells)
