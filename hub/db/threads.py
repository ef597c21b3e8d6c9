"""A constant number of threads, for what would keep the event loop waiting.

Python's own executor takes twice the time for a hand-over. These are daemons: a process that ends without `stop` does
not hang, and SQLite keeps what was committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

Then = Callable[[Any, BaseException | None], None]
_Job = tuple[asyncio.AbstractEventLoop, Callable[[], Any], Then]


class Threads:
    def __init__(self, count: int, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            Thread(target=_work, args=(self._jobs,), name=f"{name} {n}", daemon=True) for n in range(1, count + 1)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], Any], then: Then) -> None:
        """Do `job` in a thread; back on the event loop `then` gets its result or its error."""
        self._jobs.put((asyncio.get_running_loop(), job, then))

    async def run(self, job: Callable[[], T]) -> T:
        """Whoever is cancelled meanwhile no longer waits; the job is done all the same."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.submit(job, settle)
        return await future

    def stop(self) -> None:
        """Each thread ends after what was asked of it before."""
        for _ in self._threads:
            self._jobs.put(None)


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while (asked := jobs.get()) is not None:
        loop, job, then = asked
        result, error = None, None
        try:
            result = job()
        except BaseException as failure:
            error = failure
        if not loop.is_closed():
            loop.call_soon_threadsafe(then, result, error)
        del asked, loop, job, then, result, error  # nothing is kept while the thread waits
