"""Reading SQLite in a constant number of threads."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from threading import Lock
from typing import Any, Protocol

from piccolo.engine.base import BaseBatch
from piccolo.query.base import Query

from hub.db.threads import Threads

Row = dict[str, Any]


class Connect(Protocol):
    def __call__(self, query_only: bool = False) -> sqlite3.Connection: ...


def rows_of(cursor: sqlite3.Cursor) -> list[Row]:
    if cursor.description is None:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=False)) for row in cursor.fetchall()]


class Readers:
    """Each thread has a connection, opened when it is first needed."""

    def __init__(self, connect: Connect, threads: Threads) -> None:
        self._connect = connect
        self._threads = threads
        self._free: deque[sqlite3.Connection] = deque()
        self._closed = False
        self.run = threads.run

    async def fetch(self, sql: str, args: Sequence[Any]) -> list[Row]:
        return await self._threads.run(lambda: self._fetch(sql, args))

    def _fetch(self, sql: str, args: Sequence[Any]) -> list[Row]:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._connect(query_only=True)
        try:
            return rows_of(connection.execute(sql, args))
        finally:
            self._free.append(connection)
            if self._closed:
                self._close_free()

    def close(self) -> None:
        """What was asked before is still answered."""
        if not self._closed:
            self._closed = True
            self._threads.stop()
        self._close_free()

    def _close_free(self) -> None:
        while self._free:
            self._free.pop().close()


class Batch(BaseBatch):
    """Piccolo's `batch()`: the rows of one query, some at a time, in one snapshot. An error in its body goes on; in
    Piccolo's own it is swallowed, and the reader takes what it has for the whole.
    """

    def __init__(
        self, connect: Connect, run: Callable[[Callable[[], Any]], Awaitable[Any]], query: Query[Any, Any], size: int
    ) -> None:
        self._connect = connect
        self._run = run
        self._query = query
        self._size = size
        self._lock = Lock()  # whoever is cancelled goes away while a thread still reads for it

    async def __aenter__(self) -> Batch:
        await self._run(self._begin)
        return self

    def _begin(self) -> None:
        sql, args = self._query.querystrings[0].compile_string(engine_type="sqlite")
        self._connection = self._connect(query_only=True)
        try:
            self._cursor = self._connection.execute(sql, args)
        except BaseException:
            self._connection.close()
            raise
        self._names = [column[0] for column in self._cursor.description]

    async def next(self) -> list[Any]:
        found: list[Any] = await self._query._process_results(await self._run(self._some))
        return found

    def _some(self) -> list[Row]:
        with self._lock:
            return [dict(zip(self._names, row, strict=False)) for row in self._cursor.fetchmany(self._size)]

    def __aiter__(self) -> Batch:
        return self

    async def __anext__(self) -> list[Any]:
        found = await self.next()
        if not found:
            raise StopAsyncIteration
        return found

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        await self._run(self._end)
        return False

    def _end(self) -> None:
        with self._lock:
            self._cursor.close()
            self._connection.close()
