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
CAST_SINCE = datetime(2026, 1, 1, 18, 0, tzinfo=UTC)  # when the people and the MOU of the cast were recorded

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
    """Migrated databases, made once by each worker and copied for every test: empty ones, and ones with the cast."""

    made: dict[tuple[str, bool], str] = {}
    cast: dict[str, Any] = {}


async def _fill(url: str, kind: str, with_cast: bool) -> None:
    from tests.cast import build_cast

    engine = make_engine(url)
    bind(engine)
    try:
        if with_cast:
            with clock.set_to(CAST_SINCE):
                _Templates.cast[kind] = await build_cast()
        else:
            await migrate()
    finally:
        await engine.close()


async def _fresh_sqlite(folder: Path, keep: Path, with_cast: bool) -> str:
    if ("sqlite", with_cast) not in _Templates.made:
        template = keep / f"template-{with_cast}.sqlite"
        if with_cast:
            shutil.copyfile((await _fresh_sqlite(keep, keep, with_cast=False)).removeprefix("sqlite:///"), template)
        await _fill(f"sqlite:///{template}", "sqlite", with_cast)
        _Templates.made["sqlite", with_cast] = str(template)
    copy = folder / "hub.sqlite"
    shutil.copyfile(_Templates.made["sqlite", with_cast], copy)
    return f"sqlite:///{copy}"


async def _fresh_postgres(server: Postgres, with_cast: bool) -> str:
    if ("postgres", with_cast) not in _Templates.made:
        name = f"template_{os.getpid()}_{with_cast}"
        if with_cast:
            empty = (await _fresh_postgres(server, with_cast=False)).rsplit("/", 1)[1]
            server.create_database(name, template=empty)
        else:
            server.create_database(name)
        await _fill(server.url_for(name), "postgres", with_cast)
        _Templates.made["postgres", with_cast] = name
    name = f"test_{os.getpid()}_{next(_numbers)}"
    return server.create_database(name, template=_Templates.made["postgres", with_cast])


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
    with_cast = "cast" in request.fixturenames
    if database_kind == "sqlite":
        url = await _fresh_sqlite(tmp_path, tmp_path_factory.getbasetemp(), with_cast)
    else:
        url = await _fresh_postgres(request.getfixturevalue("postgres"), with_cast)
    engine = make_engine(url)
    bind(engine)
    with clock.set_to(NOW):
        yield engine
    await engine.close()
    if database_kind == "postgres":
        server: Any = request.getfixturevalue("postgres")
        server.drop_database(url.rsplit("/", 1)[1])


@pytest_asyncio.fixture
async def cast(database: Engine, database_kind: str) -> Any:
    """The named people and organizations of `tests/cast.py`, with one executed MOU."""
    return _Templates.cast[database_kind]


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
