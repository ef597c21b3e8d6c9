"""Which database this process uses, and plain SQL on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg
from piccolo.querystring import QueryString

from hub.db.postgres import PooledPostgresEngine
from hub.db.sqlite import PooledSQLiteEngine
from hub.settings import Settings

Engine = PooledSQLiteEngine | PooledPostgresEngine


class _Bound:
    engine: Engine | None = None


def make_engine(url: str, settings: Settings | None = None) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`. Opens nothing yet."""
    if url.startswith("sqlite:///"):
        return PooledSQLiteEngine(Path(url.removeprefix("sqlite:///")), settings.sqlite_readers if settings else 4)
    return PooledPostgresEngine(url, settings.postgres_connections if settings else 10)


def bind(engine: Engine) -> None:
    """Make every table use this engine, from now on, in this process."""
    from hub.db import piccolo_conf
    from hub.db.piccolo_conf import APP_REGISTRY

    _Bound.engine = engine
    piccolo_conf.DB = engine
    for app in APP_REGISTRY.app_configs.values():
        for table in app.table_classes:
            table._meta.db = engine


def engine() -> Engine:
    if _Bound.engine is None:
        raise RuntimeError("no database is bound: call hub.db.engine.bind first")
    return _Bound.engine


def is_sqlite() -> bool:
    return isinstance(engine(), PooledSQLiteEngine)


async def fetch(sql: str, *args: Any) -> list[dict[str, Any]]:
    """Run SQL with `{}` for each argument; rows as dicts. Inside a unit of work it is part of it."""
    return await engine().run_querystring(QueryString(sql, *args))


async def look_up(sql: str, *args: Any) -> list[dict[str, Any]]:
    """`fetch`, for what finds a few rows by an index: on SQLite it is answered without leaving the event loop."""
    return await fetch(sql, *args)


async def write(sql: str, *args: Any) -> None:
    """Change rows, where nothing has to come back. In a unit of work it may be sent at the end, with its other writes;
    whatever is read in the unit of work after it sees it.
    """
    await fetch(sql, *args)


async def add(table: str, row: Mapping[str, Any]) -> None:
    """`write` one row. `row` names every column without a default in the database."""
    await write(_insert(table, tuple(row)), *row.values())


async def add_many(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`add` for several rows with the same columns."""
    for row in rows:
        await add(table, row)


@lru_cache(maxsize=512)
def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['{}'] * len(columns))})"


async def fetch_value(sql: str, *args: Any) -> Any:
    """The first column of the first row, or None."""
    rows = await fetch(sql, *args)
    return next(iter(rows[0].values())) if rows else None


def is_unique_violation(error: BaseException) -> bool:
    if isinstance(error, asyncpg.UniqueViolationError):
        return True
    return isinstance(error, sqlite3.IntegrityError) and "UNIQUE constraint failed" in str(error)


def is_serialization_failure(error: BaseException) -> bool:
    """The database asks to try the same transaction again."""
    if isinstance(error, asyncpg.SerializationError | asyncpg.DeadlockDetectedError):
        return True
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
