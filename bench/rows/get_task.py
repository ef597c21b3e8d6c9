"""GET Task by id, sent by a county and read by the plan that is asked: token, terms, consent, audit."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Line, Target, shown
from bench.load import request
from bench.measure import Make, cpu_ratio
from bench.setting import KINDS, NAMES, Bench
from bench.world import World

TARGETS = {"sqlite": Target(3.5, "×"), "postgres": Target(6, "×")}
EMPTY = "the same server's empty route, processor time for each request"


def gets(world: World) -> Make:
    made = [request("GET", f"/fhir/Task/{one}", world.headers()) for one in world.readable]
    return lambda count: [made[number % len(made)] for number in range(count)]


def empties(world: World) -> Make:
    """With the same headers, token and all."""
    made = request("GET", "/fhir/bench/empty", world.headers())
    return lambda count: [made] * count


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        server, world = await bench.server(kind), (await bench.database(kind)).world
        found = await cpu_ratio(bench, server, gets(world), empties(world))
        lines.append(
            Line(
                "get-task",
                f"GET Task by id, {NAMES[kind]}",
                EMPTY,
                found.spread,
                "×",
                TARGETS[kind],
                f"{shown(found.ours, 'µs')} / {shown(found.base, 'µs')}",
                found.peak,
            )
        )
    return lines
