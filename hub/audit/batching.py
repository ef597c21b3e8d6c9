"""Entries into the trail. Those of requests that only read share a unit of work, so that many of them cost one COMMIT.

On SQLite the one writer chains entries as it writes them. The chain's head is read inside the transaction, because
another process may have written since. On PostgreSQL an entry carries only its leaf; the sealer gives it its place.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from typing import Any

from hub.audit.rules import GENESIS, link_hash
from hub.db.engine import engine, is_sqlite, look_up
from hub.db.transaction import prompt_unit_of_work
from hub.kernel.errors import Busy
from hub.kernel.ids import new_id

Row = dict[str, Any]
MemberRow = tuple[Any, ...]  # in the order of `_MEMBER_COLUMNS`
NOBODY: list[MemberRow] = []

MOST_WAITING = 4096  # requests
_MOST_ROWS = 512  # in one unit of work: more would keep those who write waiting
_GATHER_SECONDS = 0.02
_MEMBER_COLUMNS = ("entry", "member", "counterpart", "basis", "happened_at")


async def add_entries(rows: list[Row], beside: list[MemberRow]) -> None:
    """In the caller's unit of work. All rows have the same columns in the same order. `beside`: the members of those
    that are of several.
    """
    await engine().add_many("audit_entry", tuple(rows[0]), [tuple(row.values()) for row in rows])
    if beside:
        await engine().add_many("audit_member", _MEMBER_COLUMNS, beside)
    if is_sqlite():
        await _chain(rows)


_add_prompt = prompt_unit_of_work(add_entries)


async def _chain(rows: list[Row]) -> None:
    found = await look_up("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1")
    seq, head = (found[0]["seq"], found[0]["hash"]) if found else (0, GENESIS)
    links = []
    for row in rows:
        seq, head = seq + 1, link_hash(head, row["leaf"])
        links.append((new_id(), seq, row["id"], head))
    await engine().add_many("audit_chain", ("id", "seq", "entry", "hash"), links)


class _Together:
    """What waits to be written in one event loop. A task of its own writes it: a request that is cut off takes nothing
    of the others with it, and the task has no part in anybody's transaction.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: deque[tuple[list[Row], list[MemberRow], asyncio.Future[None]]] = deque()
        self.writing: asyncio.Task[None] | None = None

    def put(self, rows: list[Row], beside: list[MemberRow]) -> asyncio.Future[None]:
        if len(self.waiting) >= MOST_WAITING:
            raise Busy("The hub is busy. Nothing was told; try again.")
        written = self.loop.create_future()
        self.waiting.append((rows, beside, written))
        if self.writing is None:
            self.writing = self.loop.create_task(self._write(), context=contextvars.Context())
        return written

    async def _write(self) -> None:
        try:
            while self.waiting:
                await self._gather()
                await self._write_some()
        finally:
            self.writing = None

    async def _gather(self) -> None:
        """Let those come who are on their way already: a COMMIT is dear, and all who are ready can share one. Nobody is
        waited for who is not, and nobody waits for long.
        """
        until, count = self.loop.time() + _GATHER_SECONDS, 0
        while count < len(self.waiting) < _MOST_ROWS and self.loop.time() < until:
            count = len(self.waiting)
            await asyncio.sleep(0)

    async def _write_some(self) -> None:
        rows: list[Row] = []
        beside: list[MemberRow] = []
        ends: list[asyncio.Future[None]] = []
        while self.waiting:
            more, members, written = self.waiting[0]
            if rows and len(rows) + len(beside) + len(more) + len(members) > _MOST_ROWS:
                break
            self.waiting.popleft()
            rows += more
            beside += members
            ends.append(written)
        try:
            await _add_prompt(rows, beside)
        except BaseException as error:
            for written in ends:
                if written.done():
                    continue  # its client went away
                if isinstance(error, asyncio.CancelledError):
                    written.cancel()
                else:
                    written.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for written in ends:
                if not written.done():
                    written.set_result(None)


class _Here:
    together: _Together | None = None


async def add_with_others(rows: list[Row], beside: list[MemberRow]) -> None:
    """Outside a unit of work. Returns when they are committed."""
    loop, together = asyncio.get_running_loop(), _Here.together
    if together is None or together.loop is not loop:
        together = _Here.together = _Together(loop)
    await together.put(rows, beside)


async def all_written() -> None:
    """Wait for what is under way, so that the database can be closed."""
    together = _Here.together
    if together is not None and together.loop is asyncio.get_running_loop() and together.writing is not None:
        await asyncio.wait([together.writing])
