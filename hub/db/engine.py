"""Which database this process uses, and plain SQL on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
from piccolo.querystring import QueryString, Selectable

from hub.db.apps import tables
from hub.db.postgres import PooledPostgresEngine
from hub.db.sqlite import PooledSQLiteEngine
from hub.db.sqltext import compiled
from hub.settings import Settings

Engine = PooledSQLiteEngine | PooledPostgresEngine


class _Bound:
    engine: Engine | None = None


def make_engine(url: str, settings: Settings | None = None, *, serving: bool = False) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`. Opens nothing yet.

    `serving`: somebody waits for each statement, so that it may not take as long as one of a migration.
    """
    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    if settings is None:
        return PooledPostgresEngine(url) if path is None else PooledSQLiteEngine(path)
    seconds = settings.database_seconds
    if path is not None:
        return PooledSQLiteEngine(path, settings.sqlite_readers, seconds)
    return PooledPostgresEngine(url, settings.postgres_connections, seconds, *([seconds] if serving else []))


def bind(engine: Engine) -> None:
    """Make every table use this engine, from now on, in this process."""
    _Bound.engine = engine
    for table in tables():
        table._meta.db = engine


def engine() -> Engine:
    if _Bound.engine is None:
        raise RuntimeError("no database is bound: call hub.db.engine.bind first")
    return _Bound.engine


def is_sqlite() -> bool:
    return isinstance(engine(), PooledSQLiteEngine)


_PLAIN = frozenset({str, bool, int, float, bytes, datetime, date, type(None)})


def _text(bound: Engine, sql: str, args: tuple[Any, ...]) -> tuple[str, Sequence[Any]]:
    """SQL with `{}` as this database wants it. An argument may itself be a piece of SQL, made by Piccolo."""
    for arg in args:
        if type(arg) not in _PLAIN and isinstance(arg, Selectable):
            return QueryString(sql, *args).compile_string(engine_type=bound.engine_type)
    return compiled(sql, bound.engine_type), args


async def fetch(sql: str, *args: Any) -> list[dict[str, Any]]:
    """Run SQL with `{}` for each argument; rows as dicts. Inside a unit of work it is part of it."""
    bound = engine()
    return await bound.fetch(*_text(bound, sql, args))


async def look_up(sql: str, *args: Any) -> list[dict[str, Any]]:
    """`fetch`, for what finds a few rows by an index: on SQLite it is answered without leaving the event loop."""
    bound = engine()
    return await bound.look_up(*_text(bound, sql, args))


async def write(sql: str, *args: Any) -> None:
    """Change rows, where nothing has to come back. In a unit of work it may be sent at the end, with its other writes;
    whatever is read in the unit of work after it sees it.
    """
    bound = engine()
    await bound.write(*_text(bound, sql, args))


async def add(table: str, row: Mapping[str, Any]) -> None:
    """`write` one row. `row` names every column without a default in the database."""
    await engine().add_many(table, tuple(row), [tuple(row.values())])


async def add_many(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`add` for several rows with the same columns."""
    if not rows:
        return
    columns = tuple(rows[0])
    await engine().add_many(table, columns, [tuple([row[column] for column in columns]) for row in rows])


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
    if isinstance(
        error, asyncpg.SerializationError | asyncpg.DeadlockDetectedError | asyncpg.InvalidCachedStatementError
    ):
        return True
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
