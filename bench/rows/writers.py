"""50 writers on SQLite: through the engine (read the head, write three rows), and through POST Task over HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

from bench.apart import apart
from bench.figures import Line, Spread, Target, percentile, shown
from bench.load import Order
from bench.rows.post_task import posts
from bench.setting import Bench
from hub.db.engine import add, bind, fetch, make_engine
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.ids import new_id

WRITERS = 50
NO_ERROR, IN_TIME = Target(0, "errors"), Target(100, "ms")


@unit_of_work
async def _write(number: int) -> None:
    await fetch("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1")
    for part in range(3):
        await add(
            "resource_version",
            {
                "id": new_id(), "resource_type": "Bench", "resource_id": new_id(), "version": 1, "method": "POST",
                "updated_at": clock.now(), "organization": f"{number}-{part}", "document": "x" * 1500,
            },
        )  # fmt: skip


async def here(url: str, seconds: float) -> dict[str, Any]:
    """Through the engine, in this process."""
    engine = make_engine(url)
    bind(engine)
    latencies: list[float] = []
    errors = 0
    await _write(0)
    threads, until = threading.active_count(), time.perf_counter() + seconds

    async def writer(number: int) -> None:
        nonlocal errors
        while (began := time.perf_counter()) < until:
            try:
                await _write(number)
            except Exception:
                errors += 1
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    more = threading.active_count() - threads
    await engine.close()
    return {"latencies": latencies, "errors": errors, "threads": more}


def _lines(how: str, rounds: list[tuple[list[float], int]], seconds: float, peak: float, note: str) -> list[Line]:
    rates = [len(latencies) / seconds for latencies, _ in rounds]
    rate = shown(Spread.of(rates).middle, "writes/s")
    errors = Spread.of([errors for _, errors in rounds])
    p99 = Spread.of([percentile(latencies, 0.99) * 1000 for latencies, _ in rounds])
    p50 = Spread.of([percentile(latencies, 0.5) * 1000 for latencies, _ in rounds])
    what = f"{WRITERS} writers on SQLite, {how}"
    return [
        Line("writers", f"{what}: errors", "", errors, "errors", NO_ERROR, rate, peak, note=note),
        Line("writers", f"{what}: p99", "", p99, "ms", IN_TIME, f"p50 {shown(p50.middle, 'ms')}, {rate}", peak),
    ]


async def measure(bench: Bench) -> Sequence[Line]:
    database, seconds = await bench.database("sqlite", bench.sizes.few), bench.sizes.seconds
    repeats = 3 if bench.sizes.mode != "tiny" else 1
    direct = [await apart("bench.rows.writers:here", {"url": database.url, "seconds": seconds}) for _ in range(repeats)]
    more = max(one["threads"] for one in direct)
    lines = _lines(
        "the engine",
        [(one["latencies"], one["errors"]) for one in direct],
        seconds,
        max(one["peak"] for one in direct),
        f"{more} threads more than with one writer",
    )
    server, world = await bench.server("sqlite", worker=True), (await bench.database("sqlite")).world
    await server.usage(forget=True)
    rounds = []
    for _ in range(repeats):
        order = Order([server.port], list(posts(world)(200)), WRITERS, seconds)
        result = await bench.load(order)
        rounds.append((result.latencies, sum(n for status, n in result.statuses.items() if status != 201)))
    return [*lines, *_lines("POST Task", rounds, seconds, (await server.usage()).peak, "worker and sealer inside")]
