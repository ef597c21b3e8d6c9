"""What time it is.

Every part of the hub asks here, so that a test or the demonstration can say what time it is. Instants are aware and in
UTC; a legal date is a date in America/Los_Angeles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CALIFORNIA = ZoneInfo("America/Los_Angeles")

Clock = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


class _Holder:
    clock: Clock = staticmethod(_system)
    day: tuple[datetime, datetime, date] = (
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        date.min,
    )


def now() -> datetime:
    """This instant, aware, in UTC, to the microsecond."""
    return _Holder.clock()


def today() -> date:
    """Today's legal date, in California."""
    instant = now()
    begins, ends, day = _Holder.day
    if not begins <= instant < ends:  # asked several times for a request: the time zone is looked up once a day
        day = legal_date(instant)
        _Holder.day = start_of(day), end_of(day), day
    return day


def legal_date(instant: datetime) -> date:
    """The legal date on which an instant falls."""
    return instant.astimezone(CALIFORNIA).date()


def start_of(day: date) -> datetime:
    """The first instant of a legal date, in UTC."""
    return datetime.combine(day, time(), CALIFORNIA).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The first instant after a legal date, in UTC: an exclusive bound."""
    return start_of(day + timedelta(days=1))


@contextmanager
def set_to(clock: datetime | Clock) -> Iterator[None]:
    """For tests and the demonstration: everything inside happens at that time. Process-wide, so never in a request."""
    before = _Holder.clock
    if isinstance(clock, datetime):
        if clock.tzinfo is None:
            raise ValueError("the clock needs an aware time")
        fixed = clock.astimezone(UTC)
        _Holder.clock = staticmethod(lambda: fixed)
    else:
        _Holder.clock = staticmethod(clock)
    try:
        yield
    finally:
        _Holder.clock = before
