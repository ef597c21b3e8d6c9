"""A unit of work on PostgreSQL: how seldom it asks the database, and that nobody can tell from what is stored."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from piccolo.columns import Text, Varchar
from piccolo.table import Table

from hub.db.engine import add, add_many, engine, fetch, fetch_value, write
from hub.db.transaction import in_unit_of_work, unit_of_work
from hub.kernel import clock
from hub.kernel.errors import Conflict
from tests.db.pg import Lab, ids, open_lab
from tests.kit.postgres import Postgres, start_postgres

pytestmark = pytest.mark.postgres


class Tag(Table, tablename="tag"):
    id = Varchar(primary_key=True, default=None)
    name = Text(default=None)


@pytest_asyncio.fixture
async def lab(postgres: Postgres) -> AsyncIterator[Lab]:
    async with open_lab(postgres) as opened:
        Tag._meta.db = opened.engine
        yield opened


def county(row_id: str, **more: Any) -> dict[str, Any]:
    return {"id": row_id, "name": row_id, **more}


@unit_of_work
async def founded(row_id: str) -> None:
    """Four rows, as a write of the exchange makes them: reads first, then writes."""
    assert not await fetch("SELECT id FROM county WHERE id = {}", row_id)
    await fetch("SELECT id FROM office WHERE id = {}", row_id)
    await add("county", county(row_id))
    await add("office", {"id": f"{row_id}-1", "county": row_id, "place": "north"})
    await add("office", {"id": f"{row_id}-2", "county": row_id, "place": "south"})
    await add("tag", {"id": row_id, "name": row_id})


async def test_reads_and_then_four_writes_take_one_round_trip_for_each_read_and_one_for_all_writes(lab: Lab) -> None:
    await founded("warm")  # statements are prepared, types looked up
    assert await lab.rounds(founded("cold")) == 3
    assert await ids("office") == ["cold-1", "cold-2", "warm-1", "warm-2"]


async def test_a_unit_of_work_that_only_reads_opens_no_transaction_and_one_without_statements_no_connection(
    lab: Lab,
) -> None:
    @unit_of_work
    async def look() -> None:
        await fetch("SELECT id FROM county WHERE id = {}", "x")

    @unit_of_work
    async def nothing() -> None:
        assert not lab.engine.pool_here().taken

    await look()
    assert await lab.rounds(look()) == 1
    assert await lab.rounds(nothing()) == 0


async def test_what_was_written_is_seen_by_the_next_read_and_is_undone_with_the_rest(lab: Lab) -> None:
    @unit_of_work
    async def half() -> None:
        await add("county", county("one"))
        assert await ids("county") == ["one"]
        await write("UPDATE county SET name = {} WHERE id = {}", "renamed", "one")
        assert await fetch_value("SELECT name FROM county") == "renamed"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await half()
    assert await ids("county") == []


async def test_a_read_of_other_tables_does_not_send_what_was_added_so_far(lab: Lab) -> None:
    @unit_of_work
    async def mixed(row_id: str) -> None:
        await add("county", county(row_id))
        await fetch("SELECT id FROM tag")
        await add("office", {"id": row_id, "county": row_id, "place": "x"})

    await mixed("warm")
    assert await lab.rounds(mixed("next")) == 2


async def test_a_read_after_an_update_waits_for_its_lock(lab: Lab) -> None:
    """Whoever updates a row first and reads other tables then, may mean the update as a lock."""
    await add("county", county("lock", offices=0))
    order: list[str] = []

    @unit_of_work
    async def first(held: asyncio.Event, go: asyncio.Event) -> None:
        await write("UPDATE county SET offices = offices + 1 WHERE id = {}", "lock")
        await fetch("SELECT count(*) FROM tag")
        held.set()
        await go.wait()
        await add("tag", {"id": "t", "name": "t"})
        order.append("first")

    @unit_of_work
    async def second() -> None:
        await write("UPDATE county SET offices = offices + 1 WHERE id = {}", "lock")
        order.append(f"second sees {await fetch_value('SELECT count(*) AS n FROM tag')}")

    held, go = asyncio.Event(), asyncio.Event()
    one = asyncio.create_task(first(held, go))
    await held.wait()
    two = asyncio.create_task(second())
    while not await fetch("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        pass
    go.set()
    await asyncio.gather(one, two)
    assert order == ["first", "second sees 1"]


async def test_rows_written_together_may_refer_to_each_other_in_any_order(lab: Lab) -> None:
    @unit_of_work
    async def child_first() -> None:
        await add("office", {"id": "o", "county": "c", "place": "x"})
        await add("county", county("c"))

    await child_first()
    assert await ids("office") == ["o"]


async def test_a_row_that_refers_to_nothing_is_refused_and_nothing_else_is_kept(lab: Lab) -> None:
    @unit_of_work
    async def orphan() -> None:
        await add("tag", {"id": "t", "name": "t"})
        await add("office", {"id": "o", "county": "nobody", "place": "x"})

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await orphan()
    assert await ids("tag") == []


async def _several() -> list[str]:
    """Writes of one unit of work, each with a key that the one before it has freed, and the order of their numbers."""
    async with engine().transaction():
        for n in range(3):
            await write("INSERT INTO office (id, place) VALUES ({}, 'a')", f"a{n}")
            await write("INSERT INTO office (place, id) VALUES ('b', {})", f"b{n}")
        await write("UPDATE tag SET name = 'old' WHERE name = 'one'")
        await add("tag", {"id": "new", "name": "one"})
    return [row["id"] for row in await fetch("SELECT id FROM office ORDER BY n")]


async def test_writes_run_in_the_order_in_which_they_were_made(lab: Lab) -> None:
    await add("tag", {"id": "old", "name": "one"})
    before = lab.wire.rounds
    assert await _several() == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert lab.wire.rounds - before == 2  # one statement, and the look at it
    assert await ids("tag") == ["new", "old"]


async def test_they_do_so_on_the_newest_server_too() -> None:
    """PostgreSQL promises no order for the parts of a WITH; what it does is known, and watched here."""
    server = start_postgres(version=18)
    try:
        async with open_lab(server):
            await add("tag", {"id": "old", "name": "one"})
            assert await _several() == ["a0", "b0", "a1", "b1", "a2", "b2"]
    finally:
        server.stop()


_PROGRAM: list[tuple[str, Any]] = [
    ("INSERT INTO tag (id, name) VALUES ({}, {})", lambda r: (r(), r())),
    ("INSERT INTO tag (name, id) VALUES ({}, {})", lambda r: (r(), r())),
    ("INSERT INTO tag (id, name) VALUES ({}, {}) ON CONFLICT (id) DO UPDATE SET name = 'twice' || excluded.id", lambda r: (r(), r())),  # noqa: E501
    ("INSERT INTO tag (id, name) VALUES ({}, {}) ON CONFLICT DO NOTHING", lambda r: (r(), r())),
    ("INSERT INTO tag (id, name) SELECT id || 't', id || 't' FROM county WHERE id = {}", lambda r: (r(),)),
    ("UPDATE tag SET name = name || {}", lambda r: (r(),)),
    ("UPDATE tag SET name = name || 'u' WHERE id = {}", lambda r: (r(),)),
    ("UPDATE county SET offices = (SELECT count(*) FROM tag) WHERE id = {}", lambda r: (r(),)),
    ("UPDATE county SET name = {} WHERE id = {}", lambda r: (r(), r())),
    ("DELETE FROM tag WHERE id = {}", lambda r: (r(),)),
    ("DELETE FROM county WHERE id = {}", lambda r: (r(),)),
    ("INSERT INTO county (id, offices) VALUES ({}, 0)", lambda r: (r(),)),
    ("INSERT INTO office (id, county) VALUES ({}, {})", lambda r: (r(), r())),
    ("INSERT INTO office (id, county) VALUES ({}, {}) ON CONFLICT (id) DO UPDATE SET county = excluded.county", lambda r: (r(), r())),  # noqa: E501
    ("WITH gone AS (DELETE FROM tag WHERE id = {} RETURNING id) INSERT INTO county (id) SELECT id FROM gone", lambda r: (r(),)),  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_any_series_of_writes_leaves_what_the_same_statements_leave_one_by_one(lab: Lab, seed: int) -> None:
    """Also which of them fail: a unit of work that fails is compared with nothing having happened."""
    chance = random.Random(seed)
    alone = await asyncpg.connect(lab.url)
    try:
        kept = 0
        for _ in range(120):
            program = [
                (sql, args(lambda: chance.choice("abcdef")))
                for sql, args in chance.choices(_PROGRAM, k=chance.randint(1, 5))
            ]
            for table in ("tag", "office", "county"):
                await alone.execute(f"DELETE FROM {table}")
            await alone.execute("INSERT INTO county (id, offices) VALUES ('a', 0), ('b', 0)")
            await alone.execute("INSERT INTO tag (id, name) VALUES ('a', 'a'), ('b', 'b')")
            wanted, failed = await _one_by_one(alone, program)
            try:
                async with lab.engine.transaction():
                    for sql, args in program:
                        if chance.random() < 0.3 and "VALUES ({}, {})" in sql and "CONFLICT" not in sql:
                            table, columns = sql.split()[2], sql.split("(")[1].split(")")[0].split(", ")
                            await add(table, dict(zip(columns, args, strict=True)))
                        else:
                            await write(sql, *args)
                refused = False
            except asyncpg.IntegrityConstraintViolationError:
                refused = True
            assert refused == failed, program
            kept += not failed
            assert await _state(alone) == wanted, program
        assert kept > 30
    finally:
        await alone.close()


async def _one_by_one(connection: Any, program: list[tuple[str, Any]]) -> tuple[Any, bool]:
    """What the series leaves, and whether it fails; afterwards everything is as before."""
    before = await _state(connection)
    transaction = connection.transaction()
    await transaction.start()
    try:
        for sql, args in program:
            for n in range(len(args)):
                sql = sql.replace("{}", f"${n + 1}", 1)
            await connection.execute(sql, *args)
        return await _state(connection), False
    except asyncpg.IntegrityConstraintViolationError:
        return before, True
    finally:
        await transaction.rollback()


async def _state(connection: Any) -> Any:
    return [
        [tuple(row) for row in await connection.fetch(f"SELECT {columns} FROM {table} ORDER BY id")]
        for table, columns in (("tag", "id, name"), ("county", "id, name, offices"), ("office", "id, county"))
    ]


async def test_rows_added_after_an_update_are_not_updated(lab: Lab) -> None:
    async with lab.engine.transaction():
        await add("tag", {"id": "a", "name": "a"})
        await write("UPDATE tag SET name = name || '!'")
        await add("tag", {"id": "b", "name": "b"})
    assert [row["name"] for row in await fetch("SELECT name FROM tag ORDER BY id")] == ["a!", "b"]


async def test_a_delete_takes_with_it_what_was_added_before(lab: Lab) -> None:
    await add("county", county("a"))
    async with lab.engine.transaction():
        await add("office", {"id": "o", "county": "a"})
        await write("DELETE FROM county WHERE id = {}", "a")
    assert await ids("office") == []


async def test_any_number_of_rows_is_one_statement_of_the_same_text(lab: Lab) -> None:
    at = clock.now()

    def rows(start: int, count: int) -> list[dict[str, Any]]:
        return [
            {"id": f"{n:05}", "name": None if n % 2 else "x", "founded": date(1850, 2, 18), "seen_at": at,
             "open": bool(n % 3), "offices": n}
            for n in range(start, start + count)
        ]  # fmt: skip

    await add_many("county", rows(0, 20))
    assert await lab.rounds(add_many("county", rows(20, 2000))) == 1
    assert await lab.rounds(add_many("county", rows(2020, 2))) == 1
    found = await fetch("SELECT * FROM county ORDER BY id")
    assert found == rows(0, 2022)


async def test_texts_come_back_as_they_were_written_however_many_rows_go_together(lab: Lab) -> None:
    texts = ['"quoted" and \\ slashed', "line\nline\ttab", "{curly} [square] null", "", "Nuñez – 李", "\u2028\x7f"]
    await add_many("tag", [{"id": f"{n}", "name": text} for n, text in enumerate(texts)])
    assert [row["name"] for row in await fetch("SELECT name FROM tag ORDER BY id")] == texts


async def test_a_text_that_is_too_long_is_refused_and_not_cut_off(lab: Lab) -> None:
    with pytest.raises(asyncpg.StringDataRightTruncationError):
        await add_many("county", [county("x" * 21), county("y")])
    assert await ids("county") == []


async def test_rows_beyond_what_one_statement_takes_are_written_whole_or_not_at_all(lab: Lab) -> None:
    @unit_of_work
    async def much(last: str) -> None:
        for n in range(25_000):
            await write("INSERT INTO tag (id, name) VALUES ({}, {})", f"{n}", f"{n}")
        await add("tag", {"id": last, "name": last})

    with pytest.raises(Conflict):
        await much("24999")
    assert await ids("tag") == []
    await much("25000")
    assert len(await ids("tag")) == 25_001


@pytest.mark.parametrize("sizes", [[1000] * 20, [5000, 15_000]], ids=["many", "two large ones"])
async def test_statements_with_many_arguments_are_parted(lab: Lab, sizes: list[int]) -> None:
    start = 0
    async with lab.engine.transaction():
        for size in sizes:
            values = [str(n) for n in range(start, start + size) for _ in "ab"]
            await write(f"INSERT INTO tag (id, name) VALUES {', '.join(['({}, {})'] * size)}", *values)
            start += size
    assert await fetch_value("SELECT count(*) AS n FROM tag") == 20_000


async def test_columns_that_came_with_a_migration_are_known(lab: Lab) -> None:
    await add_many("county", [county("a"), county("b")])
    await fetch("ALTER TABLE county ADD COLUMN motto text")
    await add_many("county", [county("c", motto="x"), county("d", motto="y")])
    assert await fetch_value("SELECT motto FROM county WHERE id = 'd'") == "y"


async def test_a_statement_that_a_migration_has_made_invalid_is_prepared_anew(lab: Lab) -> None:
    """As when one machine is brought up to date while others serve."""

    @unit_of_work
    async def look() -> list[dict[str, Any]]:
        return await fetch("SELECT * FROM county FOR UPDATE")

    await add("county", county("a"))
    await look()
    migrating = await asyncpg.connect(lab.url)
    await migrating.execute("ALTER TABLE county ADD COLUMN motto text")
    await migrating.close()
    assert "motto" in (await look())[0]


async def test_piccolos_own_queries_are_part_of_the_unit_of_work(lab: Lab) -> None:
    @unit_of_work
    async def both() -> None:
        await add("tag", {"id": "a", "name": "a"})
        assert await Tag.count() == 1
        await Tag.insert(Tag(id="b", name="b"))
        await Tag.update({Tag.name: "c"}).where(Tag.id == "a")
        assert await fetch_value("SELECT name FROM tag WHERE id = 'a'") == "c"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await both()
    assert await ids("tag") == []


async def test_a_savepoint_takes_back_what_was_written_after_it(lab: Lab) -> None:
    async with lab.engine.transaction() as transaction:
        await add("tag", {"id": "a", "name": "a"})
        savepoint = await transaction.savepoint()
        await add("tag", {"id": "b", "name": "b"})
        await transaction.rollback_to(savepoint.name)
        await add("tag", {"id": "c", "name": "c"})
    assert await ids("tag") == ["a", "c"]


async def test_tasks_in_one_unit_of_work_take_turns(lab: Lab) -> None:
    """Piccolo's transaction fails for all but one of them."""

    @unit_of_work
    async def together() -> None:
        await asyncio.gather(*[add("tag", {"id": f"{n}", "name": f"{n}"}) for n in range(5)])
        found = await asyncio.gather(*[fetch("SELECT id FROM tag WHERE id = {}", f"{n}") for n in range(5)])
        assert [rows[0]["id"] for rows in found] == ["0", "1", "2", "3", "4"]
        assert len(lab.engine.pool_here().taken) == 1

    await together()
    assert len(await ids("tag")) == 5


async def test_a_task_that_outlives_its_unit_of_work_is_outside_any(lab: Lab) -> None:
    """Piccolo's would go on with the connection that was given back."""
    ended = asyncio.Event()

    async def later() -> None:
        assert in_unit_of_work()
        await ended.wait()
        assert not in_unit_of_work()
        await write("INSERT INTO tag (id, name) VALUES ('late', 'late')")
        await add("tag", {"id": "later", "name": "later"})
        await unit_of_work(founded)("own")

    @unit_of_work
    async def starts_it() -> asyncio.Task[None]:
        await add("tag", {"id": "first", "name": "first"})
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
        return task

    task = await starts_it()
    ended.set()
    await task
    assert await ids("tag") == ["first", "late", "later", "own"]


async def test_a_unit_of_work_ends_after_what_its_tasks_have_under_way(lab: Lab) -> None:
    await add("tag", {"id": "a", "name": "a"})
    theirs = await asyncpg.connect(lab.url)
    try:
        lock = theirs.transaction()
        await lock.start()
        await theirs.execute("UPDATE tag SET name = 'theirs'")
        tasks: list[asyncio.Task[Any]] = []
        blocked = asyncio.Event()

        @unit_of_work
        async def impatient() -> None:
            tasks.append(asyncio.create_task(fetch("UPDATE tag SET name = name || '!' RETURNING name")))
            await blocked.wait()
            await add("tag", {"id": "b", "name": "b"})

        unit = asyncio.create_task(impatient())
        while not await theirs.fetch("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            pass
        blocked.set()
        await asyncio.sleep(0)
        await lock.commit()
        await unit
        assert await tasks[0] == [{"name": "theirs!"}]
    finally:
        await theirs.close()
    assert [row["name"] for row in await fetch("SELECT name FROM tag ORDER BY id")] == ["theirs!", "b"]


async def test_what_a_task_writes_while_its_unit_of_work_is_ending_is_not_lost(lab: Lab) -> None:
    tasks: list[asyncio.Task[Any]] = []
    ending = asyncio.Event()

    async def late() -> None:
        await ending.wait()
        await lab.wire.held.wait()
        await add("tag", {"id": "late", "name": "late"})

    @unit_of_work
    async def parent() -> None:
        tasks.append(asyncio.create_task(late()))
        await asyncio.sleep(0)
        await add("tag", {"id": "a", "name": "a"})
        lab.wire.hold()
        ending.set()

    unit = asyncio.create_task(parent())
    await lab.wire.held.wait()
    await asyncio.sleep(0)
    lab.wire.let_go()
    await asyncio.gather(unit, *tasks)
    assert await ids("tag") == ["a", "late"]


async def test_an_error_that_was_swallowed_fails_the_unit_of_work(lab: Lab) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK then, without an error."""
    await add("tag", {"id": "a", "name": "a"})

    @unit_of_work
    async def careless() -> None:
        await add("tag", {"id": "b", "name": "b"})
        with pytest.raises(asyncpg.UniqueViolationError):
            await fetch("INSERT INTO tag (id, name) VALUES ('a', 'a') RETURNING id")

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await careless()
    assert await ids("tag") == ["a"]
