"""POST Task: parsed, validated, decided, stored, with its event, its duty, its audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count as counting

from bench.figures import Line, Target, shown
from bench.load import request
from bench.measure import Make, cpu_ratio
from bench.setting import KINDS, NAMES, Bench
from bench.world import World

TARGET = Target(3, "×")


def posts(world: World, path: str = "/fhir/Task") -> Make:
    numbers = counting()
    return lambda count: [request("POST", path, world.writing(), world.task_body(next(numbers))) for _ in range(count)]


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        server, world = await bench.server(kind), (await bench.database(kind)).world
        found = await cpu_ratio(bench, server, posts(world), posts(world, "/fhir/bench/rows"), status=201)
        lines.append(
            Line(
                "post-task",
                f"POST Task, {NAMES[kind]}",
                "the same four rows (document, version, audit, outbox) inserted without validation and checks,"
                " processor time for each request",
                found.spread,
                "×",
                TARGET,
                f"{shown(found.ours, 'µs')} / {shown(found.base, 'µs')}",
                found.peak,
            )
        )
    return lines
