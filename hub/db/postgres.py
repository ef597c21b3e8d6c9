"""PostgreSQL for Piccolo and for plain SQL: a pool, and units of work that wait for the database as seldom as they can.

A unit of work takes a connection at its first statement. What it reads before it needs a lock goes as it is: under READ
COMMITTED each statement has its own snapshot, inside BEGIN as outside. What it writes through `write` and `add_many` is
kept and sent at its end, in one statement (`hub.db.queued`), which is atomic by itself. BEGIN goes out first only where
a statement locks, changes rows and answers with them, or reads what was just written.

The stock engine of Piccolo leaks the connection, and leaves the transaction set, when a COMMIT fails; swallows what is
raised in a batch; and opens a connection beside the pool for each batch.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction, Savepoint

from hub.db.current import Current
from hub.db.pool import STATEMENT_SECONDS, Connection, Pool
from hub.db.queued import Queue, Types, reads_only

_DDL = re.compile(r"\s*(CREATE|ALTER|DROP)\b", re.IGNORECASE)
_DDL_SECONDS = 3600.0  # an index over a State's worth of rows
_TYPES = """SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"""


class PooledPostgresTransaction(PostgresTransaction):
    """A unit of work. Tasks that share it take turns on its one connection."""

    __slots__ = ("_begun", "_cut_off", "_pool", "_queue", "_turn", "ended")

    engine: PooledPostgresEngine
    connection: Connection | None
    _parent: PooledPostgresTransaction | None

    def __init__(self, engine: PooledPostgresEngine, allow_nested: bool = True) -> None:
        super().__init__(engine, allow_nested)
        self.connection = None
        self.ended = False
        self._begun = False
        self._cut_off: BaseException | None = None  # why a statement has no answer
        self._queue = Queue()
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> PooledPostgresTransaction:
        if self._parent is not None:
            return self._parent
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        if self._parent is not None:
            return False
        try:
            async with self._turn:  # after what tasks started inside have under way
                self.ended = True  # from here on they are on their own
                if exception_type is None:
                    await self._finish()
        finally:
            self.ended = True
            with suppress(ValueError):  # an async generator may be closed in another context
                self.engine.current_transaction.reset(self.context)
            await self._give_back()
        return False

    async def fetch(self, sql: str, args: Sequence[Any]) -> list[Any]:
        async with self._turn:
            if self.ended:
                return await self.engine.alone(sql, args)
            reads = reads_only(sql)
            if not reads or self._queue.hides_from(sql):
                await self._begin()
                await self._send_queued()
            return await self._run(sql, args)

    async def write(self, sql: str, args: Sequence[Any]) -> None:
        await self._make_room()
        if self.ended:
            await self.engine.write(sql, args)
        else:
            self._queue.add(sql, args)

    async def add_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        await self._make_room()
        if self.ended:
            await self.engine.add_many(table, columns, rows)
        else:
            self._queue.add_rows(table, tuple(columns), rows)

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Connection]:
        """The connection itself, inside BEGIN and with everything written, for a cursor, COPY or DDL."""
        async with self._turn:
            await self._begin()
            await self._send_queued()
            try:
                yield self.connection
            except asyncpg.PostgresError:
                raise
            except BaseException as error:
                self._cut_off = error
                raise

    async def _make_room(self) -> None:
        if self._queue.full and not self.ended:
            async with self._turn:
                if not self.ended:
                    await self._begin()
                    await self._send_queued()

    async def _take(self) -> Connection:
        self._pool = self.engine.pool_here()
        self.connection = await self._pool.acquire()
        return self.connection

    async def _run(self, sql: str, args: Sequence[Any]) -> list[Any]:
        connection = self.connection or await self._take()
        try:
            return await connection.fetch(sql, *args)  # type: ignore[no-any-return]
        except asyncpg.PostgresError:
            raise  # said by the server: it waits for the next statement
        except BaseException as error:
            self._cut_off = error
            raise

    async def _execute(self, command: str) -> str:
        connection = self.connection or await self._take()
        try:
            return await connection.execute(command)  # type: ignore[no-any-return]
        except asyncpg.PostgresError:
            raise
        except BaseException as error:
            self._cut_off = error
            raise

    async def _begin(self) -> None:
        if not self._begun:
            await self._execute("BEGIN")
            self._begun = True

    async def _send_queued(self) -> None:
        if self._queue:
            for sql, args in self._queue.take(await self._types()):
                await self._run(sql, args)

    async def _types(self) -> dict[str, Types]:
        known = self.engine.types
        for table in self._queue.tables_of_many():
            if table not in known:
                rows = await self._run(_TYPES, [table])
                known[table] = {row["attname"]: row["type"] for row in rows}
        return known

    async def _finish(self) -> None:
        """One statement is atomic by itself. With more, or after BEGIN, COMMIT ends them."""
        statements = self._queue.take(await self._types()) if self._queue else []
        if len(statements) > 1:
            await self._begin()
        for sql, args in statements:
            await self._run(sql, args)
        if self._begun:
            self._begun = False
            status = await self._execute("COMMIT")
            if status != "COMMIT":  # an error was caught inside; the server says ROLLBACK and thinks nothing of it
                raise asyncpg.InFailedSQLTransactionError("a statement of this unit of work had failed")

    async def _give_back(self) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        if self._turn.locked():  # somebody is still at it, and we were told to stop waiting for them
            connection.terminate()
        if self._cut_off is not None or connection.is_in_transaction():
            await self._pool.clean(connection, self._cut_off)
        else:
            self._pool.release(connection)

    async def end(self) -> None:
        """Without COMMIT, for who used it without `async with`."""
        self.ended = True
        await self._give_back()

    # What Piccolo's own transactions offer besides.

    async def begin(self) -> None:
        await self._begin()

    async def commit(self) -> None:
        async with self._turn:
            await self._finish()
        self._committed = True

    async def rollback(self) -> None:
        async with self._turn:
            self._queue = Queue()
            if self._begun:
                self._begun = False
                await self._execute("ROLLBACK")
        self._rolled_back = True

    async def rollback_to(self, savepoint_name: str) -> None:
        self._queue = Queue()  # a savepoint is set after everything queued was sent
        await super().rollback_to(savepoint_name)

    async def savepoint(self, name: str | None = None) -> Savepoint:
        async with self.using():
            return await super().savepoint(name)


class Batch:
    """Piccolo's `async with await query.batch(batch_size=100) as batch: async for rows in batch: …`"""

    def __init__(self, engine: PooledPostgresEngine, query: Any, size: int) -> None:
        self._engine, self._query, self._size = engine, query, size

    async def __aenter__(self) -> Batch:
        self._own: PooledPostgresTransaction | None = None
        self._within: PooledPostgresTransaction = self._engine.current_transaction.get()
        if not self._within:
            self._own = self._within = PooledPostgresTransaction(self._engine)
        sql, args = self._query.querystrings[0].compile_string()
        try:
            async with self._within.using() as connection:
                self._cursor = await connection.cursor(sql, *args)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> bool:
        if self._own is not None:
            await self._own.end()
        return False

    def __aiter__(self) -> Batch:
        return self

    async def __anext__(self) -> Any:
        rows = await self.next()
        if not rows:
            raise StopAsyncIteration
        return rows

    async def next(self) -> Any:
        async with self._within.using():
            rows = await self._cursor.fetch(self._size)
        return await self._query._process_results(rows)


class PooledPostgresEngine(PostgresEngine):
    __slots__ = ("_loop", "seconds", "size", "statement_seconds", "types", "url")

    pool: Pool | None
    current_transaction: Any

    def __init__(
        self, url: str, connections: int = 10, seconds: float = 10, statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        """`seconds`: how long a connection is waited for; `statement_seconds`: for how long a statement may run."""
        super().__init__(config={"dsn": url})
        self.current_transaction = Current("postgres_transaction")
        self.url, self.size = url, connections
        self.seconds, self.statement_seconds = seconds, statement_seconds
        self.types: dict[str, Types] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def check_version(self) -> None:
        """The stock engine opens a connection for this while it is made, and only warns where there is no server."""

    def pool_here(self) -> Pool:
        """The pool of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self.pool is None:
            if self.pool is not None:
                self.pool.abandon()
            self._loop = loop
            self.pool = Pool(self.url, self.size, wait_seconds=self.seconds, statement_seconds=self.statement_seconds)
        return self.pool

    async def ensure_open(self) -> Pool:
        """Open the first connection, so that no request waits for it."""
        pool = self.pool_here()
        pool.release(await pool.acquire())
        return pool

    async def close(self) -> None:
        pool, self.pool = self.pool, None
        if pool is not None:
            if self._loop is asyncio.get_running_loop():
                await pool.close()
            else:
                pool.abandon()
        self._loop = None

    def transaction(self, allow_nested: bool = True) -> PooledPostgresTransaction:
        return PooledPostgresTransaction(self, allow_nested)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """asyncpg's own connection, for COPY and cursors: that of the unit of work, or one from the pool."""
        transaction = self.current_transaction.get()
        if transaction is not None:
            async with transaction.using() as connection:
                yield connection
            return
        pool = self.pool_here()
        connection = await pool.acquire()
        try:
            yield connection
        except BaseException as error:
            await pool.clean(connection, error)
            raise
        pool.release(connection)

    async def alone(self, sql: str, args: Sequence[Any]) -> list[Any]:
        """One statement outside any unit of work. A read whose connection turns out to be lost is asked again."""
        again = reads_only(sql)
        while True:
            pool = self.pool_here()
            connection = await pool.acquire()
            try:
                rows = await connection.fetch(sql, *args)
            except asyncpg.PostgresError as error:
                lost = connection.is_closed()
                pool.release(connection)
                if not (again and lost and isinstance(error, asyncpg.PostgresConnectionError)):
                    raise
            except BaseException as error:
                lost = connection.is_closed()
                await pool.clean(connection, error)
                if not (again and lost and isinstance(error, Exception)):
                    raise
            else:
                pool.release(connection)
                return rows  # type: ignore[no-any-return]
            again = False

    async def fetch(self, sql: str, args: Sequence[Any]) -> list[dict[str, Any]]:
        transaction = self.current_transaction.get()
        rows = await (self.alone(sql, args) if transaction is None else transaction.fetch(sql, args))
        if self.types and _DDL.match(sql):
            self.types.clear()
        return list(map(dict, rows))

    look_up = fetch

    async def write(self, sql: str, args: Sequence[Any]) -> None:
        transaction = self.current_transaction.get()
        await (self.alone(sql, args) if transaction is None else transaction.write(sql, args))

    async def add_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        transaction = self.current_transaction.get()
        if transaction is not None:
            await transaction.add_many(table, columns, rows)
            return
        async with self.transaction() as transaction:
            await transaction.add_many(table, columns, rows)

    async def batch(self, query: Any, batch_size: int = 100, node: str | None = None) -> Any:
        return Batch(self, query, batch_size)

    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> list[dict[str, Any]]:
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await self.fetch(sql, args)

    async def run_ddl(self, ddl: Any, in_pool: bool = True) -> list[dict[str, Any]]:
        async with self.connection() as connection:
            await connection.execute(str(ddl), timeout=_DDL_SECONDS)
        self.types.clear()
        return []
