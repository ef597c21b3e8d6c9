"""What goes wrong with PostgreSQL under a unit of work: the answer is clear, and the next one finds all well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from piccolo.columns import Text, Varchar
from piccolo.table import Table

from hub.app import create_app
from hub.db.engine import add, fetch, fetch_value, write
from hub.db.faults import refusal_of_fault
from hub.db.migrate import migrate
from hub.db.transaction import in_unit_of_work, unit_of_work
from hub.kernel.errors import Away, Busy, Conflict
from hub.settings import Settings
from tests.db.pg import Lab, ids, open_lab
from tests.kit.postgres import Postgres

pytestmark = pytest.mark.postgres


class Tag(Table, tablename="tag"):
    id = Varchar(primary_key=True, default=None)
    name = Text(default=None)


@pytest_asyncio.fixture
async def lab(postgres: Postgres) -> AsyncIterator[Lab]:
    """With two connections, so that a third that is missing is noticed."""
    async with open_lab(postgres, size=2) as opened:
        Tag._meta.db = opened.engine
        yield opened
        assert not opened.engine.pool_here().taken


def tag(row_id: str) -> dict[str, Any]:
    return {"id": row_id, "name": row_id}


@unit_of_work
async def tagged(row_id: str) -> None:
    await add("tag", tag(row_id))


async def _waits_for_a_lock() -> None:
    while not await fetch("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        pass


@contextlib.asynccontextmanager
async def _holding(lab: Lab, sql: str) -> AsyncIterator[Any]:
    """Somebody else, with a transaction open in which this was done."""
    other = await asyncpg.connect(lab.url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(sql)
        yield transaction, other.fetch
    finally:
        await other.close()


@pytest.mark.parametrize("began", [False, True], ids=["in one statement", "after BEGIN"])
async def test_a_commit_that_fails_gives_its_connection_back(lab: Lab, began: bool) -> None:
    """With Piccolo's transaction the third request would wait for ever."""

    @unit_of_work
    async def orphan() -> None:
        if began:
            await fetch("SELECT id FROM tag FOR UPDATE")
        await add("late", {"id": "x", "county": "nobody"})

    for _ in range(5):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await orphan()
        assert not in_unit_of_work()
    await asyncio.gather(*[tagged(f"{n}") for n in range(5)])
    assert len(await ids("tag")) == 5
    assert await ids("late") == []


async def test_a_key_that_somebody_else_inserts_meanwhile_is_found_by_the_second_try(lab: Lab) -> None:
    tries = 0

    @unit_of_work
    async def once(name: str) -> str:
        nonlocal tries
        tries += 1
        found = await fetch("SELECT id FROM tag WHERE name = {}", name)
        if found:
            return str(found[0]["id"])
        await add("tag", {"id": "mine", "name": name})
        return "mine"

    async with _holding(lab, "INSERT INTO tag (id, name) VALUES ('theirs', 'one')") as (theirs, _):
        task = asyncio.create_task(once("one"))
        await _waits_for_a_lock()
        await theirs.commit()
        assert await task == "theirs"
    assert tries == 2


async def test_a_key_that_stays_taken_is_a_conflict(lab: Lab) -> None:
    await tagged("a")
    with pytest.raises(Conflict):
        await tagged("a")


async def test_a_deadlock_is_tried_again_and_both_land(lab: Lab) -> None:
    await add("county", {"id": "a", "offices": 0})
    await add("county", {"id": "b", "offices": 0})
    started = asyncio.Barrier(2)
    more = "UPDATE county SET offices = offices + 1 WHERE id = {}"
    tries = 0

    @unit_of_work
    async def both(first: str, second: str) -> None:
        nonlocal tries
        tries += 1
        await fetch(f"{more} RETURNING id", first)
        if tries <= 2:
            await started.wait()
        await write(more, second)

    await asyncio.gather(both("a", "b"), both("b", "a"))
    assert tries >= 3
    assert [row["offices"] for row in await fetch("SELECT offices FROM county")] == [2, 2]


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_a_serialization_failure_is_tried_again_and_both_land(lab: Lab, isolation: str) -> None:
    """An administrator may set a stricter isolation than the server's own default; nobody who calls the hub notices."""
    await fetch(f"ALTER DATABASE {lab.url.rpartition('/')[2]} SET default_transaction_isolation = '{isolation}'")
    await lab.engine.close()  # the connections from here on have it
    assert await fetch_value("SELECT current_setting('transaction_isolation')") == isolation
    await add("county", {"id": "a", "offices": 0})
    looked = asyncio.Barrier(2)
    tries = 0

    @unit_of_work
    async def more(row_id: str) -> None:
        nonlocal tries
        tries += 1
        await fetch("INSERT INTO tag (id, name) VALUES ({}, {}) RETURNING id", row_id, row_id)  # its snapshot
        if tries <= 2:
            await looked.wait()
        await write("UPDATE county SET offices = offices + 1 WHERE id = 'a'")

    await asyncio.gather(more("one"), more("two"))
    assert tries >= 3, "one of them was told to begin again"
    assert await fetch_value("SELECT offices FROM county") == 2
    assert await ids("tag") == ["one", "two"]


@pytest.mark.parametrize("began", [False, True], ids=["in one statement", "after BEGIN"])
async def test_what_is_cancelled_while_it_waits_is_never_written(lab: Lab, began: bool) -> None:
    @unit_of_work
    async def blocked() -> None:
        if began:
            await fetch("INSERT INTO tag (id, name) VALUES ('before', 'before') RETURNING id")
        await add("tag", tag("a"))
        await add("tag", tag("b"))

    async with _holding(lab, "INSERT INTO tag (id, name) VALUES ('x', 'a')") as (theirs, look):
        task = asyncio.create_task(blocked())
        await _waits_for_a_lock()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await look("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        await theirs.rollback()
    assert await ids("tag") == []
    await asyncio.gather(*[tagged(f"{n}") for n in range(5)])


async def test_what_is_cancelled_twice_still_gives_its_connection_back(lab: Lab) -> None:
    started = asyncio.Event()

    @unit_of_work
    async def endless() -> None:
        await fetch("SELECT id FROM tag FOR UPDATE")
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await started.wait()
    lab.wire.hold()  # the answer to ROLLBACK does not come yet
    task.cancel()
    await lab.wire.held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    lab.wire.let_go()
    await asyncio.gather(*[tagged(f"{n}") for n in range(5)])


async def test_a_waiter_that_gives_up_takes_no_connection_with_it(lab: Lab) -> None:
    async with lab.engine.connection(), lab.engine.connection():
        waiting = [asyncio.create_task(fetch("SELECT 1 AS one")) for _ in range(5)]
        await asyncio.sleep(0)
        for one in waiting[:4]:
            one.cancel()
    await asyncio.wait(waiting)
    assert await waiting[4] == [{"one": 1}]
    await asyncio.gather(*[tagged(f"{n}") for n in range(5)])


async def test_a_waiter_that_gives_up_when_its_turn_has_just_come_passes_it_on(lab: Lab) -> None:
    pool = lab.engine.pool_here()
    taken = [await pool.acquire(), await pool.acquire()]
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    pool.release(taken[0])  # to the one who waits
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.wait_for(pool.acquire(), 1) is taken[0]
    for one in taken:
        pool.release(one)


async def test_who_finds_no_connection_free_is_told_to_come_again(postgres: Postgres) -> None:
    async with open_lab(postgres, size=1) as lab:
        lab.engine.pool_here().wait_seconds = 0.05
        async with lab.engine.connection():
            with pytest.raises(Busy) as told:
                await fetch("SELECT 1 AS one")
        assert told.value.headers["Retry-After"]
        assert await fetch_value("SELECT 1 AS one") == 1


async def test_a_database_that_restarts_costs_the_readers_nothing(lab: Lab) -> None:
    """They are asked again, once; what was lost while nobody used it is not even noticed."""
    await asyncio.gather(fetch("SELECT 1 AS one"), fetch("SELECT 1 AS one"))
    lab.wire.break_all()
    assert await fetch_value("SELECT 1 AS one") == 1
    lab.wire.hold()
    reading = asyncio.create_task(fetch("SELECT id FROM tag"))
    await lab.wire.held.wait()
    lab.wire.break_all()
    lab.wire.let_go()
    assert await reading == []


async def test_a_write_whose_connection_is_lost_is_not_sent_twice(lab: Lab) -> None:
    """It may be there or not; only the caller can say whether to send it again."""
    async with _holding(lab, "INSERT INTO tag (id, name) VALUES ('x', 'a')") as (theirs, _):
        task = asyncio.create_task(tagged("a"))
        await _waits_for_a_lock()
        lab.wire.break_all()
        with pytest.raises(Exception) as lost:
            await task
        assert isinstance(refusal_of_fault(lost.value), Away)
        assert "look" in refusal_of_fault(lost.value).words  # type: ignore[union-attr]
        await theirs.rollback()
    assert await ids("tag") in ([], ["a"])


@pytest.mark.parametrize("within", [False, True], ids=["by itself", "in a unit of work"])
async def test_a_change_whose_answer_is_lost_is_not_made_twice(lab: Lab, within: bool) -> None:
    await add("county", {"id": "a", "offices": 0})
    more = ("UPDATE county SET offices = offices + 1 WHERE id = {}", "a")
    await write(more[0], "nobody")  # from now on it is prepared
    lab.wire.hold()
    task = asyncio.create_task(unit_of_work(write)(*more) if within else write(*more))
    await lab.wire.held.wait()  # it is done, and nobody knows
    lab.wire.break_all()
    lab.wire.let_go()
    with pytest.raises(Exception) as lost:
        await task
    assert isinstance(refusal_of_fault(lost.value), Away)
    assert await fetch_value("SELECT offices FROM county") == 1


async def test_while_the_database_is_gone_the_answer_is_at_once_and_it_recovers_by_itself(lab: Lab) -> None:
    await tagged("before")
    await lab.wire.cut()
    for _ in range(4):
        for work in (tagged("never"), fetch("SELECT 1 AS one")):
            with pytest.raises(Exception) as gone:
                await asyncio.wait_for(work, 1)
            refusal = refusal_of_fault(gone.value)
            assert isinstance(refusal, Away)
            assert (refusal.status, refusal.headers["Retry-After"]) == (503, "5")
    await lab.wire.mend()
    await asyncio.gather(*[tagged(f"{n}") for n in range(5)])
    assert len(await ids("tag")) == 6


async def test_a_database_that_stands_still_is_not_waited_for_for_ever(postgres: Postgres) -> None:
    async with open_lab(postgres, size=2) as lab:
        await tagged("before")
        lab.engine.statement_seconds = 0.5
        await lab.engine.close()  # from here on with this time limit
        await asyncio.gather(fetch("SELECT id FROM tag"), fetch("SELECT id FROM tag"))
        lab.wire.hold()
        for work in (tagged("never known"), fetch("SELECT id FROM tag")):
            with pytest.raises(TimeoutError) as slow:
                await asyncio.wait_for(work, 4)
            assert isinstance(refusal_of_fault(slow.value), Away)
        lab.wire.let_go()
        await asyncio.gather(*[tagged(f"{n}") for n in range(5)])
        assert {"before", "0", "4"} <= set(await ids("tag"))


async def test_an_app_that_has_started_has_its_connection(postgres: Postgres, tmp_path: Path) -> None:
    """No request waits for one to be opened."""
    async with open_lab(postgres) as lab:
        await migrate()
        await lab.engine.close()
        app = create_app(Settings(data=tmp_path, database_url=lab.wire.url), engine=lab.engine, with_worker=False)
        async with app.lifespan():
            opened = lab.wire.opened
            await fetch("SELECT 1 AS one")
            assert lab.wire.opened == opened


async def test_a_unit_of_work_that_loses_its_connection_in_the_middle_leaves_nothing(lab: Lab) -> None:
    @unit_of_work
    async def unlucky() -> None:
        await fetch("INSERT INTO tag (id, name) VALUES ('half', 'half') RETURNING id")
        lab.wire.break_all()
        await add("tag", tag("rest"))

    with pytest.raises(Exception) as lost:
        await unlucky()
    assert isinstance(refusal_of_fault(lost.value), Away)
    assert not in_unit_of_work()
    assert await ids("tag") == []


async def test_an_error_in_the_body_of_a_batch_comes_out(lab: Lab) -> None:
    """Piccolo swallows it, and an export ends truncated without a word."""
    for n in range(10):
        await tagged(f"{n}")
    with pytest.raises(ValueError, match="row"):
        async with await Tag.select().batch(batch_size=3) as batch:
            async for rows in batch:
                raise ValueError(f"broken at row {len(rows)}")
    await asyncio.gather(*[tagged(f"more {n}") for n in range(3)])


async def test_a_batch_gives_all_rows_from_a_connection_of_the_pool(lab: Lab) -> None:
    await asyncio.gather(*[tagged(f"{n}") for n in range(10)])
    opened = lab.wire.opened
    sizes = []
    async with await Tag.select().order_by(Tag.id).batch(batch_size=4) as batch:
        async for rows in batch:
            sizes.append(len(rows))
            assert await Tag.count() == 10
    assert sizes == [4, 4, 2]
    assert lab.wire.opened == opened


async def test_a_batch_inside_a_unit_of_work_sees_what_it_wrote(lab: Lab) -> None:
    @unit_of_work
    async def both() -> list[str]:
        await add("tag", tag("mine"))
        found = []
        async with await Tag.select().batch(batch_size=1) as batch:
            async for rows in batch:
                found += [row["id"] for row in rows]
                await add("tag", tag("another"))
        return found

    assert await both() == ["mine"]
    assert await ids("tag") == ["another", "mine"]
