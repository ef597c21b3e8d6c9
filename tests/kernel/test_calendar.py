"""Quarters, working days, and dates in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel import clock
from hub.kernel.calendar import (
    Quarter,
    Unit,
    add,
    add_months,
    add_working_days,
    due_in_words,
    is_working_day,
    working_days_between,
)

THANKSGIVING = {date(2026, 11, 26): "Thanksgiving Day", date(2026, 11, 27): "Day after Thanksgiving"}
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
holidays = st.frozensets(st.dates(date(2020, 1, 1), date(2036, 12, 31)), max_size=60)


@given(days)
def test_every_day_lies_in_exactly_its_quarter(day: date) -> None:
    quarter = Quarter.of(day)
    assert day in quarter
    assert day not in quarter.next and day not in quarter.previous
    assert quarter.next.previous == quarter
    assert quarter.end + timedelta(days=1) == quarter.next.start
    assert Quarter.parse(str(quarter)) == quarter


@pytest.mark.parametrize("text", ["", "2026", "2026-Q5", "Q1-2026", "2026-Q0", "20a6-Q1"])
def test_what_is_no_quarter_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Quarter.parse(text)


@given(days, st.integers(0, 60), holidays)
def test_adding_working_days_ends_on_one_and_counts_them(start: date, count: int, off: frozenset[date]) -> None:
    end = add_working_days(start, count, off)
    assert count == 0 or is_working_day(end, off)
    assert working_days_between(start, end, off) == count


@given(days, st.integers(0, 36))
def test_adding_months_keeps_the_day_or_takes_the_months_last(start: date, months: int) -> None:
    end = add_months(start, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == start.day or (end.day < start.day and (end + timedelta(days=1)).day == 1)


def test_thirty_working_days_and_thirty_calendar_days_differ() -> None:
    start = date(2026, 11, 18)
    assert add(start, 30, Unit.CALENDAR_DAY, THANKSGIVING) == date(2026, 12, 18)
    assert add(start, 5, Unit.WORKING_DAY, THANKSGIVING) == date(2026, 11, 25)
    assert add(start, 6, Unit.WORKING_DAY, THANKSGIVING) == date(2026, 11, 30)


def test_due_dates_are_said_in_words_with_the_holidays_between() -> None:
    today = date(2026, 11, 24)
    assert due_in_words(today, today, {}) == "due today, Tuesday November 24, 2026"
    assert due_in_words(date(2026, 11, 25), today, {}) == "due in 1 working day, Wednesday November 25, 2026"
    assert due_in_words(date(2026, 12, 1), today, {date(2026, 11, 26): "Thanksgiving Day"}) == (
        "due in 4 working days, Tuesday December 1, 2026 (November 26 is a holiday)"
    )
    assert "(November 26 and November 27 are holidays)" in due_in_words(date(2026, 12, 1), today, THANKSGIVING)
    assert due_in_words(date(2026, 11, 20), today, {}) == (
        "overdue by 2 working days, was due Friday November 20, 2026"
    )


def test_a_legal_date_is_californias() -> None:
    late = datetime(2026, 11, 18, 7, 30, tzinfo=UTC)  # half past eleven in the evening of the 17th
    assert clock.legal_date(late) == date(2026, 11, 17)
    assert clock.start_of(date(2026, 7, 1)) == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
    assert clock.end_of(date(2026, 12, 31)) == datetime(2027, 1, 1, 8, 0, tzinfo=UTC)
