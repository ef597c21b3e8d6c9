"""Measuring in turn: A B A B …, so that a machine whose speed drifts drifts for both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.figures import Spread
from bench.load import Order, Result
from bench.server import Server
from bench.setting import Bench

Make = Callable[[int], Sequence[bytes]]
"""That many requests, all different where it matters."""


class Unexpected(RuntimeError):
    """The server answered something else: what was timed is not what the row is about."""


def expect(result: Result, *statuses: int) -> Result:
    others = {status: n for status, n in result.statuses.items() if status not in statuses}
    if others:
        raise Unexpected(f"answers {others} instead of {', '.join(map(str, statuses))}")
    return result


@dataclass(frozen=True, slots=True)
class Ratio:
    spread: Spread
    ours: float  # median
    base: float
    peak: float = 0.0  # MiB


async def cpu_of(bench: Bench, server: Server, requests: Sequence[bytes], connections: int, status: int) -> float:
    """Processor time of the server for each request, in microseconds."""
    before = await server.usage()
    expect(await bench.load(Order([server.port], list(requests), connections)), status)
    after = await server.usage()
    return (after.cpu - before.cpu) / len(requests) * 1e6


async def cpu_ratio(
    bench: Bench, server: Server, ours: Make, base: Make, *, status: int = 200, connections: int = 16
) -> Ratio:
    """Of what a request costs the server, ours to the base."""
    sizes = bench.sizes
    await server.usage(forget=True)
    counts = []
    for make in (ours, base):  # to warm up, and to see how many requests make a measurement
        await cpu_of(bench, server, make(20), connections, status)
        cost = await cpu_of(bench, server, make(20), connections, status)
        counts.append(max(10, min(4000, int(sizes.block / (cost / 1e6)))))
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(sizes.pairs):
        for make, count, into in zip((ours, base), counts, found, strict=True):
            into.append(await cpu_of(bench, server, make(count), connections, status))
    peak = (await server.usage()).peak
    return Ratio(Spread.of_pairs(*found), median(found[0]), median(found[1]), peak)


async def in_turn(repeats: int, *works: Callable[[], Awaitable[float]]) -> list[list[float]]:
    """Each piece of work once, in their order; then again. What each gave."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, into in zip(works, found, strict=True):
            into.append(await work())
    return found
