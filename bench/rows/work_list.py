"""The work list of the county's liaison, and a page with the same shell and nothing in it: one visitor, server time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.figures import Line, Spread, Target, shown
from bench.load import Order, request
from bench.measure import expect
from bench.server import Server
from bench.setting import KINDS, NAMES, Bench
from hub.auth.rules import SESSION_COOKIE

TARGET = Target(3, "×")


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        server, world = await bench.server(kind), (await bench.database(kind)).world
        await server.usage(forget=True)
        cookie = {"Cookie": f"{SESSION_COOKIE}={world.cookie}", "Accept": "text/html"}
        work, shell = request("GET", "/", cookie), request("GET", "/bench/shell", cookie)
        count = 20 if bench.sizes.mode != "tiny" else 3

        async def p50(server: Server, page: bytes, count: int) -> float:
            result = expect(await bench.load(Order([server.port], [page] * count, 1)), 200)
            return median(result.latencies) * 1000

        for page in (work, shell):
            await p50(server, page, 3)
        ours, base = [], []
        for _ in range(bench.sizes.pairs):
            ours.append(await p50(server, work, count))
            base.append(await p50(server, shell, count))
        lines.append(
            Line(
                "work-list",
                f"work list page in the State, {NAMES[kind]}",
                "an empty page of the same shell, p50 of one connection",
                Spread.of_pairs(ours, base),
                "×",
                TARGET,
                f"{shown(median(ours), 'ms')} / {shown(median(base), 'ms')}",
                (await server.usage()).peak,
            )
        )
    return lines
