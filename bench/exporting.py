"""What the row `export` measures, in a process that holds what an export needs and none of the other rows."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import asyncpg

from bench.memory import peak_memory
from hub.db.engine import bind, fetch, make_engine
from hub.directory.queries import system_actor
from hub.fhir.export import export, joined
from hub.kernel.actor import Actor
from hub.referrals.fhir import TASK

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
