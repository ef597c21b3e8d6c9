"""PostgreSQL for Piccolo: a pool from the start, and a transaction that always gives its connection back.

The stock engine leaks the connection, and leaves the transaction set, when a COMMIT fails (a serialization failure, a
deferred constraint). No session state is used (no SET, no advisory lock, no LISTEN), so the pool's reset round trip is
left out.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction


async def _nothing(connection: Any) -> None:
    """In place of the pool's reset."""


class PooledPostgresTransaction(PostgresTransaction):
    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            return self._parent
        engine: PooledPostgresEngine = self.engine  # type: ignore[assignment]
        pool = await engine.ensure_open()
        self.connection = await pool.acquire()
        try:
            self.transaction = self.connection.transaction()
            await self.transaction.start()
        except BaseException:
            await pool.release(self.connection)
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
                await self.transaction.commit()
            elif not self.connection.is_closed():
                await self.transaction.rollback()
        finally:
            self.engine.current_transaction.reset(self.context)
            if self.connection.is_in_transaction():  # COMMIT or ROLLBACK was cut off: the connection is of no use
                await self.connection.close(timeout=1)
            await self.engine.pool.release(self.connection)  # type: ignore[union-attr]
        return False


class PooledPostgresEngine(PostgresEngine):
    __slots__ = ("_loop", "_opening", "size", "url")

    def __init__(self, url: str, connections: int = 10) -> None:
        super().__init__(config={"dsn": url})
        self.current_transaction = contextvars.ContextVar("postgres_transaction", default=None)
        self.url = url
        self.size = connections
        self._loop: asyncio.AbstractEventLoop | None = None

    async def check_version(self) -> None:
        """The stock engine opens a connection for this while it is made, and only warns where there is no server."""

    async def ensure_open(self) -> asyncpg.Pool:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._opening = asyncio.ensure_future(
                asyncpg.create_pool(self.url, min_size=1, max_size=self.size, reset=_nothing)
            )
        self.pool = await self._opening
        return self.pool

    async def close(self) -> None:
        if self._loop is asyncio.get_running_loop():
            pool = await self._opening
            await pool.close()
        self._loop, self.pool = None, None

    def transaction(self, allow_nested: bool = True) -> PooledPostgresTransaction:
        return PooledPostgresTransaction(self, allow_nested)

    async def fetch(self, sql: str, args: list[Any]) -> list[dict[str, Any]]:
        transaction = self.current_transaction.get()
        if transaction is not None:
            return [dict(row) for row in await transaction.connection.fetch(sql, *args)]
        pool = await self.ensure_open()
        async with pool.acquire() as connection:
            return [dict(row) for row in await connection.fetch(sql, *args)]

    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> list[dict[str, Any]]:
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await self.fetch(sql, list(args))

    async def run_ddl(self, ddl: Any, in_pool: bool = True) -> list[dict[str, Any]]:
        return await self.fetch(str(ddl), [])
