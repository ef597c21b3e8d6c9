"""A migrated database for each test, empty or with the cast, for a few milliseconds.

SQLite: a copy of a file. PostgreSQL: making a database from a template takes it half a second, for it copies a thousand
files; so each worker keeps one database and has it put back to its start before every test, which takes three
milliseconds. What a test changed in the schema (a guard dropped, a table made) is noticed, and then there is a new one.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hub.db.engine import Engine, bind, engine, make_engine
from hub.db.migrate import migrate
from hub.db.sqlite import PooledSQLiteEngine
from tests.kit.postgres import Postgres

_numbers = itertools.count()

# Beside the hub's schema stands one of ours: the rows at the start, and a note of every change of the schema.
_WATCH = """
CREATE TABLE start.schema_changed (what text);
CREATE FUNCTION start.note_change() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO start.schema_changed VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER start_schema_changed ON ddl_command_end EXECUTE FUNCTION start.note_change();
"""
# `replica`: foreign keys are not checked on the way, and the audit trail's guards let this through.
_PUT_BACK = """
CREATE FUNCTION start.put_back(with_cast boolean) RETURNS boolean LANGUAGE plpgsql
SET session_replication_role = replica AS $$
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    IF EXISTS (SELECT FROM start.schema_changed) THEN RETURN false; END IF;
    {delete}
    {sequences}
    IF with_cast THEN {cast} ELSE {empty} END IF;
    RETURN true;
END $$;
"""


class Databases:
    """What one worker keeps from test to test. `build_cast` fills a migrated database and tells who is there."""

    def __init__(self, folder: Path, build_cast: Callable[[], Awaitable[Any]]) -> None:
        self.cast: dict[str, Any] = {}
        self._folder = folder
        self._build_cast = build_cast
        self._files: dict[bool, Path] = {}
        self._template: str | None = None
        self._current: str | None = None

    async def sqlite(self, folder: Path, with_cast: bool) -> Engine:
        if not self._files:
            empty, cast = self._folder / "empty.sqlite", self._folder / "cast.sqlite"
            await _filled(f"sqlite:///{empty}", migrate)
            shutil.copyfile(empty, cast)
            self.cast["sqlite"] = await _filled(f"sqlite:///{cast}", self._build_cast)
            self._files = {False: empty, True: cast}
        copy = folder / "hub.sqlite"
        shutil.copyfile(self._files[with_cast], copy)
        return PooledSQLiteEngine(copy, readers=2)

    async def postgres(self, server: Postgres, with_cast: bool) -> Engine:
        if self._current:
            kept = make_engine(server.url_for(self._current))
            if await _put_back(kept, with_cast):
                return kept
            await kept.close()
            server.drop_database(self._current)
        if self._template is None:
            self._template = await self._make_template(server)
        self._current = f"test_{os.getpid()}_{next(_numbers)}"
        fresh = make_engine(server.create_database(self._current, template=self._template))
        assert await _put_back(fresh, with_cast)
        return fresh

    async def _make_template(self, server: Postgres) -> str:
        name = f"template_{os.getpid()}"
        url = server.create_database(name)

        async def fill() -> Any:
            await migrate()
            empty = await _keep_rows("empty")
            cast = await self._build_cast()
            filled = await _keep_rows("cast")
            await _watch(empty, filled)
            return cast

        self.cast["postgres"] = await _filled(url, fill)
        return name


async def _filled(url: str, fill: Callable[[], Awaitable[Any]]) -> Any:
    opened = make_engine(url)
    bind(opened)
    try:
        return await fill()
    finally:
        await opened.close()


async def _put_back(one: Engine, with_cast: bool) -> bool:
    return bool((await one.fetch("SELECT start.put_back($1) AS done", [with_cast]))[0]["done"])


async def _names(kind: str) -> list[str]:
    ours = f"relkind = '{kind}' AND relnamespace = 'public'::regnamespace"
    return [row["relname"] for row in await _run(f"SELECT relname FROM pg_class WHERE {ours} ORDER BY relname")]


async def _keep_rows(state: str) -> list[str]:
    """Keep the rows of the tables as they are now; tells the tables that have any."""
    await _run("CREATE SCHEMA IF NOT EXISTS start")
    kept = []
    for table in await _names("r"):
        if await _run(f'SELECT 1 FROM public."{table}" LIMIT 1'):
            await _run(f'CREATE TABLE start."{state}:{table}" AS TABLE public."{table}"')
            kept.append(table)
    return kept


async def _watch(empty: list[str], cast: list[str]) -> None:
    def insert(state: str, tables: list[str]) -> str:
        return " ".join(f'INSERT INTO public."{one}" TABLE start."{state}:{one}";' for one in tables) or "NULL;"

    sequences = []
    for name in await _names("S"):
        at = (await _run(f'SELECT last_value, is_called FROM public."{name}"'))[0]
        sequences.append(f"PERFORM setval('public.{name}', {at['last_value']}, {at['is_called']});")
    function = _PUT_BACK.format(
        delete=" ".join(f'DELETE FROM public."{table}";' for table in await _names("r")),
        sequences=" ".join(sequences),
        cast=insert("cast", cast),
        empty=insert("empty", empty),
    )
    await _run(function)
    for statement in _WATCH.strip().split(";\n"):
        await _run(statement)


async def _run(sql: str) -> list[dict[str, Any]]:
    """As it stands, without the `{}` of `hub.db.engine.fetch`."""
    return await engine().fetch(sql, [])
