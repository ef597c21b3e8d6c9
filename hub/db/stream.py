"""Reading a great many rows: in pages, all from one snapshot, with one page read ahead of who takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from threading import Lock
from typing import Any, Protocol

from hub.db.engine import engine
from hub.db.postgres import PooledPostgresEngine
from hub.db.sqlite import PooledSQLiteEngine
from hub.db.sqltext import compiled

PAGE = 2000

# So that PostgreSQL keeps the grants in a table of its own instead of looking each up: twice as fast over many rows.
_FOR_MANY_ROWS = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off"
_CACHE_KIB = 300  # who reads everything once uses no page again: a large cache only pushes rows out of the processor's

Page = list[Any]
"""Rows in the order of the selected columns: tuples, or what can be used like them."""


class _Cursor(Protocol):
    async def fetch(self, size: int, /) -> Page: ...


@asynccontextmanager
async def stream(sql: str, *args: Any, size: int = PAGE) -> AsyncIterator[AsyncIterator[Page]]:
    """Run a SELECT with `{}` for each argument, outside any unit of work:

        async with stream("SELECT id, document FROM task") as pages:
            async for page in pages: …

    The rows are those of one moment. While a page is worked on the database gets the next one ready; there are never
    more than these two. An error, of the database or of the body, comes out: nothing ends early in silence.
    """
    bound = engine()
    if bound.current_transaction.get() is not None:
        raise RuntimeError("a stream holds a connection for long: open it outside a unit of work")
    text = compiled(sql, bound.engine_type)
    opened = _postgres(bound, text, args) if isinstance(bound, PooledPostgresEngine) else _sqlite(bound, text, args)
    async with opened as cursor:
        ahead = asyncio.ensure_future(cursor.fetch(size))

        async def pages() -> AsyncIterator[Page]:
            nonlocal ahead
            while page := await ahead:
                ahead = asyncio.ensure_future(cursor.fetch(size))
                yield page

        try:
            yield pages()
        finally:
            ahead.cancel()  # where somebody stopped early
            await asyncio.gather(ahead, return_exceptions=True)


@asynccontextmanager
async def _postgres(bound: PooledPostgresEngine, sql: str, args: Sequence[Any]) -> AsyncIterator[_Cursor]:
    async with bound.connection() as connection, connection.transaction(readonly=True):
        await connection.execute(_FOR_MANY_ROWS)
        yield await connection.cursor(sql, *args)


@asynccontextmanager
async def _sqlite(bound: PooledSQLiteEngine, sql: str, args: Sequence[Any]) -> AsyncIterator[_Cursor]:
    cursor = _SQLiteCursor(bound)
    try:
        await bound.in_thread(lambda: cursor.open(sql, args))
        yield cursor
    finally:
        await bound.in_thread(cursor.close)


class _SQLiteCursor:
    """On a connection of its own, in the readers' threads."""

    def __init__(self, bound: PooledSQLiteEngine) -> None:
        self._bound = bound
        self._lock = Lock()  # whoever is cancelled goes away while a thread still reads for it
        self._connection: Any = None

    def open(self, sql: str, args: Sequence[Any]) -> None:
        with self._lock:
            self._connection = self._bound.connect(query_only=True)
            self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._cursor = self._connection.execute(sql, args)

    async def fetch(self, size: int, /) -> Page:
        return await self._bound.in_thread(lambda: self._fetch(size))

    def _fetch(self, size: int) -> Page:
        with self._lock:
            found: Page = self._cursor.fetchmany(size)
            return found

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
