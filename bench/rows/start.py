"""A fresh `hub serve`: how long until it answers, and what it holds after it has worked a little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.figures import Line, Spread, Target, shown
from bench.load import Order
from bench.measure import expect
from bench.rows.get_task import gets
from bench.rows.post_task import posts
from bench.server import Server
from bench.setting import KINDS, NAMES, Bench

IN_TIME, IN_MEMORY = Target(2, "s"), Target(150, "MiB")


def resident(pid: int) -> float:
    """MiB that the process holds now; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmRSS:"))


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        database = await bench.database(kind)
        starts, held = [], []
        if kind == KINDS[0]:  # the first start after an installation compiles what was not compiled yet
            async with Server(database.folder, database.url, worker=True, module=("hub.cli", "serve")):
                pass
        for _ in range({"full": 3, "fast": 2, "tiny": 1}[bench.sizes.mode]):
            async with Server(database.folder, database.url, worker=True, module=("hub.cli", "serve")) as server:
                starts.append(server.seconds_to_first_answer)
                for make, status in ((gets, 200), (posts, 201)):
                    expect(await bench.load(Order([server.port], list(make(database.world)(100)))), status)
                held.append(resident(server.pid))
        lines += [
            Line(
                "start", f"start to first answer, {NAMES[kind]}", "", Spread.of(starts), "s", IN_TIME,
                "a fresh process of `hub serve`, its worker inside; compiled by a start before",
            ),
            Line(
                "start", f"memory of a worker, {NAMES[kind]}", "", Spread.of(held), "MiB", IN_MEMORY,
                f"resident after 200 requests; first answer after {shown(Spread.of(starts).middle, 's')}", max(held),
            ),
        ]  # fmt: skip
    return lines
