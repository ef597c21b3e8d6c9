"""What a run works with: how much data, how long, the databases, the servers and the load generators."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.databases import Database, Databases, Shape
from bench.load import Generator, Order, Result
from bench.server import Server

KINDS = ("sqlite", "postgres")
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Sizes:
    mode: str  # full | fast | tiny
    state: Shape  # the database that most rows ask
    few: Shape  # the one that the size of a search is measured against
    copied: bool  # before they are measured, so that the next run finds them as they were built
    pairs: int  # how often A and B are measured in turn
    block: float  # seconds of processor time for each measurement
    seconds: float  # of each measurement under load
    exported: int
    members: int  # loaded in bulk
    entries: int  # of the audit trail that is verified


# A State is some 27 GB: it is measured where it was built, and grows with each run by what the rows write.
FULL = Sizes(
    "full", Shape(58, 25, 815_000, 1_000_000), Shape(58, 25, 8_150, 10_000), False, 9, 0.5, 3, 200_000, 815_000, 300_000
)
FAST = Sizes("fast", Shape(4, 3, 4_000, 8_000), Shape(4, 3, 400, 800), True, 4, 0.2, 1, 10_000, 10_000, 30_000)
TINY = Sizes("tiny", Shape(0, 0, 100, 200), Shape(0, 0, 25, 50), True, 2, 0.02, 0.3, 200, 200, 200)


class Bench:
    """`async with Bench(sizes, folder) as bench: …`. Servers and generators live as long as the run."""

    def __init__(self, sizes: Sizes, folder: Path, kept: Path | None = None) -> None:
        self.sizes = sizes
        self.databases = Databases(folder, kept, copied=sizes.copied)
        self._servers: dict[tuple[str, Shape, int, bool], Server] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Bench:
        self._stack.callback(self.databases.close)
        self.generators = [await self._generator() for _ in range(2)]
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def _generator(self) -> Generator:
        made = await Generator.start()
        self._stack.push_async_callback(made.close)
        return made

    async def database(self, kind: str, shape: Shape | None = None) -> Database:
        return await self.databases.get(kind, shape or self.sizes.state)

    async def server(self, kind: str, shape: Shape | None = None, *, number: int = 0, worker: bool = False) -> Server:
        """One that is running already, or a new one. `worker`: with the jobs inside, as `hub serve` has them unless
        told otherwise; off where processor time is counted for each request, because jobs are not the request's."""
        key = (kind, shape or self.sizes.state, number, worker)
        if key not in self._servers:
            database = await self.database(kind, shape)
            server = Server(database.folder, database.url, worker=worker)
            self._servers[key] = await self._stack.enter_async_context(server)
        return self._servers[key]

    async def load(self, order: Order, generator: int = 0) -> Result:
        return await self.generators[generator].send(order)
