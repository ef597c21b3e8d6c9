"""SQLite for Piccolo: one writer, some readers, all long-lived.

The stock engine opens a connection and a thread for every query, and its deferred transactions fail under concurrent
writers. Here a unit of work is always IMMEDIATE and waits its turn (see `sqlite_writer`); readers are `query_only`, so
that a write can only take the writer's way. What finds a few rows by an index is read on the event loop, everything
else outside a unit of work in the readers' threads. Another process (`hub worker`, the command line) may hold the
file's write lock: it is waited for.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from piccolo.engine.exceptions import TransactionError
from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction, TransactionType
from piccolo.query.base import DDL, Query
from piccolo.querystring import QueryString

from hub.db.current import Current
from hub.db.sqlite_readers import Batch, Readers, Row, rows_of
from hub.db.sqlite_writer import BUSY_SECONDS, GroupFailed, Writer
from hub.db.sqltext import insert, only_reads
from hub.db.threads import Threads

T = TypeVar("T")

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000")


def _utc_text(value: datetime) -> str:
    """Fixed width, UTC: so that comparing texts compares instants."""
    if value.tzinfo is None:
        return value.isoformat(" ", "microseconds")
    return value.astimezone(UTC).isoformat(" ", "microseconds")


def _instant(stored: bytes) -> datetime:
    value = datetime.fromisoformat(stored.decode())
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


@lru_cache(maxsize=4096)  # a function of the text alone; the same days come again in row after row
def _day(stored: bytes) -> date:
    return date.fromisoformat(stored.decode())


sqlite3.register_adapter(datetime, _utc_text)
# Piccolo's own take ten times as long: they go by way of Decimal, and through several calls.
sqlite3.converters.pop("INTEGER", None)  # SQLite gives an int by itself, for nothing
sqlite3.register_converter("BOOLEAN", b"1".__eq__)
sqlite3.register_converter("TIMESTAMPTZ", _instant)
sqlite3.register_converter("DATE", _day)


class _Statements:
    """What Piccolo's savepoints ask of a connection."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return rows_of(self._writer.run(sql, args))


class PooledTransaction(SQLiteTransaction):
    """A unit of work in the writer."""

    __slots__ = ("_alone", "_prompt", "ended", "writer")

    def __init__(self, engine: PooledSQLiteEngine, allow_nested: bool, alone: bool, prompt: bool) -> None:
        self.engine = engine
        self.transaction_type = TransactionType.immediate
        self._parent: PooledTransaction | None = engine.current_transaction.get()
        self._savepoint_id = 0
        self._committed = self._rolled_back = self.ended = False
        self._alone, self._prompt = alone, prompt
        if self._parent is not None and not allow_nested:
            raise TransactionError("A transaction is already active, and a nested one is not allowed.")

    async def __aenter__(self) -> PooledTransaction:
        if self._parent is not None:
            return self._parent
        engine: PooledSQLiteEngine = self.engine  # type: ignore[assignment]
        if not engine.is_open():
            await engine.ensure_open()
        self.writer = engine.writer
        await self.writer.enter(self._alone, self._prompt)
        self.connection = _Statements(self.writer)
        self.context = engine.current_transaction.set(self)
        return self

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        if self._parent is not None:
            return False
        self.ended = True
        end = self.writer.leave(failed=exception is not None)
        with suppress(ValueError):  # an async generator may be closed in another context
            self.engine.current_transaction.reset(self.context)
        if end is not None:
            if exception is not None and not isinstance(exception, Exception):
                end.cancel()  # whoever was cancelled waits for nothing
            else:
                await end  # also after an error: it may have come of what others of the same COMMIT wrote
        return False

    async def commit(self) -> None:
        raise TransactionError("It is committed at its end, together with others.")

    async def rollback(self) -> None:
        self.writer.undo()
        self._rolled_back = True


class PooledSQLiteEngine(SQLiteEngine):
    """`readers` threads for reads outside a unit of work, each with its connection; one connection for reads on the
    event loop; one to write, and a thread for its COMMIT.
    """

    __slots__ = ("_inline", "_loop", "_opening", "_readers", "_writing", "reader_count", "seconds", "writer")

    _threads: Callable[[int, str], Threads] = Threads

    def __init__(self, path: Path | str, readers: int = 4, seconds: float = BUSY_SECONDS) -> None:
        """`seconds`: how long another process may hold the file."""
        super().__init__(path=str(path), timeout=seconds, cached_statements=512, check_same_thread=False)
        self.current_transaction: Any = Current(f"transaction_{path}")
        self.reader_count, self.seconds = readers, seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None

    async def check_version(self) -> None:
        """The stock engine opens the file for this while it is made; Python's own SQLite is new enough."""

    # Opening and closing

    def is_open(self) -> bool:
        return self._opening is None and self._loop is asyncio.get_running_loop()

    async def ensure_open(self) -> None:
        """Once for an event loop, however many ask for it at the same moment; after a failure again."""
        if self._loop is not asyncio.get_running_loop():
            self._forget()
            self._loop = asyncio.get_running_loop()
            self._opening = asyncio.ensure_future(self._open())
        if self._opening is not None:
            await asyncio.shield(self._opening)

    async def _open(self) -> None:
        writing = self._threads(1, "sqlite writer")
        try:
            connection, self._inline = await writing.run(self._connect_both)
        except BaseException:
            writing.stop()
            self._loop = self._opening = None
            raise
        self._writing = writing
        self.writer = Writer(connection, writing, self.seconds)
        self._readers = Readers(self.connect, self._threads(self.reader_count, "sqlite reader"))
        self._opening = None

    def _connect_both(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        both = self.connect(), self.connect(query_only=True)
        for connection in both:
            connection.execute("PRAGMA busy_timeout = 0")  # these two must not keep the event loop waiting
        return both

    def connect(self, query_only: bool = False) -> sqlite3.Connection:
        """One more connection, to be closed by who asked for it."""
        connection: sqlite3.Connection = sqlite3.connect(**self.connection_kwargs)
        for pragma in (*PRAGMAS, *(("query_only = ON",) if query_only else ())):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    async def close(self) -> None:
        if self._loop is asyncio.get_running_loop():
            if self._opening is not None:
                await asyncio.wait([self._opening])
            if self.is_open():
                self.writer.stop()
                self._readers.close()
                self._inline.close()
                await self._writing.run(self.writer.connection.close)  # after a COMMIT that is on its way
        self._forget()

    def _forget(self) -> None:
        """What belongs to an event loop that has ended; after `close` nothing is left of it."""
        if self._loop is not None and self._opening is None:
            self._readers.close()
            self._inline.close()
            self.writer.connection.close()
            self._writing.stop()
        self._loop = self._opening = None

    # Units of work

    def transaction(
        self,
        transaction_type: TransactionType = TransactionType.immediate,
        allow_nested: bool = True,
        *,
        alone: bool = False,
        prompt: bool = False,
    ) -> PooledTransaction:
        """Always IMMEDIATE. `alone`: in a COMMIT of its own. `prompt`: before those that wait only to write, and
        committed at once; for what somebody who reads waits for.
        """
        return PooledTransaction(self, allow_nested, alone, prompt)

    async def _by_itself(self, job: Callable[[Writer], T]) -> T:
        try:
            async with self.transaction() as own:
                done = job(own.writer)
        except GroupFailed:
            async with self.transaction(alone=True) as own:
                done = job(own.writer)
        return done

    # Statements

    async def fetch(self, sql: str, args: Sequence[Any]) -> list[Row]:
        transaction = self.current_transaction.get()
        if transaction is not None:
            return rows_of(transaction.writer.run(sql, args))
        if not only_reads(sql):
            return await self._by_itself(lambda writer: rows_of(writer.run(sql, args)))
        if not self.is_open():
            await self.ensure_open()
        return await self._readers.fetch(sql, args)

    async def look_up(self, sql: str, args: Sequence[Any]) -> list[Row]:
        transaction = self.current_transaction.get()
        if transaction is not None:
            return rows_of(transaction.writer.run(sql, args))
        if not self.is_open():
            await self.ensure_open()
        try:
            return rows_of(self._inline.execute(sql, args))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        return await self._readers.fetch(sql, args)  # another process has just opened or left the file

    async def write(self, sql: str, args: Sequence[Any]) -> None:
        transaction = self.current_transaction.get()
        if transaction is not None:
            transaction.writer.run(sql, args)
        else:
            await self._by_itself(lambda writer: writer.run(sql, args))

    async def add_many(self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
        sql = insert(table, columns)
        transaction = self.current_transaction.get()
        if transaction is not None:
            transaction.writer.run_many(sql, rows)
        else:
            await self._by_itself(lambda writer: writer.run_many(sql, rows))

    async def in_thread(self, job: Callable[[], T]) -> T:
        """Do `job` where reads are done that may take long."""
        if not self.is_open():
            await self.ensure_open()
        return await self._readers.run(job)

    # What Piccolo asks of an engine

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> list[Row]:
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await self.fetch(sql, args)

    async def run_ddl(self, ddl: str | DDL, in_pool: bool = False) -> list[Row]:
        return await self.fetch(str(ddl), ())

    async def batch(self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None) -> Any:
        if not self.is_open():
            await self.ensure_open()
        return Batch(self.connect, self._readers.run, query, batch_size)

    async def get_connection(self) -> Any:
        raise NotImplementedError("This engine gives no connection away: use its fetch, write or batch.")
