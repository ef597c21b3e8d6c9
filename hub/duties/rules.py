"""Due dates, how a duty ends, whose work it is. Pure: time and holidays come in as arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

from hub.directory.rules import LIAISON_OF, RESPONSIBLE_OF, Tenure, in_office
from hub.duties.first_rules import FIRST_RULES, FirstRule, LimitUnit, Owner
from hub.kernel.calendar import Quarter, Unit, add
from hub.kernel.errors import WrongStep

__all__ = ["FIRST_RULES", "FirstRule", "LimitUnit", "Owner"]

ESCALATE = "-escalate"  # suffixes: a limit that hangs on another rule is a rule of its own, found by its name
AGENDA = "-agenda"
NOT_BEFORE = "-not-before"
SUFFIXES = (ESCALATE, AGENDA, NOT_BEFORE)


# Somebody waits for these: new ones stand on top of the work list, later on top of their group.
ANSWERS_FIRST = ("referral-answer",)


class State(StrEnum):
    OPEN = "open"
    MET = "met"
    MISSED = "missed"  # done, but after its date
    EXCUSED = "excused"
    CANCELLED = "cancelled"


class Event(StrEnum):
    OPENED = "opened"
    OVERDUE = "overdue"
    ESCALATED = "escalated"
    ON_AGENDA = "on-agenda"
    MET = "met"
    MISSED = "missed"
    EXCUSED = "excused"
    CANCELLED = "cancelled"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.OVERDUE): State.OPEN,
    (State.OPEN, Event.ESCALATED): State.OPEN,
    (State.OPEN, Event.ON_AGENDA): State.OPEN,
    (State.OPEN, Event.MET): State.MET,
    (State.OPEN, Event.MISSED): State.MISSED,
    (State.OPEN, Event.EXCUSED): State.EXCUSED,
    (State.OPEN, Event.CANCELLED): State.CANCELLED,
}


def after(state: State, event: Event) -> State:
    """The state after an event. An ended duty stays as it ended."""
    if (state, event) not in TRANSITIONS:
        raise WrongStep(f"A duty that is {state} cannot be {event}.")
    return TRANSITIONS[state, event]


def settled_as(due_on: date, on: date) -> Event:
    return Event.MET if on <= due_on else Event.MISSED


class NoLimit(LookupError):
    """The rule does not say by when: the caller must."""


def due_date(start: date, count: int | None, unit: str | None, holidays: Collection[date]) -> date:
    """By when something is owed that was triggered on `start`."""
    return _due_date(start, count, unit, holidays if isinstance(holidays, frozenset) else frozenset(holidays))


@lru_cache(maxsize=4096)
def _due_date(start: date, count: int | None, unit: str | None, holidays: frozenset[date]) -> date:
    if count is None or unit is None:
        raise NoLimit("This rule has no limit of its own: say the due date.")
    match LimitUnit(unit):
        case LimitUnit.QUARTER_END:
            quarter = Quarter.of(start)
            for _ in range(count):
                quarter = quarter.next
            return quarter.end
        case LimitUnit.YEAR_END:
            return date(start.year + count, 12, 31)
        case LimitUnit.YEAR:
            return add(start, 12 * count, Unit.MONTH, holidays)
        case LimitUnit.MINUTE:
            return start
        case other:
            return add(start, count, Unit(other.value), holidays)


def limit_in_words(count: int | None, unit: str | None) -> str:
    """`5 working days`."""
    if count is None or unit is None:
        return "as agreed"
    if unit == LimitUnit.QUARTER_END:
        return "the quarter’s last day" if count == 0 else f"the last day of quarter +{count}"
    if unit == LimitUnit.YEAR_END:
        return "the year’s last day" if count == 0 else f"the last day of year +{count}"
    if count == 0:
        return "the same day"
    return f"{count} {unit.replace('_', ' ')}{'' if count == 1 else 's'}"


class Group(StrEnum):
    """The parts of the work list, in their order. What somebody newly waits for comes first."""

    NEW = "new"
    OVERDUE = "overdue"
    TODAY = "today"
    WEEK = "week"
    LATER = "later"
    WAITING = "waiting"


GROUP_WORDS = {
    Group.NEW: "New, waiting for your answer",
    Group.OVERDUE: "Overdue",
    Group.TODAY: "Due today",
    Group.WEEK: "This week",
    Group.LATER: "Later",
    Group.WAITING: "Waiting on the other side",
}


def end_of_week(today: date) -> date:
    """The coming Sunday: a week is what is left of this one."""
    return today + timedelta(days=6 - today.weekday())


def group_of(due_on: date, today: date, rule: str = "") -> Group:
    if due_on < today:
        return Group.OVERDUE
    if due_on == today:
        return Group.TODAY
    if rule in ANSWERS_FIRST:
        return Group.NEW
    return Group.WEEK if due_on <= end_of_week(today) else Group.LATER


@dataclass(frozen=True, slots=True)
class Clock:
    """The dates of an open duty that the escalation looks at."""

    due_on: date
    escalate_on: date | None = None
    agenda_on: date | None = None
    overdue_on: date | None = None  # done already: the day on which each step was taken
    escalated_on: date | None = None
    agenda_proposed_on: date | None = None


def steps_due(duty: Clock, today: date) -> list[Event]:
    """What the escalation still has to do for an open duty. Empty after it was done."""
    steps = []
    if duty.due_on < today and duty.overdue_on is None:
        steps.append(Event.OVERDUE)
    if duty.escalate_on is not None and duty.escalate_on <= today and duty.escalated_on is None:
        steps.append(Event.ESCALATED)
    if duty.agenda_on is not None and duty.agenda_on <= today and duty.agenda_proposed_on is None:
        steps.append(Event.ON_AGENDA)
    return steps


# Whose work it is


class Because(StrEnum):
    """Why a duty stands in somebody's work list."""

    HOLDER = "holder"
    DEPUTY = "deputy"
    VACANT = "vacant"  # nobody holds the position: its last deputy and the responsible person see its work
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class Seat:
    """An appointment of one organization, past or present, as work is dealt out by."""

    id: str
    position: str
    counterpart: str | None  # None: towards everybody
    person: str
    deputy: str | None
    from_date: date
    until_date: date | None

    @property
    def tenure(self) -> Tenure:
        return Tenure(self.id, self.counterpart, self.from_date, self.until_date)


def sitting(seats: Iterable[Seat], position: str, counterpart: str | None, on: date) -> Seat | None:
    """Who holds a position towards a counterpart on a day."""
    these = {seat.id: seat for seat in seats if seat.position == position}
    tenure = in_office([seat.tenure for seat in these.values()], counterpart, on)
    return these[tenure.id] if tenure else None


def last_sitting(seats: Iterable[Seat], position: str, counterpart: str | None, on: date) -> Seat | None:
    """Who held a position last that nobody holds now."""
    able = [
        seat
        for seat in seats
        if seat.position == position and seat.counterpart in (None, counterpart) and seat.from_date <= on
    ]
    return max(able, key=_left, default=None)


_WORKING = (*LIAISON_OF.values(), *RESPONSIBLE_OF.values())


class Desks:
    """Who sits where in an organization on a day: looked up once, for all of its work.

    `responsible` is the position of its responsible person, to whom the work of a vacant position goes.
    """

    def __init__(self, seats: Iterable[Seat], responsible: str | None, on: date) -> None:
        self._responsible = responsible
        self._now: dict[tuple[str, str | None], Seat] = {}
        self._last: dict[tuple[str, str | None], Seat] = {}
        for seat in seats:
            place = (seat.position, seat.counterpart)
            if seat.from_date <= on:
                self._last[place] = max(self._last.get(place, seat), seat, key=_left)
                if seat.until_date is None or on <= seat.until_date:
                    self._now[place] = max(self._now.get(place, seat), seat, key=_came)

    def holder(self, position: str, counterpart: str | None) -> Seat | None:
        """As `sitting`: one towards this partner wins over one towards everybody."""
        return self._now.get((position, counterpart)) or self._now.get((position, None))

    def why(self, me: str, position: str, counterpart: str | None, escalated_to: str | None = None) -> Because | None:
        """Whether a duty of `position` towards `counterpart` is my work, and why; None where it is not."""
        seat = self.holder(position, counterpart)
        if seat is not None:
            if seat.person == me:
                return Because.HOLDER
            if seat.deputy == me:
                return Because.DEPUTY
        else:
            last = self._held_last(position, counterpart)
            if last is not None and last.deputy == me:
                return Because.VACANT
            if self._responsible and self._sits(me, self._responsible, counterpart):
                return Because.VACANT
        return Because.ESCALATED if escalated_to and self._sits(me, escalated_to, counterpart) else None

    def deals_with(self, me: str, partner: str | None) -> bool:
        """Whether I am one of those who work with a partner, so that what it owes us is what I wait for."""
        return any(self._sits(me, position, partner) for position in _WORKING)

    def of(self, me: str) -> set[str]:
        """The positions in which I sit, towards whomever."""
        return {position for (position, _), seat in self._now.items() if me in (seat.person, seat.deputy)}

    @property
    def positions(self) -> set[str]:
        return {position for position, _ in self._last}

    @property
    def partners(self) -> set[str]:
        """Those towards whom somebody was named. Towards all others work is dealt alike: as towards nobody (None)."""
        return {counterpart for _, counterpart in self._last if counterpart is not None}

    def _held_last(self, position: str, counterpart: str | None) -> Seat | None:
        able = [seat for one in {counterpart, None} if (seat := self._last.get((position, one)))]
        return max(able, key=_left, default=None)

    def _sits(self, me: str, position: str, counterpart: str | None) -> bool:
        seat = self.holder(position, counterpart)
        return seat is not None and me in (seat.person, seat.deputy)


def _came(seat: Seat) -> tuple[date, str]:
    return seat.from_date, seat.id


def _left(seat: Seat) -> tuple[date, date, str]:
    return seat.until_date or date.max, seat.from_date, seat.id


def whom_to_tell(
    position: str, counterpart: str | None, *, seats: Collection[Seat], responsible: str | None, on: date
) -> str | None:
    """The person who gets the mail about a duty: the holder; of a vacant position its last deputy, then the
    responsible person.
    """
    seat = sitting(seats, position, counterpart, on)
    if seat is not None:
        return seat.person
    last = last_sitting(seats, position, counterpart, on)
    if last is not None and last.deputy is not None:
        return last.deputy
    chief = sitting(seats, responsible, counterpart, on) if responsible else None
    return chief.person if chief else None
