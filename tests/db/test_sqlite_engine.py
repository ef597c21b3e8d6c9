"""SQLite's engine: where statements run, what comes back, and the faults of Piccolo's own engine that it has not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from piccolo.columns import Text
from piccolo.engine.exceptions import TransactionError
from piccolo.querystring import QueryString
from piccolo.table import Table

from hub.db.engine import add, add_many, bind, engine, fetch, fetch_value, look_up, write
from hub.db.sqlite import PooledSQLiteEngine
from hub.db.sqltext import compiled
from hub.db.transaction import in_unit_of_work, unit_of_work
from hub.kernel.errors import Busy
from tests.db.toy import keep, kept, orphan, toy_database


class Thing(Table, tablename="thing"):
    id = Text(primary_key=True)
    body = Text()


@pytest_asyncio.fixture
async def toy(tmp_path: Path) -> AsyncIterator[PooledSQLiteEngine]:
    async with toy_database(tmp_path) as opened:
        Thing._meta.db = opened
        yield opened


# Where statements run, and what they see


async def test_a_look_up_starts_no_thread_and_a_fetch_leaves_the_event_loop(toy: PooledSQLiteEngine) -> None:
    await keep("one")
    main, seen = threading.get_ident(), []
    run = toy._readers._fetch

    def noting(sql: str, args: Any) -> Any:
        seen.append(threading.get_ident())
        return run(sql, args)

    toy._readers._fetch = noting  # type: ignore[method-assign]
    assert await look_up("SELECT id FROM thing WHERE id = {}", "one") == [{"id": "one"}]
    assert seen == []
    assert await fetch("SELECT id FROM thing WHERE id = {}", "one") == [{"id": "one"}]
    assert len(seen) == 1 and seen[0] != main


async def test_readers_cannot_write_and_everybody_waits_for_the_disk(toy: PooledSQLiteEngine) -> None:
    for read in (fetch, look_up):
        assert await read("PRAGMA query_only") == [{"query_only": 1}]
    async with engine().transaction():
        assert await fetch("PRAGMA query_only") == [{"query_only": 0}]
        assert await fetch("PRAGMA synchronous") == [{"synchronous": 2}]  # FULL
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await look_up("DELETE FROM thing")


async def test_a_unit_of_work_sees_what_it_wrote_and_nobody_else_does(toy: PooledSQLiteEngine) -> None:
    @unit_of_work
    async def work() -> None:
        await add("thing", {"id": "a", "body": "x"})
        await add_many("thing", [{"id": "b", "body": "y"}, {"body": "z", "id": "c"}])
        await write("UPDATE thing SET body = {} WHERE id = {}", "changed", "a")
        for read in (fetch, look_up):
            rows = await read("SELECT id, body FROM thing ORDER BY id")
            assert [(row["id"], row["body"]) for row in rows] == [("a", "changed"), ("b", "y"), ("c", "z")]
        outside = sqlite3.connect(toy.path)
        assert outside.execute("SELECT COUNT(*) FROM thing").fetchone() == (0,)
        outside.close()

    await work()
    assert await kept() == 3


async def test_a_common_table_expression_reads_outside_and_writes_in_the_writer(toy: PooledSQLiteEngine) -> None:
    await fetch("WITH new (id) AS (VALUES ('a'), ('b')) INSERT INTO thing (id) SELECT id FROM new")
    assert await fetch_value("WITH t AS (SELECT id FROM thing) SELECT COUNT(*) FROM t") == 2


async def test_a_writing_statement_by_itself_is_committed_or_leaves_nothing(toy: PooledSQLiteEngine) -> None:
    await add_many("thing", [])
    await add_many("thing", [{"id": "a"}, {"id": "b"}])
    with pytest.raises(sqlite3.IntegrityError):
        await add_many("thing", [{"id": "c"}, {"id": "a"}])
    assert await fetch("DELETE FROM thing WHERE id = {} RETURNING id", "a") == [{"id": "a"}]
    assert await fetch("SELECT id FROM thing") == [{"id": "b"}]


async def test_arguments_and_pieces_of_sql_take_their_places(toy: PooledSQLiteEngine) -> None:
    await add("thing", {"id": "a", "body": '{"x": 1}'})
    condition = QueryString("id = {} AND body LIKE {}", "a", "%x%")
    assert await fetch("SELECT id FROM thing WHERE {} AND 1 = {}", condition, 1) == [{"id": "a"}]
    assert await fetch_value("SELECT '{{}}' || {}", "!") == "{}!"
    assert compiled("a = {} AND b = {}", "postgres") == "a = $1 AND b = $2"
    assert compiled("a = {} AND b = '{{}}'", "sqlite") == "a = ? AND b = '{}'"


async def test_values_come_back_as_what_they_were(toy: PooledSQLiteEngine) -> None:
    await fetch("CREATE TABLE kinds (n INTEGER, yes BOOLEAN, at TIMESTAMPTZ, day DATE, text VARCHAR(9), none INTEGER)")
    at = datetime(2026, 11, 18, 18, 0, 0, 5, tzinfo=timezone(timedelta(hours=-8)))
    row = {"n": -5, "yes": True, "at": at, "day": at.date(), "text": "12", "none": None}
    await add("kinds", row)
    for read in (fetch, look_up):
        (found,) = await read("SELECT * FROM kinds")
        assert found == row
        assert found["yes"] is True and found["at"].tzinfo is UTC


# Piccolo's faults


async def test_what_is_raised_inside_a_batch_goes_on(toy: PooledSQLiteEngine) -> None:
    """Piccolo's own swallows it: an export that fails ends early, and looks whole."""
    await add_many("thing", [{"id": f"{n:03}", "body": ""} for n in range(250)])
    with pytest.raises(ValueError, match="in the middle"):
        async with await Thing.select().batch(batch_size=100) as batch:
            async for rows in batch:
                assert len(rows) == 100
                raise ValueError("in the middle")


async def test_a_batch_reads_one_state_to_its_end(toy: PooledSQLiteEngine) -> None:
    await add_many("thing", [{"id": f"{n:03}", "body": ""} for n in range(250)])
    sizes = []
    async with await Thing.select().where(Thing.id >= "010").order_by(Thing.id).batch(batch_size=100) as batch:
        async for rows in batch:
            sizes.append(len(rows))
            await keep(f"new {len(sizes)}")
    assert sizes == [100, 100, 40]
    assert await kept() == 253


class Nowhere(Table, tablename="nowhere"):
    id = Text(primary_key=True)


async def test_a_batch_of_nonsense_and_one_that_is_cancelled_leave_nothing_open(toy: PooledSQLiteEngine) -> None:
    Nowhere._meta.db = toy

    async def nonsense() -> None:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            async with await Nowhere.select().batch():
                pass

    async def cancelled() -> None:
        reading = asyncio.Event()

        async def read() -> None:
            async with await Thing.select().batch():
                reading.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(read())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    open_then = []
    for _ in range(5):  # SQLite keeps one of the files it closed, for the next to open
        await nonsense()
        await cancelled()
        open_then.append(open_files())
    assert len(set(open_then)) == 1


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_task_that_outlives_the_unit_of_work_it_was_started_in_is_on_its_own(toy: PooledSQLiteEngine) -> None:
    """With Piccolo it goes on with a connection that is closed, or that is somebody else's by then."""
    over = asyncio.Event()

    async def later() -> int:
        await over.wait()
        assert not in_unit_of_work()
        await keep("later")
        await write("UPDATE thing SET body = 'changed' WHERE id = 'later'")
        return await kept()

    @unit_of_work
    async def work() -> asyncio.Task[int]:
        await keep("now")
        return asyncio.create_task(later())

    task = await work()

    @unit_of_work
    async def fails() -> None:
        over.set()
        for _ in range(3):
            await asyncio.sleep(0)  # the task asks for its turn meanwhile
        raise ValueError("this one only")

    with pytest.raises(ValueError, match="this one only"):
        await fails()
    assert await task == 2


async def test_what_is_gathered_inside_a_unit_of_work_belongs_to_it(toy: PooledSQLiteEngine) -> None:
    @unit_of_work
    async def whole(fail: bool) -> None:
        await asyncio.gather(*[keep(f"{n}") for n in range(10)])
        assert len(await fetch("SELECT id FROM thing")) == 10
        if fail:
            raise ValueError("after all")

    with pytest.raises(ValueError, match="after all"):
        await whole(True)
    assert await kept() == 0
    await whole(False)
    assert await kept() == 10


async def test_a_transaction_within_another_is_part_of_it(toy: PooledSQLiteEngine) -> None:
    with pytest.raises(ValueError, match="outside"):
        async with engine().transaction() as outer:
            async with engine().transaction() as inner:
                assert inner is outer
                await keep("inner")
            assert in_unit_of_work()
            with pytest.raises(TransactionError):
                toy.transaction(allow_nested=False)
            raise ValueError("outside")
    assert await kept() == 0 and not in_unit_of_work()


async def test_piccolos_own_ways_of_a_transaction_work_or_say_why_not(toy: PooledSQLiteEngine) -> None:
    async with toy.transaction() as own:
        await Thing.insert(Thing(id="a", body=""))
        savepoint = await own.savepoint()
        await Thing.insert(Thing(id="b", body=""))
        await savepoint.rollback_to()  # type: ignore[no-untyped-call]
        with pytest.raises(TransactionError):
            await own.commit()
    async with toy.transaction() as own:
        await Thing.insert(Thing(id="c", body=""))
        await own.rollback()
    atomic = toy.atomic()
    atomic.add(Thing.insert(Thing(id="d", body="")))
    await atomic.run()  # type: ignore[no-untyped-call]
    assert await Thing.select(Thing.id).order_by(Thing.id) == [{"id": "a"}, {"id": "d"}]
    with pytest.raises(NotImplementedError, match="batch"):
        await toy.get_connection()


# Opening and closing


async def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    made = PooledSQLiteEngine(tmp_path / "new" / "file.sqlite")
    assert list(tmp_path.iterdir()) == []
    await made.close()
    assert await made.fetch("SELECT 1 AS one", []) == [{"one": 1}]
    await made.close()
    await made.close()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.sqlite"]


async def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file.sqlite").mkdir()
    made = PooledSQLiteEngine(tmp_path / "file.sqlite")
    threads = threading.active_count()
    answers = await asyncio.gather(*[made.fetch("SELECT 1", []) for _ in range(3)], return_exceptions=True)
    assert [type(answer) for answer in answers] == [sqlite3.OperationalError] * 3
    (tmp_path / "file.sqlite").rmdir()
    assert await made.fetch("SELECT 1 AS one", []) == [{"one": 1}]
    await made.close()
    for thread in threading.enumerate():
        if thread.name.startswith("sqlite"):
            thread.join(5)
    assert threading.active_count() <= threads


def test_one_engine_serves_one_event_loop_after_another(tmp_path: Path) -> None:
    made = PooledSQLiteEngine(tmp_path / "file.sqlite")
    bind(made)

    async def without_closing() -> None:
        await fetch("CREATE TABLE thing (id TEXT PRIMARY KEY, body TEXT)")
        await keep("first")

    async def closing() -> int:
        await keep("second")
        found = await kept()
        await made.close()
        return found

    asyncio.run(without_closing())
    assert asyncio.run(closing()) == 2


async def test_who_waits_when_the_hub_stops_is_told_so(tmp_path: Path) -> None:
    started = asyncio.Event()
    async with toy_database(tmp_path) as opened:

        @unit_of_work
        async def endless() -> None:
            await keep("never")
            started.set()
            await asyncio.Event().wait()

        working = asyncio.create_task(endless())
        await started.wait()
        waiting = [asyncio.create_task(keep(f"{n}")) for n in range(3)]
        await asyncio.sleep(0)
        await opened.close()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Busy] * 3
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert await kept() == 0


async def test_a_commit_that_is_on_its_way_when_the_hub_stops_is_finished(tmp_path: Path) -> None:
    async with toy_database(tmp_path) as opened:
        task = asyncio.create_task(keep("last"))
        for _ in range(2):  # so far that the COMMIT has been handed to its thread
            await asyncio.sleep(0)
        await opened.close()
        assert await task == "last"
        with pytest.raises(sqlite3.IntegrityError):
            await orphan("x")
        assert await kept() == 1
