"""SQLite without the connections' threads, for as long as the story is told and nobody is served.

The hub's engine hands every statement to a thread, so that one slow query does not stop everybody else's pages. While
the story is told there is nobody else, and sixty thousand hand-overs take longer than the statements themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from piccolo.engine.sqlite import dict_factory

from hub.db.sqlite import PRAGMAS, PooledSQLiteEngine


class _InPlace:
    """What the engine needs of a connection, done at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, args: Iterable[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, tuple(args))

    async def execute_fetchall(self, sql: str, args: Iterable[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, tuple(args)).fetchall()

    async def close(self) -> None:
        self._connection.close()


class InPlaceSQLiteEngine(PooledSQLiteEngine):
    """Only for one task in one process: it blocks the event loop."""

    async def _connect(self, query_only: bool = False) -> Any:
        connection = sqlite3.connect(**self.connection_kwargs)
        connection.row_factory = dict_factory
        for pragma in (*PRAGMAS, *(("query_only = ON",) if query_only else ())):
            connection.execute(f"PRAGMA {pragma}")
        return _InPlace(connection)
