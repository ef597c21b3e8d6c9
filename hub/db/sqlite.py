"""SQLite for Piccolo, pooled: one writer, some readers, all long-lived.

The stock engine opens a connection and a thread for every query, and its deferred transactions fail under concurrent
writers. Here a transaction is always IMMEDIATE and waits its turn, first come first served, at one lock; readers are
`query_only`, so that a write can only take the writer's way. Another process (`hub worker`, the command line) may hold
the file's write lock: the busy timeout waits for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction, TransactionType, dict_factory
from piccolo.query.base import DDL
from piccolo.querystring import QueryString

_BUSY_SECONDS = 15
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000")


def _utc_text(value: datetime) -> str:
    """Fixed width, UTC: so that comparing texts compares instants."""
    if value.tzinfo is None:
        return value.isoformat(" ", "microseconds")
    return value.astimezone(UTC).isoformat(" ", "microseconds")


sqlite3.register_adapter(datetime, _utc_text)


async def _all(connection: aiosqlite.Connection, sql: str, args: list[Any]) -> list[dict[str, Any]]:
    """One hop to the connection's thread; the row factory makes dicts."""
    rows: Any = await connection.execute_fetchall(sql, args)
    return list(rows)


class PooledTransaction(SQLiteTransaction):
    """Holds the writer from BEGIN IMMEDIATE to COMMIT or ROLLBACK, and always gives it back."""

    async def __aenter__(self) -> SQLiteTransaction:
        if self._parent is not None:
            return self._parent
        engine: PooledSQLiteEngine = self.engine  # type: ignore[assignment]
        await engine.ensure_open()
        self._lock = engine.write_lock
        await self._lock.acquire()
        try:
            self.connection = engine.writer
            await self.connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._lock.release()
            raise
        self.context = engine.current_transaction.set(self)
        return self

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        if self._parent is not None:
            return False
        try:
            if self._committed or self._rolled_back:
                return False
            if exception_type is None:
                try:
                    await self._finish("COMMIT")
                except BaseException:
                    await self._finish("ROLLBACK", quietly=True)
                    raise
            else:
                await self._finish("ROLLBACK", quietly=True)
        finally:
            self.engine.current_transaction.reset(self.context)
            self._lock.release()
        return False

    async def _finish(self, statement: str, quietly: bool = False) -> None:
        """A cancelled request must not leave the writer inside a transaction."""
        task = asyncio.ensure_future(self.connection.execute(statement))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise
        except sqlite3.Error:
            if not quietly:
                raise

    __slots__ = ("_lock",)


class PooledSQLiteEngine(SQLiteEngine):
    """`readers` connections for reads outside a transaction, one writer for everything else."""

    __slots__ = ("_free", "_loop", "_opening", "_readers", "reader_count", "write_lock", "writer")

    def __init__(self, path: Path | str, readers: int = 4) -> None:
        super().__init__(path=str(path), timeout=_BUSY_SECONDS, cached_statements=512)
        self.current_transaction = contextvars.ContextVar(f"transaction_{path}", default=None)
        self.reader_count = readers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers: list[aiosqlite.Connection] = []

    async def check_version(self) -> None:
        """The stock engine opens the file for this while it is made; Python's own SQLite is new enough."""

    async def ensure_open(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self.write_lock = asyncio.Lock()
            self._opening = asyncio.ensure_future(self._open())
        await self._opening

    async def _open(self) -> None:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self.writer = await self._connect()
        self._readers = [await self._connect(query_only=True) for _ in range(self.reader_count)]
        self._free: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in self._readers:
            self._free.put_nowait(reader)

    async def _connect(self, query_only: bool = False) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(**self.connection_kwargs)
        connection.row_factory = dict_factory  # type: ignore[assignment]
        for pragma in PRAGMAS:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        if query_only:
            await connection.execute_fetchall("PRAGMA query_only = ON")
        return connection

    async def close(self) -> None:
        if self._loop is None:
            return
        if self._loop is asyncio.get_running_loop():
            await self._opening
            for connection in [*self._readers, self.writer]:
                await connection.close()
        self._loop, self._readers = None, []

    def transaction(
        self, transaction_type: TransactionType = TransactionType.immediate, allow_nested: bool = True
    ) -> PooledTransaction:
        return PooledTransaction(self, TransactionType.immediate, allow_nested)

    async def get_connection(self) -> aiosqlite.Connection:
        """Piccolo's batches close what they get here, so they get one of their own."""
        return await self._connect()

    async def fetch(self, sql: str, args: list[Any]) -> list[dict[str, Any]]:
        transaction = self.current_transaction.get()
        if transaction is not None:
            return await _all(transaction.connection, sql, args)
        await self.ensure_open()
        if sql.lstrip()[:6].upper() in ("SELECT", "PRAGMA", "EXPLAI"):
            reader = await self._free.get()
            try:
                return await _all(reader, sql, args)
            finally:
                self._free.put_nowait(reader)
        async with self.transaction() as own:
            rows = await _all(own.connection, sql, args)
        return rows

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> list[dict[str, Any]]:
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await self.fetch(sql, list(args))

    async def run_ddl(self, ddl: str | DDL, in_pool: bool = False) -> list[dict[str, Any]]:
        return await self.fetch(str(ddl), [])
