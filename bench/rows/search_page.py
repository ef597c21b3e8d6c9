"""A page of 20 Tasks with the ServiceRequests that they are about."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Line, Target, shown
from bench.load import request
from bench.measure import Make, cpu_ratio
from bench.rows.get_task import EMPTY, empties
from bench.setting import KINDS, NAMES, Bench
from bench.world import World

TARGETS = {"sqlite": Target(6, "×"), "postgres": Target(9, "×")}
PAGE = "/fhir/Task?_count=20&_include=Task:focus"


def searches(world: World) -> Make:
    made = request("GET", PAGE, world.headers())
    return lambda count: [made] * count


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        server, world = await bench.server(kind), (await bench.database(kind)).world
        found = await cpu_ratio(bench, server, searches(world), empties(world))
        lines.append(
            Line(
                "search-page",
                f"search page of 20 Tasks with `_include=Task:focus`, {NAMES[kind]}",
                EMPTY,
                found.spread,
                "×",
                TARGETS[kind],
                f"{shown(found.ours, 'µs')} / {shown(found.base, 'µs')}",
                found.peak,
            )
        )
    return lines
