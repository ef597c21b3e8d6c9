"""Quarters, working days, and dates in words. Pure: holidays and today come in as arguments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter, as MOUs reckon (SOC 2245 goes by the state fiscal year)."""

    year: int
    number: int  # 1 to 4

    @classmethod
    def of(cls, day: date) -> Quarter:
        return cls(day.year, (day.month - 1) // 3 + 1)

    @classmethod
    def parse(cls, text: str) -> Quarter:
        """From `2026-Q3`. Raises ValueError."""
        year, _, number = text.partition("-Q")
        quarter = cls(int(year), int(number))
        if not (1 <= quarter.number <= 4 and 1900 < quarter.year < 2200):
            raise ValueError(f"{text!r} is not a quarter such as 2026-Q3")
        return quarter

    @property
    def start(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def end(self) -> date:
        """The quarter's last day."""
        return self.next.start - timedelta(days=1)

    @property
    def next(self) -> Quarter:
        return Quarter(self.year + 1, 1) if self.number == 4 else Quarter(self.year, self.number + 1)

    @property
    def previous(self) -> Quarter:
        return Quarter(self.year - 1, 4) if self.number == 1 else Quarter(self.year, self.number - 1)

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"

    @property
    def words(self) -> str:
        first, last = self.start.strftime("%B"), self.end.strftime("%B")
        return f"Quarter {self.number} of {self.year} ({first} to {last})"


class Unit(StrEnum):
    WORKING_DAY = "working_day"
    CALENDAR_DAY = "calendar_day"
    MONTH = "month"


_DAY = timedelta(days=1)


def is_working_day(day: date, holidays: Collection[date]) -> bool:
    return day.weekday() < 5 and day not in holidays


def add_working_days(start: date, days: int, holidays: Collection[date]) -> date:
    """The working day that is `days` working days after `start`; the day of the event itself is not counted.

    With 0 days: the start itself.
    """
    day, left = start, days
    while left > 0:
        day += _DAY
        if is_working_day(day, holidays):
            left -= 1
    return day


def working_days_between(start: date, end: date, holidays: Collection[date]) -> int:
    """How many working days lie after `start`, up to and with `end`; negative when `end` is earlier."""
    if end < start:
        return -working_days_between(end, start, holidays)
    weeks, rest = divmod((end - start).days, 7)
    days = 5 * weeks + sum((start.weekday() + n) % 7 < 5 for n in range(1, rest + 1))
    return days - len({day for day in holidays if start < day <= end and day.weekday() < 5})


def add_months(start: date, months: int) -> date:
    """The same day of the month, or the month's last day where it has no such day."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    following = date(year + (month == 12), month % 12 + 1, 1)
    return date(year, month, min(start.day, (following - timedelta(days=1)).day))


def add(start: date, count: int, unit: Unit, holidays: Collection[date]) -> date:
    if unit is Unit.WORKING_DAY:
        return add_working_days(start, count, holidays)
    if unit is Unit.MONTH:
        return add_months(start, count)
    return start + timedelta(days=count)


def long_date(day: date) -> str:
    """`Wednesday December 2, 2026`."""
    return f"{day.strftime('%A %B')} {day.day}, {day.year}"


def short_date(day: date) -> str:
    """`Dec 2, 2026`."""
    return f"{day.strftime('%b')} {day.day}, {day.year}"


def _days(n: int, unit: str) -> str:
    return f"{n} {unit}{'' if n == 1 else 's'}"


_NEAR = timedelta(days=30)


def due_in_words(due: date, today: date, holidays: Collection[date]) -> str:
    """`due in 3 working days, Wednesday December 2, 2026 (November 26 is a county holiday)`."""
    return _due_in_words(due, today, holidays if isinstance(holidays, frozenset) else frozenset(holidays))


@lru_cache(maxsize=4096)
def _due_in_words(due: date, today: date, holidays: frozenset[date]) -> str:
    if due == today:
        return f"due today, {long_date(due)}"
    count = abs(working_days_between(today, due, holidays))
    if due < today:
        when = _days(count, "working day") if count else _days((today - due).days, "day")
        return f"overdue by {when}, was due {long_date(due)}"
    when = _days(count, "working day") if count else _days((due - today).days, "day")
    near = due - today <= _NEAR  # far off, the list of holidays would only be noise
    between = sorted(d for d in holidays if today < d < due and d.weekday() < 5) if near else ()
    named = [f"{day.strftime('%B')} {day.day}" for day in between]
    note = ""
    if len(named) == 1:
        note = f" ({named[0]} is a holiday)"
    elif named:
        note = f" ({', '.join(named[:-1])} and {named[-1]} are holidays)"
    return f"due in {when}, {long_date(due)}{note}"
