"""FHIR dates and times as ranges: `2026-11` is the whole of November, in California unless it says its zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from hub.kernel import clock

_FORM = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"([T ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d+))?)?(?P<zone>Z|[+\- ]\d\d:\d\d)?)?)?)?"
)

_WIDTHS = [timedelta(microseconds=10 ** (6 - digits)) for digits in range(7)]


def bounds(text: str) -> tuple[datetime, datetime]:
    """The first instant, and the first instant after it. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("not a date")
    year = int(match["year"])
    try:
        if match["month"] is None:
            return clock.start_of(date(year, 1, 1)), clock.start_of(date(year + 1, 1, 1))
        month = int(match["month"])
        if match["day"] is None:
            following = date(year + month // 12, month % 12 + 1, 1)
            return clock.start_of(date(year, month, 1)), clock.start_of(following)
        day = date(year, month, int(match["day"]))
        if match["hour"] is None:
            return clock.start_of(day), clock.end_of(day)
        return _moment(match, day)
    except OverflowError as error:
        raise ValueError("out of range") from error


def _moment(match: re.Match[str], day: date) -> tuple[datetime, datetime]:
    if match["zone"] == "Z" and match["second"] not in (None, "60"):  # nearly all: as the hub writes instants itself
        start = datetime.fromisoformat(match[0])
        return start, start + _WIDTHS[min(len(match["fraction"] or ""), 6)]
    second = min(int(match["second"] or 0), 59)  # a leap second counts as the one before
    fraction = (match["fraction"] or "")[:6]
    start = datetime(
        day.year, day.month, day.day, int(match["hour"]), int(match["minute"]), second,
        int(fraction.ljust(6, "0")) if fraction else 0, tzinfo=clock.CALIFORNIA,
    )  # fmt: skip
    zone = match["zone"]
    if zone == "Z":
        start = start.replace(tzinfo=UTC)
    elif zone:
        # In a query string an unescaped plus arrives as a blank.
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        if offset > timedelta(hours=14):
            raise ValueError("no such zone")
        start = start.replace(tzinfo=UTC) - (-offset if zone[0] == "-" else offset)
    start = start.astimezone(UTC)
    if match["second"] is None:
        return start, start + timedelta(minutes=1)
    return start, start + _WIDTHS[len(fraction)]
