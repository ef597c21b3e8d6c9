"""The databases that the rows are measured on: States of `hub.simulate`, kept for the next run, and copies for this.

The rows write, so a run works on copies, unless they are too large for that. What is kept is built anew when
`hub.simulate` or a migration changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click

from bench.world import World, explore
from hub.db.engine import Engine, bind, make_engine
from hub.db.migrate import migrate
from hub.kernel import clock
from hub.kernel.calendar import Quarter
from tests.kit.postgres import Postgres, start_postgres

ROOT = Path(__file__).resolve().parent.parent
SEED = 7
_POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a State is. Without counties: one pair's members, cloned; `lean`: of them only what an export needs."""

    counties: int
    plans: int
    members: int
    referrals: int
    lean: bool = False

    @property
    def name(self) -> str:
        return f"{self.counties}_{self.plans}_{self.members}_{self.referrals}{'_lean' if self.lean else ''}"


@dataclass(frozen=True)
class Database:
    kind: str  # sqlite | postgres
    url: str
    folder: Path  # of the servers on it: keys, logs
    world: World


class Databases:
    """`folder` is this run's; `kept` stays, or None where nothing is to be kept."""

    def __init__(self, folder: Path, kept: Path | None, *, copied: bool) -> None:
        self._folder = folder
        self._copied = copied
        self._kept = kept
        self._postgres: Postgres | None = None
        self._made: dict[tuple[str, Shape], Database] = {}
        self._copies: list[str] = []
        self._models: dict[str, str] = {}

    async def get(self, kind: str, shape: Shape) -> Database:
        key = (kind, shape)
        if key not in self._made:
            self._made[key] = await self._make(kind, shape)
        return self._made[key]

    async def empty(self, kind: str, name: str) -> tuple[str, Path]:
        """A migrated database with nothing in it, and its folder."""
        folder = self._folder / f"{kind}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        model = await self._migrated(kind)
        if kind == "sqlite":
            return f"sqlite:///{shutil.copyfile(model, folder / 'hub.sqlite')}", folder
        return self._create(f"run_{name}", template=model), folder

    async def _migrated(self, kind: str) -> str:
        """The file or the name of an empty database that is only ever copied: migrating each takes seconds."""
        if kind not in self._models:
            file, name = self._folder / "migrated.sqlite", "run_migrated"
            async with opened(f"sqlite:///{file}" if kind == "sqlite" else self._create(name)):
                await migrate()
            self._models[kind] = str(file) if kind == "sqlite" else name
        return self._models[kind]

    async def remove(self, kind: str, name: str) -> None:
        if kind == "sqlite":
            shutil.rmtree(self._folder / f"{kind}-{name}")
        else:
            self.postgres.drop_database(f"run_{name}")

    async def _make(self, kind: str, shape: Shape) -> Database:
        folder = self._folder / f"{kind}-{shape.name}"
        folder.mkdir(parents=True, exist_ok=True)
        if not shape.counties:
            url, _ = await self.empty(kind, shape.name)
            async with opened(url):
                await _clone(shape)
        elif kind == "sqlite":
            file = await self._sqlite_state(shape)
            if self._copied:
                file = Path(shutil.copyfile(file, folder / "hub.sqlite"))
            url = f"sqlite:///{file}"
        else:
            state = await self._postgres_state(shape)
            copied = self._copied
            url = self._create(f"run_{shape.name}", template=state) if copied else self.postgres.url_for(state)
        async with opened(url):
            world = await explore()
        return Database(kind, url, folder, world)

    async def _sqlite_state(self, shape: Shape) -> Path:
        home = (self._kept or self._folder) / f"sqlite-{shape.name}"
        done, file = home / "done", home / "state.sqlite"
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            shutil.copyfile(await self._migrated("sqlite"), file)
            await _build(f"sqlite:///{file}", shape)
            done.touch()
        return file

    async def _postgres_state(self, shape: Shape) -> str:
        name, server = f"state_{shape.name}", self.postgres
        done = f"{name}_done"
        if not server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{done}'"):
            server.drop_database(name)
            await _build(server.create_database(name, template=await self._migrated("postgres")), shape)
            server.execute(f'ALTER DATABASE "{name}" RENAME TO "{done}"')  # at once or not at all
        return done

    def _create(self, name: str, template: str | None = None) -> str:
        self.postgres.drop_database(name)
        self._copies.append(name)
        return self.postgres.create_database(name, template=template)

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            keep = self._kept / "postgres" if self._kept else None
            try:
                self._postgres = start_postgres(durable=True, keep=keep, settings=_POSTGRES)
            except RuntimeError as error:
                if keep is None or "ermission" not in str(error):
                    raise
                click.echo(
                    "PostgreSQL's user cannot enter this folder: its State is not kept for the next run.", err=True
                )
                self._postgres = start_postgres(durable=True, settings=_POSTGRES)
        return self._postgres

    def close(self) -> None:
        if self._postgres is not None:
            for name in self._copies:
                self._postgres.drop_database(name)
            self._postgres.stop()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Engine]:
    """Bound in this process, for a while."""
    engine = make_engine(url)
    bind(engine)
    try:
        yield engine
    finally:
        await engine.close()


async def _clone(shape: Shape) -> None:
    from bench import clones

    await clones.fill(shape.referrals, lean=shape.lean)


async def _build(url: str, shape: Shape) -> None:
    from hub.simulate.build import build_state

    kind = url.partition(":")[0]
    click.echo(f"Building {shape.members:,} members and {shape.referrals:,} referrals ({kind}) …", err=True)
    async with opened(url) as engine:
        await build_state(
            engine,
            counties=shape.counties,
            plans=shape.plans,
            members=shape.members,
            referrals=shape.referrals,
            seed=SEED,
            today=clock.today(),
        )


def _digest(today: date) -> str:
    """Of all that a State follows from: what was built from something else is of no use."""
    found = hashlib.sha256(str(Quarter.of(today)).encode())
    sources = [*(ROOT / "hub" / "simulate").rglob("*.py"), *(ROOT / "hub").rglob("piccolo_migrations/*.py")]
    for path in sorted(sources):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


@contextlib.contextmanager
def kept_folder(home: Path = ROOT / "bench" / ".data") -> Iterator[Path]:
    """Where States are kept; held by one run at a time. What other sources built is removed."""
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise click.ClickException(f"Another run of the bench is using {home.name}.") from None
        own = home / _digest(clock.today())
        for other in home.iterdir():
            if other.is_dir() and other != own:
                shutil.rmtree(other, ignore_errors=True)
        own.mkdir(exist_ok=True)
        yield own
