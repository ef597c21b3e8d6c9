"""When a job is tried again, and when it is given up. Pure: randomness comes in as a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MAX_ATTEMPTS = 20  # with the delays below about eight hours: a mail server that is away for an evening loses nothing
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)
KEEP_DONE = timedelta(days=90)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Work that comes round: one job for each slot of time, however many workers there are."""

    kind: str
    every: timedelta

    def slot(self, now: datetime) -> datetime:
        """The beginning of the slot in which `now` lies."""
        return _EPOCH + (now - _EPOCH) // self.every * self.every

    def key(self, now: datetime) -> str:
        return f"{self.kind}@{self.slot(now).isoformat(timespec='seconds')}"


def delay(attempt: int, chance: float) -> timedelta:
    """How long to wait after the attempt with this number (from 1). `chance`, from 0 to 1, spreads jobs that failed
    together: half of the wait is fixed, half is by chance."""
    whole = min(FIRST_DELAY * int(2 ** min(attempt - 1, 32)), LONGEST_DELAY)
    return whole / 2 + whole / 2 * chance


def is_given_up(attempt: int, most: int = MAX_ATTEMPTS) -> bool:
    return attempt >= most
