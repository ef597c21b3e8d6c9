"""SQLite without threads, for as long as the story is told and nobody is served.

The hub's engine reads, and waits for the disk, in threads, so that one slow query does not stop everybody else's pages.
While the story is told there is nobody else, and tens of thousands of hand-overs take longer than the statements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hub.db.sqlite import PooledSQLiteEngine
from hub.db.threads import Then, Threads

T = TypeVar("T")


class _InPlace(Threads):
    """Done at once, by whoever asks for it."""

    def __init__(self, count: int, name: str) -> None:
        pass

    def submit(self, job: Callable[[], Any], then: Then) -> None:
        result, error = None, None
        try:
            result = job()
        except Exception as failure:
            error = failure
        then(result, error)

    async def run(self, job: Callable[[], T]) -> T:
        return job()

    def stop(self) -> None:
        pass


class InPlaceSQLiteEngine(PooledSQLiteEngine):
    """Only for one task in one process: it blocks the event loop."""

    _threads = _InPlace
