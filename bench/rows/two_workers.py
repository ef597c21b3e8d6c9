"""Two processes on one PostgreSQL, and one: reads a second. The generator and PostgreSQL need processors too."""

from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import median

from bench.figures import Line, Spread, Target, shown
from bench.load import Order
from bench.measure import expect
from bench.rows.get_task import gets
from bench.setting import Bench

TARGET = Target(1.7, "×", at_least=True)
ENOUGH_CORES = 4  # two workers, PostgreSQL, the generator


async def measure(bench: Bench) -> Sequence[Line]:
    world = (await bench.database("postgres")).world
    servers = [await bench.server("postgres", number=number) for number in range(2)]
    for server in servers:
        await server.usage(forget=True)
    requests = list(gets(world)(500))

    async def reads(ports: list[int]) -> tuple[float, float]:
        """Reads a second, and processor time of the workers for each, in microseconds."""
        before = sum([(await server.usage()).cpu for server in servers])
        result = expect(await bench.load(Order(ports, requests, 16, bench.sizes.seconds)), 200)
        spent = sum([(await server.usage()).cpu for server in servers]) - before
        return len(result.latencies) / result.seconds, spent / len(result.latencies) * 1e6

    both, one = [server.port for server in servers], [servers[0].port]
    await reads(both)
    ours, base = [], []
    for _ in range(max(3, bench.sizes.pairs // 2)):
        ours.append(await reads(both))
        base.append(await reads(one))
    rates = [[rate for rate, _ in side] for side in (ours, base)]
    costs = [median(cost for _, cost in side) for side in (ours, base)]
    cores = os.cpu_count() or 1
    return [
        Line(
            "two-workers",
            "two workers on PostgreSQL",
            "one, reads a second of 16 connections",
            Spread.of_pairs(*rates),
            "×",
            TARGET,
            f"{shown(median(rates[0]), 'reads/s')} / {shown(median(rates[1]), 'reads/s')}",
            max([(await server.usage()).peak for server in servers]),
            applies=cores >= ENOUGH_CORES,
            note=f"processor time for each read {shown(costs[0], 'µs')} / {shown(costs[1], 'µs')}; {cores} cores for"
            " the workers, PostgreSQL and the generator",
        )
    ]
