"""Reading all Tasks that a plan may have, joined with terms and grants, against the driver's own cursor on the same
rows. Every Task of this database is the plan's to have, half of them by the member's consent."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import asyncpg

from bench.apart import apart
from bench.databases import Shape
from bench.figures import Line, Spread, Target, shown
from bench.memory import peak_memory
from bench.setting import KINDS, NAMES, Bench
from hub.db.engine import bind, fetch, make_engine
from hub.directory.queries import system_actor
from hub.fhir.export import export, joined
from hub.kernel.actor import Actor
from hub.referrals.fhir import TASK

FAST_ENOUGH, IN_MEMORY = Target(70, "%", at_least=True), Target(100, "MiB")
_COLUMNS = ("id", "version", "document")
_SQL, _PAGE = f"SELECT {', '.join(_COLUMNS)} FROM task", 2000


async def _joined(actor: Actor) -> tuple[int, float]:
    """Rows, and rows a second."""
    began, rows = time.perf_counter(), 0
    async with joined(actor, TASK, _COLUMNS) as pages:
        async for page in pages:
            rows += len(page)
    return rows, rows / (time.perf_counter() - began)


async def _decided(actor: Actor) -> tuple[int, float]:
    began, rows = time.perf_counter(), 0
    async with export(actor, TASK) as pages:
        async for page in pages:
            rows += len(page)
    return rows, rows / (time.perf_counter() - began)


async def _raw(url: str) -> tuple[int, float]:
    """Connected before the clock runs."""
    rows = 0
    if url.startswith("sqlite"):
        own = sqlite3.connect(url.removeprefix("sqlite:///"))
        began = time.perf_counter()
        cursor = own.execute(_SQL)
        while page := cursor.fetchmany(_PAGE):
            rows += len(page)
        spent = time.perf_counter() - began
        own.close()
        return rows, rows / spent
    connection: Any = await asyncpg.connect(url)
    began = time.perf_counter()
    async with connection.transaction(readonly=True):
        raw = await connection.cursor(_SQL)
        while page := await raw.fetch(_PAGE):
            rows += len(page)
    spent = time.perf_counter() - began
    await connection.close()
    return rows, rows / spent


async def here(url: str, plan: str, pairs: int) -> dict[str, Any]:
    engine = make_engine(url)
    bind(engine)
    systems = await fetch("SELECT id FROM api_system WHERE organization = {}", plan)
    actor = await system_actor(systems[0]["id"])
    if actor is None:
        raise RuntimeError("the plan is not active")
    at_rest = peak_memory()
    ours, base, decided = [], [], []
    await _joined(actor)
    for _ in range(pairs):
        count, rate = await _joined(actor)
        every, raw = await _raw(url)
        if count != every:
            raise RuntimeError(f"{count} Tasks came, of {every}")
        ours.append(rate)
        base.append(raw)
    streaming = peak_memory()
    for _ in range(max(1, pairs // 3)):
        decided.append((await _decided(actor))[1])
    await engine.close()
    return {"ours": ours, "base": base, "decided": decided, "rows": count, "held": streaming, "at_rest": at_rest}


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        database = await bench.database(kind, Shape(0, 0, bench.sizes.exported // 2, bench.sizes.exported, lean=True))
        arguments = {"url": database.url, "plan": database.world.plan, "pairs": bench.sizes.pairs}
        found = await apart("bench.rows.export:here", arguments)
        what = f"the store's export iterator over {found['rows']:,} resources, joined with grants, {NAMES[kind]}"
        lines += [
            Line(
                "export", what, "the raw cursor, rows a second",
                Spread.of([one / other * 100 for one, other in zip(found["ours"], found["base"], strict=True)]), "%",
                FAST_ENOUGH,
                f"{shown(median(found['ours']), 'rows/s')} / {shown(median(found['base']), 'rows/s')}", found["held"],
                note=f"with each row decided {shown(median(found['decided']), 'rows/s')}",
            ),
            Line(
                "export", f"{what}: memory", "", Spread.of([found["held"]]), "MiB", IN_MEMORY,
                f"{shown(found['at_rest'], 'MiB')} before it began", found["peak"],
                note=f"{shown(found['peak'], 'MiB')} with each row decided",
            ),
        ]  # fmt: skip
    return lines
