"""Two and more worker processes share one database: none keeps anything that another needs."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hub.db.engine import Engine, add, bind, fetch, make_engine
from tests.kit.postgres import Postgres

_TAG = "CREATE TABLE tag (id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) UNIQUE)"


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.db.worker_process", url, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


async def order(process: Process, line: str) -> list[str]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{line}\n".encode())
    return (await process.stdout.readline()).decode().split()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.sqlite"
    server: Postgres = request.getfixturevalue("postgres")
    server.drop_database("shared")
    return server.create_database("shared")


async def _shared(url: str) -> Engine:
    engine = make_engine(url)
    bind(engine)
    await fetch(_TAG)
    return engine


async def test_each_worker_sees_at_once_what_another_was_told_is_written(url: str) -> None:
    engine = await _shared(url)
    async with worker(url) as one, worker(url) as other:
        for n in range(5):
            await order(one, f"claim one{n}")
            assert f"one{n}" in await order(other, "see")
            await order(other, f"claim other{n}")
            assert f"other{n}" in {row["name"] for row in await fetch("SELECT name FROM tag")}
            await add("tag", {"id": f"own{n}", "name": f"own{n}"})
            assert f"own{n}" in await order(one, "see")
    await engine.close()


async def test_of_workers_that_look_and_then_insert_one_key_each_time_one_wins(url: str) -> None:
    engine = await _shared(url)
    names = [f"n{n}" for n in range(100)]
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker(url)) for _ in range(3)]
        answers = await asyncio.gather(*[order(one, f"claim {' '.join(names)}") for one in workers])
    rows = {row["name"]: row["id"] for row in await fetch("SELECT name, id FROM tag")}
    await engine.close()
    assert list(rows) and all(dict(zip(names, one, strict=True)) == rows for one in answers)
    assert len(rows) == len(names)
