"""What an action writes lands whole or not at all, on both engines."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import asyncpg
import pytest

from hub.audit.actions import Entry, Pending
from hub.db.documents import insert, replace
from hub.db.engine import Engine, engine, fetch, fetch_value, is_sqlite
from hub.db.migrate import known, pending
from hub.db.tables import ResourceVersion
from hub.db.transaction import in_unit_of_work, unit_of_work
from hub.directory.tables import Organization
from hub.jobs.tables import Job
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.errors import Conflict, Forbidden, Stale
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode


async def _county(name: str) -> str:
    document = {"resourceType": "Organization", "name": name, "extension": [{"url": "x", "valueDecimal": 1}]}
    columns = {"kind": "county", "name": name, "short_name": name, "identifier": name}
    return (await insert(Organization, document, columns, organization=None)).id


async def test_a_failing_action_leaves_nothing_behind(database: Engine) -> None:
    @unit_of_work
    async def half() -> None:
        await _county("first")
        raise ValueError("broken in the middle")

    with pytest.raises(ValueError, match="middle"):
        await half()
    assert await Organization.count() == 0
    assert await ResourceVersion.count() == 0
    assert not in_unit_of_work()


async def test_the_outermost_unit_commits_what_the_inner_ones_wrote(database: Engine) -> None:
    @unit_of_work
    async def inner() -> None:
        await _county("inner")

    @unit_of_work
    async def outer() -> None:
        await inner()
        raise ValueError("after the inner one")

    with pytest.raises(ValueError, match="inner"):
        await outer()
    assert await Organization.count() == 0


async def test_fifty_writers_at_once_lose_nothing_and_start_no_threads(database: Engine) -> None:
    add = unit_of_work(_county)
    await add("warm")
    threads = threading.active_count()
    await asyncio.gather(*[add(f"county {n}") for n in range(50)])
    assert await Organization.count() == 51
    assert threading.active_count() == threads


async def test_many_readers_beside_a_writer_see_only_what_was_committed(database: Engine) -> None:
    release = asyncio.Event()

    @unit_of_work
    async def slow() -> None:
        await _county("half")
        await release.wait()

    writing = asyncio.create_task(slow())
    counts = await asyncio.gather(*[fetch_value("SELECT count(*) FROM organization") for _ in range(20)])
    release.set()
    await writing
    assert set(counts) == {0}
    assert await Organization.count() == 1


async def test_a_commit_that_fails_is_an_error_and_gives_its_connection_back(database: Engine) -> None:
    """Piccolo's own transaction keeps the connection then, and the pool is empty after a few."""
    await fetch("CREATE TABLE parent (id TEXT PRIMARY KEY)")
    await fetch(
        "CREATE TABLE child (id TEXT PRIMARY KEY, parent TEXT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    @unit_of_work
    async def orphan() -> None:
        await fetch("INSERT INTO child (id, parent) VALUES ({}, {})", new_id(), "nobody")

    for _ in range(15):  # more than there are connections
        with pytest.raises((sqlite3.IntegrityError, asyncpg.ForeignKeyViolationError)):
            await orphan()
        assert not in_unit_of_work()
    await asyncio.wait_for(unit_of_work(_county)("after"), timeout=5)
    assert await fetch_value("SELECT count(*) FROM child") == 0


async def test_a_cancelled_action_is_rolled_back_and_the_next_one_goes_on(database: Engine) -> None:
    started = asyncio.Event()

    @unit_of_work
    async def endless() -> None:
        await _county("never")
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(unit_of_work(_county)("next"), timeout=5)
    assert [row["name"] for row in await fetch("SELECT name FROM organization")] == ["next"]


async def test_two_at_once_with_one_unique_key_make_one_row_and_one_clear_answer(database: Engine) -> None:
    add = unit_of_work(_county)
    answers = await asyncio.gather(add("twin"), add("twin"), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["Conflict", "str"]
    assert any(isinstance(a, Conflict) for a in answers)
    assert await Organization.count() == 1


async def test_a_refusals_audit_entry_outlives_the_rollback(database: Engine) -> None:
    @unit_of_work
    async def refused() -> None:
        await _county("never")
        raise Forbidden("no", audit=Pending(HUB, Entry("test:thing:do", "Thing", outcome="refused")))

    with pytest.raises(Forbidden):
        await refused()
    assert await Organization.count() == 0
    assert [row["action"] for row in await fetch("SELECT action FROM audit_entry")] == ["test:thing:do"]


async def test_of_two_changes_to_one_version_exactly_one_lands(database: Engine) -> None:
    row_id = await _county("one")
    document = {"resourceType": "Organization", "name": "two"}

    @unit_of_work
    async def change() -> None:
        current = await fetch_value("SELECT version FROM organization WHERE id = {}", row_id)
        await replace(Organization, row_id, current, document, {"name": "two"}, organization=None, expected=1)

    answers = await asyncio.gather(change(), change(), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["NoneType", "Stale"]
    assert any(isinstance(a, Stale) for a in answers)
    assert await ResourceVersion.count() == 2


async def test_instants_compare_alike_on_both_engines(database: Engine) -> None:
    at = clock.now()
    await Job.insert(Job(kind="x", payload="{}", state="waiting", run_at=at, created_at=at))
    for operator, found in (("<=", 1), (">=", 1), ("<", 0), (">", 0), ("=", 1)):
        assert await fetch_value(f"SELECT count(*) FROM job WHERE run_at {operator} {{}}", at) == found
    stored = (await Job.objects().first()).run_at
    assert stored == at and stored.tzinfo is not None


async def test_a_stored_document_keeps_decimals_and_gets_the_hubs_id_and_version(database: Engine) -> None:
    sent = decode(
        '{"resourceType":"Organization","id":"theirs","name":"x","meta":{"versionId":"9","tag":[{"code":"t"}]},'
        '"extension":[{"url":"u","valueDecimal":1.50}]}'
    )
    stored = await insert(
        Organization, sent, {"kind": "county", "name": "x", "short_name": "x", "identifier": "x"}, organization=None
    )
    assert '"valueDecimal":1.50' in stored.text
    kept = decode(stored.text)
    assert (kept["id"], kept["meta"]["versionId"], kept["meta"]["tag"]) == (stored.id, "1", [{"code": "t"}])


async def test_the_schema_is_up_to_date_and_a_missing_migration_is_noticed(database: Engine) -> None:
    assert known() and await pending() == []
    await fetch("DELETE FROM migration WHERE app_name = {}", "meetings")
    assert {app for app, _ in await pending()} == {"meetings"}


async def test_sqlite_acknowledges_only_what_is_on_disk(database: Engine) -> None:
    if not is_sqlite():
        return
    async with engine().transaction():
        assert await fetch_value("PRAGMA synchronous") == 2  # FULL
        assert await fetch_value("PRAGMA journal_mode") == "wal"
        assert await fetch_value("PRAGMA foreign_keys") == 1
