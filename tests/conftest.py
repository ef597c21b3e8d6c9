"""Fixtures that every test may ask for. The same tests run on SQLite in a file and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub.db.engine import Engine, bind, make_engine
from hub.db.migrate import migrate
from hub.kernel import clock
from tests.kit.postgres import Postgres, start_postgres

# Wednesday, in the middle of a quarter: 10 o'clock in California.
NOW = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)

_numbers = itertools.count()


@pytest.fixture
def at_now() -> Iterator[datetime]:
    """The hub's clock stands still at NOW."""
    with clock.set_to(NOW):
        yield NOW


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = start_postgres()
    yield server
    server.stop()


class _Templates:
    """A migrated, empty database of each kind, copied for every test."""

    made: dict[str, str] = {}


async def _migrated(url: str) -> None:
    engine = make_engine(url)
    bind(engine)
    try:
        await migrate()
    finally:
        await engine.close()


async def _fresh_sqlite(folder: Path, keep: Path) -> str:
    if "sqlite" not in _Templates.made:
        template = keep / "template.sqlite"
        await _migrated(f"sqlite:///{template}")
        _Templates.made["sqlite"] = str(template)
    copy = folder / "hub.sqlite"
    shutil.copyfile(_Templates.made["sqlite"], copy)
    return f"sqlite:///{copy}"


async def _fresh_postgres(server: Postgres) -> str:
    if "postgres" not in _Templates.made:
        name = f"template_{os.getpid()}"
        await _migrated(server.create_database(name))
        _Templates.made["postgres"] = name
    return server.create_database(f"test_{os.getpid()}_{next(_numbers)}", template=_Templates.made["postgres"])


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def any_database_kind() -> str:
    """For tests on one database only, such as those of the browser: they say why."""
    return "sqlite"


@pytest_asyncio.fixture
async def database(
    database_kind: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Engine]:
    """A migrated, empty database, bound for this test; the clock stands at NOW."""
    if database_kind == "sqlite":
        url = await _fresh_sqlite(tmp_path, tmp_path_factory.getbasetemp())
    else:
        url = await _fresh_postgres(request.getfixturevalue("postgres"))
    engine = make_engine(url)
    bind(engine)
    with clock.set_to(NOW):
        yield engine
    await engine.close()
    if database_kind == "postgres":
        server: Any = request.getfixturevalue("postgres")
        server.drop_database(url.rsplit("/", 1)[1])


@pytest_asyncio.fixture
async def cast(database: Engine) -> Any:
    """The named people and organizations of `tests/cast.py`, with one executed MOU."""
    from tests.cast import build_cast

    return await build_cast()


@pytest_asyncio.fixture
async def web(database: Engine, tmp_path: Path) -> AsyncIterator[Any]:
    """The pages without a browser: `marisol = await web.sign_in(cast.marisol)`. See `tests/web_client.py`."""
    from tests.web_client import open_web

    async with open_web(database, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def live(database: Engine, tmp_path: Path) -> AsyncIterator[Any]:
    """The app on a real socket (`live.base`), in this process."""
    from tests.web_client import open_live

    async with open_live(database, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def chromium(live: Any) -> AsyncIterator[Any]:
    """Chromium in front of it: `page = await chromium.open(cast.marisol, "/mous")`."""
    from tests.web_client import open_chromium

    async with open_chromium(live) as opened:
        yield opened
