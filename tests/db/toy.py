"""A database of one's own for tests of the SQLite engine: a few bare tables, no hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hub.db.engine import bind, fetch, fetch_value, write
from hub.db.sqlite import PooledSQLiteEngine
from hub.db.transaction import unit_of_work

TABLES = (
    "CREATE TABLE thing (id TEXT PRIMARY KEY, body TEXT)",
    "CREATE TABLE parent (id TEXT PRIMARY KEY)",
    # Checked at COMMIT only, so that a COMMIT can fail. The hub's own schema has no such thing.
    "CREATE TABLE child (id TEXT PRIMARY KEY, parent TEXT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
)


@asynccontextmanager
async def toy_database(folder: Path) -> AsyncIterator[PooledSQLiteEngine]:
    engine = PooledSQLiteEngine(folder / "toy.sqlite", readers=2)
    bind(engine)
    try:
        for table in TABLES:
            await fetch(table)
        yield engine
    finally:
        await engine.close()


@unit_of_work
async def keep(name: str, body: str = "") -> str:
    await write("INSERT INTO thing (id, body) VALUES ({}, {})", name, body)
    return name


@unit_of_work
async def orphan(name: str) -> None:
    """Its COMMIT fails."""
    await write("INSERT INTO child (id, parent) VALUES ({}, {})", name, "nobody")


async def kept() -> int:
    return int(await fetch_value("SELECT COUNT(*) FROM thing"))
