"""A test finds its database as if nobody had been there before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from hub.db.engine import Engine, bind, fetch, fetch_value, is_sqlite
from tests.kit.databases import Databases
from tests.kit.postgres import Postgres

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def kept(databases: Databases, postgres: Postgres) -> AsyncIterator[Any]:
    """Opens what the next test of this worker would get."""
    opened: list[Engine] = []

    async def next_one(with_cast: bool) -> Engine:
        for before in opened:
            await before.close()
        opened.append(await databases.postgres(postgres, with_cast))
        bind(opened[-1])
        return opened[-1]

    yield next_one
    for one in opened:
        await one.close()


async def _name() -> str:
    return str(await fetch_value("SELECT current_database() AS name"))


async def test_what_a_test_wrote_and_deleted_is_put_back(kept: Any) -> None:
    await kept(True)
    name, people = await _name(), await fetch_value("SELECT count(*) AS n FROM person")
    await fetch("DELETE FROM mou_term")
    await fetch("INSERT INTO holiday (id, organization, day, name) SELECT 'x', NULL, '2026-12-25', 'Christmas'")
    await fetch("INSERT INTO migration (name, app_name) VALUES ('one', 'more')")
    await kept(False)
    assert await _name() == name
    assert await fetch_value("SELECT count(*) AS n FROM person") == 0
    assert await fetch_value("SELECT count(*) AS n FROM migration WHERE app_name = 'more'") == 0
    await kept(True)
    assert await _name() == name
    assert await fetch_value("SELECT count(*) AS n FROM person") == people
    assert await fetch_value("SELECT count(*) AS n FROM mou_term") > 0
    assert await fetch_value("SELECT count(*) AS n FROM holiday") == 0


async def test_the_audit_trail_is_guarded_and_still_put_back(kept: Any) -> None:
    await kept(False)
    guarded = "SELECT count(*) AS n FROM pg_trigger WHERE tgname LIKE 'audit_%_only_added' AND tgenabled = 'O'"
    assert await fetch_value(guarded) == 4
    with pytest.raises(asyncpg.RaiseError):
        await fetch("DELETE FROM audit_entry")


async def test_after_a_change_of_the_schema_there_is_a_new_database(kept: Any) -> None:
    await kept(False)
    name = await _name()
    await fetch("DROP TRIGGER audit_entry_only_added ON audit_entry")
    await kept(False)
    assert await _name() != name
    assert await fetch_value("SELECT count(*) AS n FROM pg_trigger WHERE tgname = 'audit_entry_only_added'") == 1


async def test_a_transaction_that_was_left_open_does_not_stop_the_next_test(
    kept: Any, databases: Databases, postgres: Postgres
) -> None:
    forgotten = await asyncpg.connect((await kept(False)).url)
    await forgotten.execute("BEGIN; LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
    await kept(True)
    assert await fetch_value("SELECT count(*) AS n FROM task") == 0
    assert not is_sqlite()
    await forgotten.close(timeout=1)


async def test_both_databases_hold_the_same_at_the_start(kept: Any, databases: Databases, tmp_path: Path) -> None:
    counts = []
    tables = ["organization", "person", "member", "mou_term", "migration", "task", "rule_version"]
    await kept(True)
    counts.append([await fetch_value(f"SELECT count(*) AS n FROM {table}") for table in tables])
    file = await databases.sqlite(tmp_path, True)
    bind(file)
    counts.append([await fetch_value(f"SELECT count(*) AS n FROM {table}") for table in tables])
    await file.close()
    assert counts[0] == counts[1]
