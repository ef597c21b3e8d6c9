"""What a State is made from: its size, numbers that look random, ids, and a calendar of working days. Pure.

Everything is reckoned from an index: the State can be made in pieces, and any piece again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from hub.kernel.calendar import Quarter, is_working_day
from hub.kernel.clock import CALIFORNIA

QUARTERS = 8  # of referrals: the running one, and seven before it
FIRST_DAY = date(
    2024, 7, 1
)  # the earliest that a referral may be sent: the hub's rules are in force since January 2024
BEFORE = 400  # days of the calendar before the first quarter: MOUs are negotiated then
AFTER = 800  # days after today: consents end then, and reviews fall due

_BITS = (1 << 64) - 1
_THOUSANDTHS = tuple(f"{ms:03d}" for ms in range(1000))
_SECONDS = 8 * 3600  # of office hours: eight to four in California is one day in UTC too, in winter and in summer


@dataclass(frozen=True, slots=True)
class Size:
    """The arguments. `today` is the day that the State looks back from: nothing in it happened on it or later."""

    counties: int
    plans: int
    members: int
    referrals: int
    seed: int
    today: date

    @property
    def first_day(self) -> date:
        """The first day of the first of the quarters with referrals."""
        quarter = Quarter.of(self.today)
        for _ in range(QUARTERS - 1):
            quarter = quarter.previous
        return quarter.start

    @property
    def told(self) -> dict[str, Any]:
        """As they are kept in the database."""
        return asdict(self) | {"today": self.today.isoformat()}

    def problem(self, most_plans: int) -> str | None:
        """Why there can be no such State, in words."""
        for name, least, most in (
            ("counties", 1, 58),
            ("plans", 1, most_plans),
            ("members", 1, 9_000_000),
            ("referrals", 0, 50_000_000),
            ("seed", 0, 2**31 - 1),
        ):
            if not least <= getattr(self, name) <= most:
                return f"--{name} is a number from {least:,} to {most:,}."
        if self.first_day < FIRST_DAY:
            return "--today cannot be before April 1, 2026: the rules of the MOU template are in force since 2024."
        return None


def mix(seed: int, n: int) -> int:
    """64 bits that look random, of the n-th of a kind (SplitMix64)."""
    z = (seed + n * 0x9E3779B97F4A7C15) & _BITS
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _BITS
    return z ^ (z >> 31)


def more_of(h: int) -> int:
    """64 further bits, of the bits of `mix`."""
    h = h * 0xD1342543DE82EF95 + 0x2545F4914F6CDD1D & _BITS
    return h ^ h >> 31


def stream(seed: int, name: str) -> int:
    """The seed of one kind of numbers."""
    return mix(seed, int.from_bytes(sha256(name.encode()).digest()[:8], "big"))


Id = Callable[[str, int], str]
"""Of the beginning that a moment gives to its ids, and the number of the row among its kind."""


def ids(seed: int, name: str) -> Id:
    """Ids in the form of a uuid7: they sort by time, and two of a kind with two numbers are two."""
    h = stream(seed, f"id{name}")
    middle = f"-{0x7000 | h & 0xFFF:04x}-{0x8000 | (h >> 12) & 0x3FFF:04x}-"
    step, last = 0x5851F42D4C95, (1 << 48) - 1  # odd: no two numbers below 2^48 give the same

    def make(beginning: str, n: int) -> str:
        return f"{beginning}{middle}{n * step & last:012x}"

    return make


def slots(weights: Collection[float], bits: int) -> list[int]:
    """2^bits places for drawing by weight; whoever has a weight has a place."""
    size, total = 1 << bits, sum(weights)
    counts = [max(1, round(size * weight / total)) if weight else 0 for weight in weights]
    counts[counts.index(max(counts))] += size - sum(counts)
    return [number for number, count in enumerate(counts) for _ in range(count)]


class Moment(NamedTuple):
    """An instant as ids, FHIR and the databases want it, and the day on which it was."""

    day: int
    second: int
    ms: int  # since 1970
    ids: str  # how an id of this moment begins
    fhir: str
    row: str

    @property
    def instant(self) -> datetime:
        return datetime.fromtimestamp(self.ms / 1000, UTC)


class Days:
    """Days by their number; 0 lies `BEFORE` days before the first quarter."""

    def __init__(self, size: Size, holidays: Collection[date]) -> None:
        self.origin = size.first_day - timedelta(days=BEFORE)
        self.holidays = frozenset(holidays)
        count = (size.today - self.origin).days + AFTER
        self.dates = [self.origin + timedelta(days=n) for n in range(count)]
        self.text = [day.isoformat() for day in self.dates]
        self.first = BEFORE
        self.today = (size.today - self.origin).days
        self.last = self.today - 1  # the last day on which something happened
        starts = [datetime.combine(day, time(8), CALIFORNIA).astimezone(UTC) for day in self.dates]
        self._ms = [int(start.timestamp()) * 1000 for start in starts]
        clocks = {
            hour: [f"{hour + s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(_SECONDS)]
            for hour in {start.hour for start in starts}
        }
        self._clock = [clocks[start.hour] for start in starts]
        self._working: list[int] = []  # the numbers of the working days, in order
        self._rank = []  # of each day: how many working days there are up to it
        for number, day in enumerate(self.dates):
            if is_working_day(day, self.holidays):
                self._working.append(number)
            self._rank.append(len(self._working))

    def number(self, day: date) -> int:
        return (day - self.origin).days

    def later(self, day: int, working_days: int) -> int:
        """As `add_working_days`; 0 is the day itself."""
        return self._working[self._rank[day] + working_days - 1] if working_days else day

    def on_or_after(self, day: int) -> int:
        return self._working[self._rank[day - 1]] if day else self._working[0]

    def on_or_before(self, day: int) -> int:
        return self._working[self._rank[day] - 1]

    def at(self, day: int, second: int, ms: int = 0) -> Moment:
        """So many seconds after eight in the morning in California."""
        return Moment(day, second, self._ms[day] + second * 1000 + ms, *self.stamp(day, second, ms))

    def stamp(self, day: int, second: int, ms: int) -> tuple[str, str, str]:
        """What rows need of `at`, in less time: how ids begin, for FHIR, for the databases."""
        text, clock, part = self.text[day], self._clock[day][second], _THOUSANDTHS[ms]
        epoch = self._ms[day] + second * 1000 + ms
        begins = f"{epoch >> 16:08x}-{epoch & 0xFFFF:04x}"
        return begins, f"{text}T{clock}.{part}Z", f"{text} {clock}.{part}000+00:00"

    def dawn(self, day: int) -> tuple[str, str]:
        """Half past five, when the hub's own jobs run: for ids, and as the databases want it."""
        epoch, hour = self._ms[day] - 9_000_000, int(self._clock[day][0][:2]) - 3
        return f"{epoch >> 16:08x}-{epoch & 0xFFFF:04x}", f"{self.text[day]} {hour:02d}:30:00.000000+00:00"
