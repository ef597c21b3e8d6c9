"""Reading everything: whole, of one moment, and never shorter than it is without an error."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from hub.db.engine import Engine, add, add_many, bind, engine, fetch, fetch_value, is_sqlite, make_engine, write
from hub.db.stream import stream
from hub.db.transaction import unit_of_work
from tests.db.pg import open_lab
from tests.kit.postgres import Postgres

ROWS = 2500
COLUMNS = "SELECT n, name FROM paper"


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def papers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    if request.param == "sqlite":
        one = make_engine(f"sqlite:///{tmp_path}/papers.sqlite")
        bind(one)
        await _fill()
        yield one
        await one.close()
        return
    async with open_lab(request.getfixturevalue("postgres"), size=2) as lab:
        await _fill()
        yield lab.engine


async def _fill() -> None:
    await fetch("CREATE TABLE paper (n INTEGER PRIMARY KEY, name TEXT)")
    await add_many("paper", [{"n": n, "name": f"paper {n}"} for n in range(ROWS)])


async def _numbers(size: int = 1000) -> list[int]:
    found: list[int] = []
    async with stream(COLUMNS, size=size) as pages:
        async for page in pages:
            found += [row[0] for row in page]
    return found


async def test_all_rows_come_in_pages(papers: Engine) -> None:
    sizes = []
    async with stream(f"{COLUMNS} WHERE n >= {{}} ORDER BY n", 100, size=1000) as pages:
        async for page in pages:
            sizes.append(len(page))
            assert tuple(page[0]) == (100 + 1000 * (len(sizes) - 1), f"paper {100 + 1000 * (len(sizes) - 1)}")
    assert sizes == [1000, 1000, 400]
    async with stream(f"{COLUMNS} WHERE n < 0") as pages:
        assert [page async for page in pages] == []


async def test_they_are_those_of_one_moment(papers: Engine) -> None:
    found = []
    async with stream(COLUMNS, size=100) as pages:
        async for page in pages:
            found += [tuple(row) for row in page]
            await add("paper", {"n": ROWS + len(found), "name": "later"})
            await write("UPDATE paper SET name = 'changed' WHERE n > {}", ROWS // 2)
    assert sorted(found) == [(n, f"paper {n}") for n in range(ROWS)]
    assert await fetch_value("SELECT count(*) AS n FROM paper") == ROWS + 25


async def test_an_error_in_the_body_comes_out_and_all_is_given_back(papers: Engine) -> None:
    for _ in range(5):  # more than there are connections
        with pytest.raises(ValueError, match="disk"):
            async with stream(COLUMNS, size=10) as pages:
                async for _page in pages:
                    raise ValueError("the disk is full")
    assert len(await _numbers()) == ROWS


async def test_an_error_of_the_database_in_the_middle_comes_out(papers: Engine) -> None:
    """At row 1,500 of 2,500: after the first page has gone."""
    broken = "abs(-9223372036854775807 - 1)" if is_sqlite() else "1 / (n - 1500)"
    got = []
    with pytest.raises((sqlite3.OperationalError, asyncpg.DivisionByZeroError)):
        async with stream(f"SELECT CASE WHEN n = 1500 THEN {broken} ELSE n END AS n FROM paper", size=1000) as pages:
            async for page in pages:
                got.append(len(page))
    assert got == [1000]
    assert len(await _numbers()) == ROWS


async def test_who_stops_early_or_is_cancelled_leaves_nothing_open(papers: Engine) -> None:
    async def endless() -> None:
        async with stream(COLUMNS, size=10) as pages:
            async for _page in pages:
                await asyncio.Event().wait()

    for _ in range(5):
        async with stream(COLUMNS, size=10) as pages:
            async for _page in pages:
                break
        task = asyncio.create_task(endless())
        await fetch_value("SELECT 1 AS one")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(await _numbers()) == ROWS


async def test_it_is_not_opened_inside_a_unit_of_work(papers: Engine) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        await unit_of_work(_numbers)()


@pytest.mark.postgres
async def test_a_connection_that_is_lost_in_the_middle_is_an_error(postgres: Postgres) -> None:
    async with open_lab(postgres) as lab:
        await _fill()
        got = []
        with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            async with stream(COLUMNS, size=500) as pages:
                async for page in pages:
                    got.append(len(page))
                    lab.wire.break_all()
        assert sum(got) < ROWS
        assert len(await _numbers()) == ROWS
        assert engine() is lab.engine
