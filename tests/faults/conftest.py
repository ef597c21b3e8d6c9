"""A database with the cast and two systems that hold tokens, and hubs on it as processes of their own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub.auth.tables import AccessToken
from hub.db.engine import bind
from hub.directory.actions import add_system
from hub.kernel import clock
from hub.kernel.actor import HUB
from tests.cast import Cast
from tests.conftest import CAST_SINCE
from tests.faults.hubs import Ground, Hub
from tests.kit.databases import Databases
from tests.kit.postgres import Postgres, start_postgres
from tests.referrals.build import agree
from tests.story.system import SCOPES
from tests.web_client import session_for


@pytest.fixture(scope="session")
def durable() -> Iterator[Postgres]:
    """A server that waits for the disk, so that killing it proves something."""
    with start_postgres(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def durable_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    async def build() -> Any:
        from tests.cast import build_cast

        with clock.set_to(CAST_SINCE):
            return await build_cast()

    return Databases(tmp_path_factory.mktemp("durable"), build)


async def _token(organization: str, name: str) -> str:
    """Of a system of that organization, for an hour."""
    system = await add_system(HUB, organization, f"System of {name}", f"client-{name}", SCOPES, "{}")
    token, now = secrets.token_urlsafe(16), clock.now()
    await AccessToken.insert(
        AccessToken(
            token_hash=sha256(token.encode()).hexdigest(), system=system, scopes=SCOPES, issued_at=now,
            expires_at=now + timedelta(hours=1),
        )
    )  # fmt: skip
    return token


@pytest_asyncio.fixture
async def ground(
    database_kind: str, durable_databases: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> Ground:
    """The cast's database. Rosa has agreed that Golden Poppy and Alameda tell each other of her."""
    kept = durable_databases
    if database_kind == "sqlite":
        engine, url = await kept.sqlite(tmp_path, True), f"sqlite:///{tmp_path / 'hub.sqlite'}"
    else:
        engine = await kept.postgres(request.getfixturevalue("durable"), True)
        url = engine.url  # type: ignore[union-attr]
    bind(engine)
    cast: Cast = kept.cast[database_kind]
    try:
        poppy, alameda = await _token(cast.poppy, "poppy"), await _token(cast.alameda, "alameda")
        await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
        session = await session_for(cast.marisol)
    finally:
        await engine.close()
    return Ground(database_kind, url, cast, poppy, alameda, session)


@pytest_asyncio.fixture
async def hub(ground: Ground, tmp_path: Path) -> AsyncIterator[Callable[..., Hub]]:
    """`hub(client_seconds=1)` makes one that is not started yet; all are killed in the end."""
    made: list[Hub] = []

    def make(**more: Any) -> Hub:
        made.append(Hub(ground.url, tmp_path / "data", more))
        return made[-1]

    yield make
    for one in made:
        one.kill()
