"""Fixtures that every test may ask for. The same tests run on SQLite in a file and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub.audit.actions import record_pending
from hub.db.engine import Engine, bind
from hub.db.postgres import PooledPostgresEngine
from hub.db.transaction import on_refusal
from hub.kernel import clock
from tests.kit.databases import Databases
from tests.kit.postgres import Postgres, start_postgres

# Wednesday, in the middle of a quarter: 10 o'clock in California.
NOW = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)
CAST_SINCE = datetime(2026, 1, 1, 18, 0, tzinfo=UTC)  # when the people and the MOU of the cast were recorded


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """A test that does not close a database fails."""
    before = set(threading.enumerate())
    yield
    ours = [one for one in threading.enumerate() if not one.daemon or one.name.startswith("sqlite ")]
    new = [one for one in ours if one not in before]
    deadline = time.monotonic() + 2
    for one in new:
        one.join(max(0, deadline - time.monotonic()))  # the threads of a closed database end a moment later
    left = [one.name for one in new if one.is_alive()]
    if left:
        pytest.fail(f"left behind: {left}")


@pytest.fixture(autouse=True)
def refusals_are_kept() -> None:
    """As `hub.app` wires it: the audit entry that a refusal carries is written after the rollback."""
    on_refusal(record_pending)


@pytest.fixture
def sent_alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What PostgreSQL is asked outside units of work: a round trip each."""
    sent: list[str] = []
    alone = PooledPostgresEngine.alone

    async def noting(self: PooledPostgresEngine, sql: str, args: Sequence[Any]) -> list[Any]:
        sent.append(sql)
        return await alone(self, sql, args)

    monkeypatch.setattr(PooledPostgresEngine, "alone", noting)
    return sent


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


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    async def build() -> Any:
        from tests.cast import build_cast

        with clock.set_to(CAST_SINCE):
            return await build_cast()

    return Databases(tmp_path_factory.mktemp("databases"), build)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def any_database_kind() -> str:
    """For tests on one database only, such as those of the browser: they say why."""
    return "sqlite"


@pytest_asyncio.fixture
async def database(
    database_kind: str, databases: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Engine]:
    """A migrated, empty database, bound for this test; the clock stands at NOW."""
    with_cast = "cast" in request.fixturenames
    if database_kind == "sqlite":
        engine = await databases.sqlite(tmp_path, with_cast)
    else:
        engine = await databases.postgres(request.getfixturevalue("postgres"), with_cast)
    bind(engine)
    with clock.set_to(NOW):
        yield engine
    await engine.close()
    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not running, f"still running after the test: {running}"


@pytest_asyncio.fixture
async def cast(database: Engine, database_kind: str, databases: Databases) -> Any:
    """The named people and organizations of `tests/cast.py`, with one executed MOU."""
    return databases.cast[database_kind]


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the apps under test: keys, nothing that a test looks at."""
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture
async def web(database: Engine, data_folder: Path) -> AsyncIterator[Any]:
    """The pages without a browser: `marisol = await web.sign_in(cast.marisol)`. See `tests/web_client.py`."""
    from tests.web_client import open_web

    async with open_web(database, data_folder) as opened:
        yield opened


@pytest_asyncio.fixture
async def live(database: Engine, data_folder: Path) -> AsyncIterator[Any]:
    """The app on a real socket (`live.base`), in this process."""
    from tests.web_client import open_live

    async with open_live(database, data_folder) as opened:
        yield opened


@pytest_asyncio.fixture
async def chromium(live: Any) -> AsyncIterator[Any]:
    """Chromium in front of it: `page = await chromium.open(cast.marisol, "/mous")`."""
    from tests.web_client import open_chromium

    async with open_chromium(live) as opened:
        yield opened
