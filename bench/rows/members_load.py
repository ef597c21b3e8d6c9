"""Loading members in bulk as `hub simulate` does, made and written, against the bare COPY or executemany of rows that
are there already. Each time into a new database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import asyncpg
import holidays

from bench.apart import apart
from bench.figures import Line, Spread, Target, shown
from bench.memory import forget_peak, peak_memory
from bench.setting import KINDS, NAMES, Bench
from hub.db.engine import bind, make_engine
from hub.kernel import clock
from hub.simulate.loading import Loader, drop, fill, open_loader, prepare
from hub.simulate.members import Members
from hub.simulate.rows import COLUMNS, Rows, empty
from hub.simulate.rules import Size
from hub.simulate.world import build

TARGETS = {"sqlite": Target(1.6, "×"), "postgres": Target(2.5, "×")}
BARE = {"sqlite": "the bare executemany of the same rows", "postgres": "the bare COPY of the same rows"}
IN_MEMORY = Target(64, "MiB")
_STEP, _BARE_STEP = 2_000, 20_000


def _members(count: int) -> Members:
    today = clock.today()
    days = holidays.country_holidays("US", subdiv="CA", years=range(today.year - 5, today.year + 3))
    return Members(build(Size(58, 25, count, 0, 7, today), frozenset(days)))


def _made(members: Members, first: int, after: int) -> Rows:
    rows = empty()
    for number in range(first, after):
        members.add(rows, number)
    return rows


@asynccontextmanager
async def _loader(url: str) -> AsyncIterator[Loader]:
    """Ready to be filled: our notes made, indexes and foreign keys off."""
    engine = make_engine(url)
    bind(engine)
    loader = await open_loader(engine)
    await prepare(loader, "{}")
    await drop(loader)
    try:
        yield loader
    finally:
        await loader.close()
        await engine.close()


def _pieces(count: int, step: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + step, count)) for first in range(0, count, step))


async def here(url: str, count: int) -> dict[str, Any]:
    members = _members(count)
    async with _loader(url) as loader:
        forget_peak()
        before = peak_memory()
        began = time.perf_counter()
        await loader.step("members", None, 0)
        await fill(loader, "members", count, _STEP, members.add)
        return {"seconds": time.perf_counter() - began, "grown": peak_memory() - before}


async def bare(url: str, count: int) -> dict[str, Any]:
    """The time of the statements alone: what they write is made in between."""
    members, spent = _members(count), 0.0
    async with _loader(url):
        pass
    if url.startswith("sqlite"):
        own = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = OFF", "cache_size = -8000"):
            own.execute(f"PRAGMA {pragma}")
        own.execute("BEGIN IMMEDIATE")
        for first, after in _pieces(count, _BARE_STEP):
            rows = _made(members, first, after)
            began = time.perf_counter()
            for table, these in rows.items():
                if these:
                    marks = ", ".join("?" * len(COLUMNS[table]))
                    own.executemany(f"INSERT INTO {table} ({', '.join(COLUMNS[table])}) VALUES ({marks})", these)
            spent += time.perf_counter() - began
        began = time.perf_counter()
        own.execute("COMMIT")
        own.close()
        return {"seconds": spent + time.perf_counter() - began}
    connection: Any = await asyncpg.connect(url)
    whole = connection.transaction()
    await whole.start()
    for first, after in _pieces(count, _BARE_STEP):
        texts = {table: _text(these) for table, these in _made(members, first, after).items() if these}
        began = time.perf_counter()
        for table, text in texts.items():
            await connection.copy_to_table(table, source=_once(text), columns=COLUMNS[table], format="text")
        spent += time.perf_counter() - began
    began = time.perf_counter()
    await whole.commit()
    spent += time.perf_counter() - began
    await connection.close()
    return {"seconds": spent}


def _text(rows: Sequence[Sequence[Any]]) -> bytes:
    """A clean file, as COPY reads it."""
    lines = ("\t".join(["\\N" if value is None else str(value) for value in row]) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


async def _once(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def measure(bench: Bench) -> Sequence[Line]:
    count = bench.sizes.members
    lines: list[Line] = []
    repeats = 2 if bench.sizes.mode == "full" else 1  # getting ready takes longer than loading a few
    for kind in KINDS:
        ours: list[float] = []
        base: list[float] = []
        grown, peaks = [], []
        for _ in range(repeats):
            for function, into in (("here", ours), ("bare", base)):
                url, _ = await bench.databases.empty(kind, "members")
                found = await apart(f"bench.rows.members_load:{function}", {"url": url, "count": count})
                into.append(found["seconds"])
                if function == "here":
                    grown.append(found["grown"])
                    peaks.append(found["peak"])
                await bench.databases.remove(kind, "members")
        rate = f"{shown(median(ours), 's')} / {shown(median(base), 's')}, {count / median(ours):,.0f} members a second"
        what = f"{count:,} members made and loaded, {NAMES[kind]}"
        lines += [
            Line(
                "members-load", what, BARE[kind], Spread.of_pairs(ours, base), "×", TARGETS[kind], rate, max(peaks),
            ),
            Line(
                "members-load", f"{what}: memory", "", Spread.of(grown), "MiB", IN_MEMORY,
                "over what the process held before", max(peaks),
            ),
        ]  # fmt: skip
    return lines
