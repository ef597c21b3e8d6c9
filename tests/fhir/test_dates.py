"""A date in a search is a range; its bounds are the hub's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fhir.dates import bounds

TABLE = [
    ("2026", "2026-01-01T08:00:00Z", "2027-01-01T08:00:00Z"),
    ("2026-11", "2026-11-01T07:00:00Z", "2026-12-01T08:00:00Z"),  # the clocks change on November 1
    ("2026-12", "2026-12-01T08:00:00Z", "2027-01-01T08:00:00Z"),
    ("2026-03-08", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),  # a day of 23 hours
    ("2026-11-18T10:00Z", "2026-11-18T10:00:00Z", "2026-11-18T10:01:00Z"),
    ("2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z", "2026-11-18T10:00:01Z"),
    ("2026-11-18T10:00:00.5Z", "2026-11-18T10:00:00.500Z", "2026-11-18T10:00:00.600Z"),
    ("2026-11-18T10:00:00.123Z", "2026-11-18T10:00:00.123Z", "2026-11-18T10:00:00.124Z"),
    ("2026-11-18T10:00:00+02:00", "2026-11-18T08:00:00Z", "2026-11-18T08:00:01Z"),
    ("2026-11-18T10:00:00 02:00", "2026-11-18T08:00:00Z", "2026-11-18T08:00:01Z"),  # a plus that was not escaped
    ("2026-11-18T10:00:00-08:00", "2026-11-18T18:00:00Z", "2026-11-18T18:00:01Z"),
    ("2026-11-18T10:00:00", "2026-11-18T18:00:00Z", "2026-11-18T18:00:01Z"),  # California without a zone
]


@pytest.mark.parametrize(("text", "low", "high"), TABLE)
def test_a_date_is_as_long_as_its_precision(text: str, low: str, high: str) -> None:
    assert bounds(text) == (datetime.fromisoformat(low), datetime.fromisoformat(high))


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-02-30", "2026-11-18T", "2026-11-18T24:00:00Z", "now",
                                  "2026-11-18T10", "9999", "0000", "2026-11-18T10:00:00+15:00"])  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        bounds(text)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_days_follow_one_another_without_a_gap(day: date) -> None:
    assert bounds(day.isoformat())[1] == bounds((day + timedelta(days=1)).isoformat())[0]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1)))  # noqa: DTZ001 - the zone is put on below
def test_a_moment_lies_in_its_own_range(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    low, high = bounds(aware.isoformat().replace("+00:00", "Z"))
    assert low <= aware < high
