"""The trail as it stands on disk, read raw and in chunks by keyset, in one snapshot: what `verify` walks over.

Also for a copy from elsewhere: nothing is bound, migrated or written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from hub.audit.rules import COLUMNS, TIMES
from hub.audit.sealing import Seal, seal_of
from hub.db.engine import Engine
from hub.db.sqlite import PooledSQLiteEngine

CHUNK = 10_000
# seq, chain hash, entry id in the chain, the entry's leaf, then the hashed columns in the order of `COLUMNS`
Row = tuple[Any, ...]
STALE_AFTER = timedelta(hours=1)  # an entry so much older than the last seal, and in no chain, was put there by hand


class Source(Protocol):
    async def rows(self, after: int) -> list[Row]: ...
    async def seals(self, after: int, until: int | None) -> list[Seal]: ...
    async def chained(self) -> int: ...
    async def loose(self) -> tuple[int, tuple[str, str] | None]: ...


def _rows_sql(time: str) -> str:
    columns = ", ".join(time.format(name) if name in TIMES else f"e.{name}" for name in COLUMNS)
    return (
        f"SELECT c.seq, c.hash, c.entry, e.leaf, {columns} "
        "FROM audit_chain c LEFT JOIN audit_entry e ON e.id = c.entry "
        "WHERE c.seq > {after} ORDER BY c.seq LIMIT {limit}"
    )


# As `rules.instant_text` writes it.
_POSTGRES_TIME = "to_char(e.{} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00:00'"
_SEALS = "SELECT seq, head, previous, key_id, signature, sealed_at FROM audit_seal WHERE seq > {after} ORDER BY seq"
_LOOSE = "FROM audit_entry e WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry = e.id)"
_IN_NO_CHAIN = "the entry is in no chain: it was inserted by hand, or its place was deleted"


class SQLiteSource:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows = _rows_sql("e.{}").replace("{after}", "?").replace("{limit}", "?")

    async def rows(self, after: int) -> list[Row]:
        return self._connection.execute(self._rows, (after, CHUNK)).fetchall()

    async def seals(self, after: int, until: int | None) -> list[Seal]:
        found = self._connection.execute(_SEALS.replace("{after}", "?"), (after,))
        names = [column[0] for column in found.description]
        seals = []
        for row in found:
            if until is not None and row[0] > until:
                break
            seals.append(seal_of(dict(zip(names, row, strict=True))))
        return seals

    async def chained(self) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM audit_chain").fetchone()[0])

    async def loose(self) -> tuple[int, tuple[str, str] | None]:
        """On SQLite every entry is chained in its own transaction: a loose one is wrong."""
        count = int(self._connection.execute(f"SELECT COUNT(*) {_LOOSE}").fetchone()[0])
        first = self._connection.execute(f"SELECT e.id {_LOOSE} ORDER BY e.recorded_at, e.id LIMIT 1").fetchone()
        return count, (str(first[0]), _IN_NO_CHAIN) if first else None


class PostgresSource:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._rows = _rows_sql(_POSTGRES_TIME).replace("{after}", "$1").replace("{limit}", "$2")

    async def rows(self, after: int) -> list[Row]:
        return list(await self._connection.fetch(self._rows, after, CHUNK))

    async def seals(self, after: int, until: int | None) -> list[Seal]:
        sql = _SEALS.replace("{after}", "$1")
        if until is None:
            found = await self._connection.fetch(sql, after)
        else:
            found = await self._connection.fetch(sql.replace("ORDER", "AND seq <= $2 ORDER"), after, until)
        return [seal_of(dict(row)) for row in found]

    async def chained(self) -> int:
        return int(await self._connection.fetchval("SELECT COUNT(*) FROM audit_chain"))

    async def loose(self) -> tuple[int, tuple[str, str] | None]:
        """Entries that wait for the sealer are in order; one far older than the last seal is not."""
        count = int(await self._connection.fetchval(f"SELECT COUNT(*) {_LOOSE}"))
        sealed_at = await self._connection.fetchval("SELECT MAX(sealed_at) FROM audit_seal")
        if not count or sealed_at is None:
            return count, None
        first = await self._connection.fetchval(
            f"SELECT e.id {_LOOSE} AND e.recorded_at < $1 ORDER BY e.recorded_at, e.id LIMIT 1",
            sealed_at - STALE_AFTER,
        )
        return count, (str(first), _IN_NO_CHAIN) if first else None


def _open_file(path: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


@asynccontextmanager
async def open_source(engine: Engine) -> AsyncIterator[Source]:
    """Read the trail of this database in one snapshot, with a connection of one's own."""
    if isinstance(engine, PooledSQLiteEngine):
        connection = _open_file(engine.path)
        try:
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("BEGIN")
            yield SQLiteSource(connection)
        finally:
            connection.close()
        return
    server = await asyncpg.connect(engine.url)
    try:
        async with server.transaction(isolation="repeatable_read", readonly=True):
            yield PostgresSource(server)
    finally:
        await server.close()
