"""The same searches in a large and in a small database, one connection: what a State's worth of rows adds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.figures import Line, Spread, Target, shown
from bench.load import Order, request
from bench.measure import expect
from bench.server import Server
from bench.setting import KINDS, NAMES, Bench
from bench.world import World

TARGET = Target(1.2, "×")
# Each has a full page at both sizes: what answers with less is not compared.
ASKED = {
    "newest": "_count=20&_include=Task:focus",
    "status": "_count=20&status=completed&_include=Task:focus",
    "polled": "_count=20&_lastUpdated=gt2026-01-01&_include=Task:focus",
    "county": "_count=20&requester=Organization/{county}&_include=Task:focus",
}


async def _p50(bench: Bench, server: Server, world: World, query: str, count: int) -> float:
    one = request("GET", f"/fhir/Task?{query.format(county=world.county)}", world.headers())
    result = expect(await bench.load(Order([server.port], [one] * count, 1)), 200)
    return median(result.latencies) * 1000


async def measure(bench: Bench) -> Sequence[Line]:
    many, few = bench.sizes.state, bench.sizes.few
    lines = []
    for kind in KINDS:
        sides = [(await bench.server(kind, n), (await bench.database(kind, n)).world) for n in (many, few)]
        await sides[0][0].usage(forget=True)
        found: dict[str, tuple[list[float], list[float]]] = {}
        for name, query in ASKED.items():
            for server, world in sides:
                await _p50(bench, server, world, query, 5)
            found[name] = ([], [])
            for _ in range(bench.sizes.pairs):
                for (server, world), into in zip(sides, found[name], strict=True):
                    into.append(await _p50(bench, server, world, query, 20 if bench.sizes.mode != "tiny" else 3))
        ratios = {name: Spread.of_pairs(ours, base) for name, (ours, base) in found.items()}
        worst = max(ratios, key=lambda name: ratios[name].middle)
        ours, base = found[worst]
        lines.append(
            Line(
                "search-size",
                f"search at {sides[0][1].tasks:,} Tasks, {NAMES[kind]}",
                f"at {sides[1][1].tasks:,}, p50 of one connection",
                ratios[worst],
                "×",
                TARGET,
                f"{shown(median(ours), 'ms')} / {shown(median(base), 'ms')}",
                (await sides[0][0].usage()).peak,
                note="the slowest of " + ", ".join(f"{name} {shown(one.middle, '×')}" for name, one in ratios.items()),
            )
        )
    return lines
