"""Connections to PostgreSQL, held open.

asyncpg's own pool costs about as much as a query by primary key: a wrapper for each connection, a task, a lock and a
reset on each way back. Here taking a free connection is taking it from a list. No session state is used (no SET, no
advisory lock, no LISTEN), so none has to be reset. A connection that was lost is noticed and replaced by the next who
needs one; whoever finds none free waits for their turn, and not for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

import asyncpg

from hub.kernel.errors import Busy

Connection = Any  # asyncpg has no types

STATEMENTS = 300  # prepared on each connection; the least used one goes
STATEMENT_BYTES = 32_768
STATEMENT_SECONDS = 300.0  # a server that says nothing for so long is taken to be gone; a request waits less
CLEAN_SECONDS = 5.0


class Pool:
    """At most `size` connections, all of one event loop."""

    def __init__(
        self, url: str, size: int, *, wait_seconds: float, statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._url, self._size = url, size
        self.wait_seconds, self._statement_seconds = wait_seconds, statement_seconds
        self._open = 0  # opened, or being opened
        self._free: list[Connection] = []  # the last one given back is the next one taken: its caches are warm
        self.taken: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._cleaning: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def connections(self) -> list[Connection]:
        return [*self._free, *self.taken]

    async def acquire(self) -> Connection:
        """A connection that works as far as is known. Raises `Busy` where none gets free in time, and the network's or
        the server's own error where none can be opened.
        """
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                self.taken.add(connection)
                return connection
            self._open -= 1
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        if self._open < self._size:
            self._open += 1
        else:
            connection = await self._turn()
            if connection is not None:
                return connection
        return await self._connect()

    async def _turn(self) -> Connection | None:
        """Wait for a connection, or (None) for leave to open one."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        timer = self._loop.call_later(self.wait_seconds, _give_up, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:  # it came too late for us
                self._pass_on(waiter.result())
            raise
        finally:
            timer.cancel()

    async def _connect(self) -> Connection:
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=self.wait_seconds,
                command_timeout=self._statement_seconds,
                statement_cache_size=STATEMENTS,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=STATEMENT_BYTES,
            )
        except BaseException:
            self._pass_on(None)
            raise
        if self._closed:
            connection.terminate()
            raise asyncpg.InterfaceError("the pool is closed")
        self.taken.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Give back a connection on which nothing is under way: no statement, no transaction."""
        self.taken.discard(connection)
        self._pass_on(None if connection.is_closed() else connection)

    def _pass_on(self, connection: Connection | None) -> None:
        """To the first who waits: a connection, or instead of a lost one the leave to open another."""
        if connection is not None and self._closed:
            connection.terminate()
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                if connection is not None:
                    self.taken.add(connection)
                waiter.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._free.append(connection)

    async def clean(self, connection: Connection, error: BaseException | None) -> None:
        """Give back a connection whatever is under way on it. It is not in doubt afterwards, or it is closed; a caller
        that is cancelled meanwhile changes nothing about that. Who has waited in vain already need not wait for this.
        """
        task = self._loop.create_task(self._clean(connection))
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)
        if not isinstance(error, TimeoutError):
            await asyncio.shield(task)

    async def _clean(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(CLEAN_SECONDS):
                # asyncpg first waits until the server has dropped a statement that was cancelled.
                await connection.execute("ROLLBACK" if connection.is_in_transaction() else "SELECT")
                if connection.is_in_transaction():  # BEGIN itself was cut off, and went through
                    await connection.execute("ROLLBACK")
        except Exception:  # lost, or it does not answer
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise
        finally:
            self.release(connection)

    async def close(self) -> None:
        """Close what is free; who still works on a connection loses it. Nobody gets one any more."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(asyncpg.InterfaceError("the pool is closed"))
        self._waiting.clear()
        if self._cleaning:
            await asyncio.wait(self._cleaning)
        free, self._free = self._free, []
        for connection in free:
            with contextlib.suppress(Exception):
                await connection.close(timeout=CLEAN_SECONDS)
        self.abandon()

    def abandon(self) -> None:
        """Cut all connections, also those of an event loop that has ended."""
        self._closed = True
        for connection in self.connections:
            with contextlib.suppress(Exception):
                connection.terminate()
        self._free.clear()


def _give_up(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(Busy("All connections to the database are in use. Nothing was changed; try again."))
