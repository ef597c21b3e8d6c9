"""Creates, reads and searches a second with 16 connections and one process, beside a public FHIR server's on such a
machine, which had neither consent nor audit. Absolute, so for orientation only."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Line, Spread
from bench.load import Order
from bench.measure import expect
from bench.rows.get_task import gets
from bench.rows.post_task import posts
from bench.rows.search_page import searches
from bench.setting import KINDS, NAMES, Bench

THEIRS = {"Task creates": 240, "Task reads": 880, "Task searches of 20 with their focus": 290}


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        server, world = await bench.server(kind, worker=True), (await bench.database(kind)).world
        await server.usage(forget=True)
        makes = dict(zip(THEIRS, ((posts, 201), (gets, 200), (searches, 200)), strict=True))
        for what, (make, status) in makes.items():
            rates = []
            for _ in range(3 if bench.sizes.mode == "full" else 1):
                order = Order([server.port], list(make(world)(300)), 16, bench.sizes.seconds)
                result = expect(await bench.load(order), status)
                rates.append(len(result.latencies) / result.seconds)
            found = Spread.of(rates)
            lines.append(
                Line(
                    "rates", f"{what} a second, {NAMES[kind]}", f"a public FHIR server's {THEIRS[what]}", found, "/s",
                    None, f"{found.middle / THEIRS[what]:.1f} times as many", (await server.usage()).peak,
                )
            )  # fmt: skip
    return lines
