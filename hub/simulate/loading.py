"""Bulk ways into the two databases. What one step writes lands whole or not at all, together with how far it is.

A table of our own, `simulation`, holds the arguments of the State, and for each stage how far it is; it is made here
and not by a migration, because no hub in earnest has it. The big tables are filled without their indexes (and, on
PostgreSQL, without their foreign keys): what was dropped stands in `simulation_dropped`, so that also after a crash
it is made again as it was.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from hub.db.engine import Engine
from hub.db.sqlite import PooledSQLiteEngine
from hub.simulate.rows import BULK, COLUMNS, Row, Rows, empty

_NOTES = (
    "CREATE TABLE IF NOT EXISTS simulation (stage VARCHAR(64) PRIMARY KEY, done BIGINT NOT NULL, told TEXT)",
    "CREATE TABLE IF NOT EXISTS simulation_dropped (place INTEGER PRIMARY KEY, remake TEXT NOT NULL)",
)
OWN = ("simulation", "simulation_dropped")

Told = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done, and how much there is."""


class SomebodyElse(Exception):
    """Another process builds the same State at this moment."""


class Loader(Protocol):
    """One connection for the bulk."""

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]: ...

    async def step(
        self,
        stage: str,
        before: int | None,
        after: int,
        rows: Rows | None = None,
        *,
        statements: Iterable[str] = (),
        told: str | None = None,
    ) -> None:
        """In one transaction: the rows, the statements, and that the stage went from `before` to `after`.

        Raises `SomebodyElse` where it does not stand at `before` (None: where it was begun already).
        """
        ...  # fmt: skip

    async def droppable(self) -> list[tuple[str, str]]:
        """Of the big tables: how to remove what slows the load, and how to make it again."""
        ...

    async def tables(self) -> set[str]:
        """The names of all tables of the database."""
        ...

    async def settle(self) -> None:
        """After the load: what the database does by itself in quiet hours."""
        ...

    async def close(self) -> None: ...


async def open_loader(engine: Engine) -> Loader:
    if isinstance(engine, PooledSQLiteEngine):
        return await asyncio.to_thread(_Sqlite, engine.path)
    return _Postgres(await asyncpg.connect(engine.url))


async def prepare(loader: Loader, arguments: str = "{}") -> None:
    """Make our own tables: from now on the database is this State's."""
    await loader.step("arguments", None, 0, statements=_NOTES, told=arguments)


async def drop(loader: Loader) -> None:
    """Take off what slows the load; nothing where that is done already."""
    found = await loader.droppable()
    kept = [
        f"INSERT INTO simulation_dropped (place, remake) VALUES ({place}, {_quoted(again)})"
        for place, (_, again) in enumerate(found)
    ]
    await loader.step("dropped", None, 1, statements=[*kept, *(removal for removal, _ in found)])


async def fill(
    loader: Loader, stage: str, count: int, chunk: int, add: Callable[[Rows, int], Any], *, at: int = 0,
    told: Told = lambda *_: None,
) -> None:  # fmt: skip
    """Make and write what a stage still lacks, step by step."""
    told(stage, at, count)
    collects = gc.isenabled()
    gc.disable()  # rows hold nothing but texts: looking through them for cycles would take a fifth of the time
    try:
        while at < count:
            after, rows = min(at + chunk, count), empty()
            for number in range(at, after):
                add(rows, number)
            await loader.step(stage, at, after, rows)
            at = after
            told(stage, at, count)
    finally:
        if collects:
            gc.enable()


async def remake(loader: Loader, told: Told) -> None:
    """Make again what was dropped, one after another: each is a transaction of its own."""
    waiting = await loader.fetch("SELECT place, remake FROM simulation_dropped ORDER BY place")
    for number, (place, statement) in enumerate(waiting):
        told("indexes", number, len(waiting))
        await loader.step("", None, 0, statements=[statement, f"DELETE FROM simulation_dropped WHERE place = {place}"])
    told("indexes", len(waiting), len(waiting))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _note(stage: str, before: int | None, after: int, told: str | None) -> str:
    if before is None:
        said = _quoted(told) if told is not None else "NULL"
        return f"INSERT INTO simulation (stage, done, told) VALUES ({_quoted(stage)}, {after}, {said})"
    return f"UPDATE simulation SET done = {after} WHERE stage = {_quoted(stage)} AND done = {before}"


_PRAGMAS = (
    "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = OFF", "cache_size = -8000",
    "wal_autocheckpoint = 4000",  # one step fills the usual 1000 pages: each would wait for the disk
)  # fmt: skip


class _Sqlite:
    """Statements in a thread, so that the bar goes on. A crash of the process loses nothing; one of the machine at most
    the last steps, whole, which the next start makes again.
    """

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(lambda: self._connection.execute(sql).fetchall())

    async def step(
        self, stage: str, before: int | None, after: int, rows: Rows | None = None, *,
        statements: Iterable[str] = (), told: str | None = None,
    ) -> None:  # fmt: skip
        await asyncio.to_thread(self._step, stage, before, after, rows or {}, statements, told)

    def _step(
        self, stage: str, before: int | None, after: int, rows: Rows, statements: Iterable[str], told: str | None
    ) -> None:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                run(statement)
            if stage:
                try:
                    changed = run(_note(stage, before, after, told)).rowcount
                except sqlite3.IntegrityError as error:
                    raise SomebodyElse from error
                if changed != 1:
                    raise SomebodyElse
            for table, these in rows.items():
                if these:
                    columns = COLUMNS[table]
                    marks = ", ".join("?" * len(columns))
                    self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", these)
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise

    async def droppable(self) -> list[tuple[str, str]]:
        names = ", ".join(_quoted(table) for table in BULK)
        found = await self.fetch(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({names})"
            " ORDER BY name"
        )
        return [(f'DROP INDEX "{name}"', sql) for name, sql in found]

    async def tables(self) -> set[str]:
        rows = await self.fetch("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {str(name) for (name,) in rows}

    async def settle(self) -> None:
        await self.fetch("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._connection.fetch(sql)]

    async def step(
        self, stage: str, before: int | None, after: int, rows: Rows | None = None, *,
        statements: Iterable[str] = (), told: str | None = None,
    ) -> None:  # fmt: skip
        async with self._connection.transaction():
            for statement in statements:
                await self._connection.execute(statement)
            if stage:
                try:
                    done = await self._connection.execute(_note(stage, before, after, told))
                except asyncpg.UniqueViolationError as error:
                    raise SomebodyElse from error
                if not done.endswith(" 1"):
                    raise SomebodyElse
            for table, these in (rows or {}).items():
                if these:
                    await self._connection.copy_to_table(
                        table, source=_lines(these), columns=COLUMNS[table], format="text"
                    )

    async def droppable(self) -> list[tuple[str, str]]:
        names = ", ".join(_quoted(table) for table in BULK)
        here = f"n.nspname = current_schema() AND t.relname IN ({names})"
        keys = await self.fetch(
            "SELECT c.conname, t.relname, pg_get_constraintdef(c.oid) FROM pg_constraint c"
            " JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
            f" WHERE c.contype = 'f' AND {here} ORDER BY t.relname, c.conname"
        )
        indexes = await self.fetch(
            "SELECT x.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
            " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
            f" WHERE NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid) AND {here}"
            " ORDER BY x.relname"
        )
        return [
            *((f'DROP INDEX "{name}"', sql) for name, sql in indexes),
            *(
                (
                    f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"',
                    f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {sql}',
                )
                for name, table, sql in keys
            ),
        ]

    async def tables(self) -> set[str]:
        rows = await self.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return {str(name) for (name,) in rows}

    async def settle(self) -> None:
        await self._connection.execute("VACUUM (ANALYZE)")

    async def close(self) -> None:
        await self._connection.close()


_BLOCK = 200  # rows, some 200 kB: the server works on one while the next is put together


async def _lines(rows: Sequence[Row]) -> AsyncIterator[bytes]:
    """As COPY reads it. No value holds what would have to be escaped; that is looked at."""
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        lines = ["\t".join(["\\N" if value is None else str(value) for value in row]) for row in block]
        text = "\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\\") != text.count("\\N"):
            raise ValueError("A text of the State holds a backslash or a line break.")
        yield text.encode() + b"\n"
