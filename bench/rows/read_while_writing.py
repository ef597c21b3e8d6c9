"""GET Task while 50 connections write as fast as they are answered. Readers and writers are generators of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import median

from bench.figures import Line, Spread, Target, percentile, shown
from bench.load import Order
from bench.measure import expect
from bench.rows.get_task import gets
from bench.rows.post_task import posts
from bench.setting import Bench

TARGET = Target(3, "×")
READERS, WRITERS = 16, 50


async def measure(bench: Bench) -> Sequence[Line]:
    server, world = await bench.server("sqlite", worker=True), (await bench.database("sqlite")).world
    await server.usage(forget=True)
    seconds = bench.sizes.seconds
    reading = Order([server.port], list(gets(world)(500)), READERS, seconds)
    # They begin before the readers and end after them.
    writing = Order([server.port], list(posts(world)(200)), WRITERS, seconds + 1)

    async def alone() -> float:
        return percentile(expect(await bench.load(reading), 200).latencies, 0.99) * 1000

    written = []

    async def beside() -> float:
        writers = asyncio.create_task(bench.load(writing, 1))
        await asyncio.sleep(0.5)
        p99 = await alone()
        done = expect(await writers, 201)
        written.append(len(done.latencies) / done.seconds)
        return p99

    await alone()
    pairs = max(3, bench.sizes.pairs // 2)
    ours, base = [], []
    for _ in range(pairs):
        base.append(await alone())
        ours.append(await beside())
    return [
        Line(
            "read-while-writing",
            f"GET Task while {WRITERS} writers write, SQLite",
            f"GET alone, p99 of {READERS} connections",
            Spread.of_pairs(ours, base),
            "×",
            TARGET,
            f"{shown(median(ours), 'ms')} / {shown(median(base), 'ms')}",
            (await server.usage()).peak,
            note=f"{shown(median(written), 'writes/s')} beside it",
        )
    ]
