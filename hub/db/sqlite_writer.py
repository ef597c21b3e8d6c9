"""The one writer of SQLite: units of work one after another, several of them in one COMMIT.

Each unit of work is a savepoint in the open transaction, so that one that fails takes nothing of the others with it.
Its statements run on the event loop, for they take microseconds; the COMMIT, which waits for the disk, runs in a
thread, and whoever comes meanwhile forms the next group. Nobody's unit of work ends before the COMMIT that holds it,
nor before one that holds what it may have read.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hub.db.sqltext import only_reads
from hub.db.threads import Threads
from hub.kernel.errors import Busy

MOST_WAITING = 512
BUSY_SECONDS = 15.0  # for which another process may hold the file, unless the settings say otherwise
_GROUP_SECONDS, _GROUP_MEMBERS = 0.02, 64
# Another process asks for the file again and again: now and then there is a gap in which it may find it free.
_STRETCH, _GAP = 0.5, 0.003
_BUSY = "The database is busy. Nothing was changed; try again."


class GroupFailed(sqlite3.OperationalError):
    """The COMMIT of several units of work failed, perhaps for one of them only: each is to be tried again by itself."""

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__(str(cause) if cause else "the transaction was rolled back")
        self.__cause__ = cause
        for name in ("sqlite_errorcode", "sqlite_errorname"):
            if hasattr(cause, name):
                setattr(self, name, getattr(cause, name))


@dataclass(slots=True, eq=False)
class _Waiting:
    turn: asyncio.Future[None]
    alone: bool


@dataclass(slots=True)
class _Group:
    """The open transaction."""

    began: float
    members: int = 0
    touched: bool = False  # something was written by those who are through
    closed: bool = False  # nobody else may come in
    ends: list[asyncio.Future[None]] = field(default_factory=list)  # of those who wait for the COMMIT


class Writer:
    """Bound to one event loop."""

    __slots__ = (
        "_ended", "_group", "_held_since", "_loop", "_lost", "_prompt", "_taken", "_threads", "_touched", "_waiting",
        "busy_seconds", "commits", "connection",
    )  # fmt: skip

    def __init__(self, connection: sqlite3.Connection, threads: Threads, busy_seconds: float = BUSY_SECONDS) -> None:
        self.connection = connection
        self.busy_seconds = busy_seconds
        self.commits = 0
        self._loop = asyncio.get_running_loop()
        self._threads = threads
        self._taken = False  # by a unit of work that is at it, or by a COMMIT
        self._group: _Group | None = None
        self._touched = False  # by the unit of work that is at it
        self._lost: sqlite3.Error | None = None  # why the open transaction is not open any more
        self._waiting: deque[_Waiting] = deque()
        self._prompt: deque[_Waiting] = deque()
        self._ended = self._held_since = 0.0

    # A unit of work comes, works and leaves

    async def enter(self, alone: bool = False, prompt: bool = False) -> None:
        """Wait for one's turn. `alone`: in a COMMIT of one's own. `prompt`: before those who only wait to write."""
        since = self._loop.time()
        if self._taken:
            await self._wait(alone, prompt)
        self._taken = True
        try:
            group = self._group or await self._begin(since)
            group.closed = group.closed or alone or prompt
            self.connection.execute("SAVEPOINT unit_of_work")
        except BaseException as error:
            if self._group is not None and isinstance(error, sqlite3.Error):
                self._drop(self._group, error)
            else:
                self._pass_on()
            raise
        self._touched = False

    async def _wait(self, alone: bool, prompt: bool) -> None:
        if len(self._waiting) + len(self._prompt) >= MOST_WAITING:
            raise Busy(_BUSY)
        mine = _Waiting(self._loop.create_future(), alone)
        queue = self._prompt if prompt else self._waiting
        queue.append(mine)
        try:
            await mine.turn
        except asyncio.CancelledError:
            if mine.turn.cancelled():
                with suppress(ValueError):
                    queue.remove(mine)
            else:
                self._pass_on()  # it was just given the turn
            raise

    async def _begin(self, since: float) -> _Group:
        """BEGIN IMMEDIATE, in small steps while another process holds the file: the event loop goes on."""
        now = self._loop.time()
        if now - self._ended > _GAP:
            self._held_since = now
        elif now - self._held_since > _STRETCH:
            await asyncio.sleep(_GAP)
            self._held_since = self._loop.time()
        delay = 0.0005
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if self._loop.time() - since > self.busy_seconds:
                    raise Busy(_BUSY) from error
            await asyncio.sleep(delay)
            delay = min(delay * 2, 0.002)
        self._group = _Group(self._loop.time())
        return self._group

    def run(self, sql: str, args: Sequence[Any] = ()) -> sqlite3.Cursor:
        """A statement of the unit of work whose turn it is."""
        self._note(sql)
        try:
            return self.connection.execute(sql, args)
        except sqlite3.Error as error:
            self._look_whether_lost(error)
            raise

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._note(sql)
        try:
            self.connection.executemany(sql, rows)
        except sqlite3.Error as error:
            self._look_whether_lost(error)
            raise

    def _note(self, sql: str) -> None:
        if self._lost is not None:
            raise GroupFailed(self._lost)  # what would run now would be in no transaction
        if not self._touched and not only_reads(sql):
            self._touched = True

    def _look_whether_lost(self, error: sqlite3.Error) -> None:
        """On a full disk, say, SQLite itself rolls back the whole transaction."""
        if not self.connection.in_transaction:
            self._lost = error

    def undo(self) -> None:
        """Back to where the unit of work began."""
        self.connection.execute("ROLLBACK TO unit_of_work")
        self._touched = False

    def leave(self, failed: bool) -> asyncio.Future[None] | None:
        """The unit of work is through. What to await before it may say so, if anything."""
        group = self._group
        if group is None:  # the engine was closed meanwhile
            raise GroupFailed(self._lost)
        try:
            if failed:
                self.undo()
            self.connection.execute("RELEASE unit_of_work")
        except sqlite3.Error as error:
            end = None if failed and not group.ends else self._end_of(group)
            self._drop(group, error)
            return end
        group.members += 1
        group.touched = group.touched or self._touched
        end = self._end_of(group) if group.touched else None
        self._pass_on()
        return end

    def _end_of(self, group: _Group) -> asyncio.Future[None]:
        end: asyncio.Future[None] = self._loop.create_future()
        group.ends.append(end)
        return end

    # Whose turn is next

    def _pass_on(self) -> None:
        """To the next who waits; or, when nobody else comes into this group, to its COMMIT."""
        group, queue = self._group, self._next()
        if group is not None and (queue is None or queue[0].alone or group.closed or self._is_full(group)):
            self._commit(group)
        elif queue is not None:
            queue.popleft().turn.set_result(None)
        else:
            self._taken = False

    def _next(self) -> deque[_Waiting] | None:
        """The queue whose first is next. Those who only wait to write begin a group, so that they come to it at all."""
        for queue in (self._prompt, self._waiting):
            while queue and queue[0].turn.cancelled():
                queue.popleft()
        if self._waiting and (not self._prompt or self._group is None or not self._group.members):
            return self._waiting
        return self._prompt or None

    def _is_full(self, group: _Group) -> bool:
        return group.members >= _GROUP_MEMBERS or self._loop.time() - group.began >= _GROUP_SECONDS

    def _commit(self, group: _Group) -> None:
        if group.touched:
            self._threads.submit(self._commit_now, lambda _, error: self._finish(group, error))
            return
        try:  # nothing is waited for: it only lets the file go
            self._commit_now()
        except sqlite3.Error as error:
            self._finish(group, error)
        else:
            self._finish(group, None)

    def _commit_now(self) -> None:
        try:
            self.connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.commits += 1

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def _drop(self, group: _Group, error: sqlite3.Error) -> None:
        """The transaction is gone, or not to be used any more."""
        self._roll_back()
        self._finish(group, self._lost or error)

    def _finish(self, group: _Group, error: BaseException | None) -> None:
        """Tell everybody who is in the group, and go on with the next one."""
        self._group, self._lost = None, None
        self._ended = self._loop.time()
        self._tell(deque(group.ends), error, len(group.ends) > 1)
        self._pass_on()

    def _tell(self, ends: deque[asyncio.Future[None]], error: BaseException | None, shared: bool) -> None:
        """One at a time: what all of them do next would together keep everybody who reads waiting."""
        while ends:
            end = ends.popleft()
            if end.done():
                continue  # its client went away
            if error is None:
                end.set_result(None)
            else:
                end.set_exception(GroupFailed(error) if shared else error)
            break
        if ends:
            self._loop.call_soon(self._tell, ends, error, shared)

    def stop(self) -> None:
        """Nobody who waits comes to it any more."""
        for queue in (self._prompt, self._waiting):
            while queue:
                waiting = queue.popleft()
                if not waiting.turn.done():
                    waiting.turn.set_exception(Busy(_BUSY))
