"""Time in the story: what happens is told in the order in which it happened, with the hub's clock standing there.

A thread of the story is an async generator that yields the next moment it waits for. What lies after the last day told
never happens: so referrals that are still open today are simply those whose next step has not come yet.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from hub.db.engine import engine
from hub.kernel import clock
from hub.kernel.calendar import is_working_day

_TOGETHER = 60  # steps in one transaction: each commit waits for the disk


@dataclass(frozen=True, slots=True)
class Alone:
    """Wait for a moment, and then act outside the story's transaction: what is refused rolls back nothing else."""

    at: datetime


Moment = datetime | Alone
Thread = AsyncGenerator[Moment, None]


@dataclass
class Days:
    """Working days of the story; every moment in it is one of office hours in California."""

    today: date
    holidays: Collection[date]
    chance: random.Random

    def is_working(self, day: date) -> bool:
        return is_working_day(day, self.holidays)

    def on_or_after(self, day: date) -> date:
        while not self.is_working(day):
            day += timedelta(days=1)
        return day

    def on_or_before(self, day: date) -> date:
        while not self.is_working(day):
            day -= timedelta(days=1)
        return day

    def later(self, day: date, working_days: int) -> date:
        """So many working days after a day; before it, for a negative number."""
        step = timedelta(days=1 if working_days >= 0 else -1)
        left = abs(working_days)
        while left > 0:
            day += step
            left -= self.is_working(day)
        return day

    def ago(self, days: int) -> date:
        """The working day on or before so many calendar days ago."""
        return self.on_or_before(self.today - timedelta(days=days))

    def at(self, day: date, hour: int | None = None, minute: int | None = None) -> datetime:
        """A moment of a day; by default some moment of its office hours."""
        chosen = self.chance.randrange(8, 17) if hour is None else hour
        minutes = self.chance.randrange(60) if minute is None else minute
        return datetime.combine(day, time(chosen, minutes), clock.CALIFORNIA)


@dataclass
class Timeline:
    """Runs the threads of the story until the end of the day before `today`."""

    days: Days
    _heap: list[tuple[datetime, int, bool, Thread]] = field(default_factory=list)
    _number: int = 0
    _told_to: datetime | None = None

    async def begin(self, thread: Thread) -> None:
        """Take up a thread: it runs until its first moment."""
        await self._until_next(thread)

    async def _until_next(self, thread: Thread) -> None:
        try:
            moment = await anext(thread)
        except StopAsyncIteration:
            return
        alone = isinstance(moment, Alone)
        at = moment.at if isinstance(moment, Alone) else moment
        self._number += 1
        at = max(at, self._told_to or at)  # nothing happens before what has been told
        heapq.heappush(self._heap, (at, self._number, alone, thread))

    async def run(self, progress: Callable[[float], None]) -> None:
        """Tell everything up to yesterday; what would come later is let go."""
        end, first = clock.start_of(self.days.today), self._heap[0][0]
        while self._heap and self._heap[0][0] < end:
            progress((self._heap[0][0] - first) / (end - first))
            async with AsyncExitStack() as stack:
                if not self._heap[0][2]:
                    await stack.enter_async_context(engine().transaction())
                for _ in range(_TOGETHER):
                    at, _, alone, thread = heapq.heappop(self._heap)
                    self._told_to = at
                    with clock.set_to(at):
                        await self._until_next(thread)
                    if alone or not self._heap or self._heap[0][2] or self._heap[0][0] >= end:
                        break
        for *_, thread in self._heap:
            await thread.aclose()
        self._heap.clear()
        progress(1.0)
