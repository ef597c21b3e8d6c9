"""A database with two systems that hold tokens, and hubs on it as processes of their own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub.audit.verifying import address_of
from hub.auth.tables import AccessToken
from hub.db.engine import Engine, bind, fetch_value
from hub.directory.actions import add_system
from hub.directory.queries import load_user, system_actor
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.simulate.build import build_state
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


async def _system(organization: str, name: str) -> str:
    return await add_system(HUB, organization, f"System of {name}", f"client-{name}", SCOPES, "{}")


async def _token(system: str) -> str:
    """For an hour."""
    token, now = secrets.token_urlsafe(16), clock.now()
    await AccessToken.insert(
        AccessToken(
            token_hash=sha256(token.encode()).hexdigest(), system=system, scopes=SCOPES, issued_at=now,
            expires_at=now + timedelta(hours=1),
        )
    )  # fmt: skip
    return token


async def _in_the_cast(cast: Cast, kind: str, url: str) -> Ground:
    """Rosa has agreed that Golden Poppy and Alameda tell each other of her."""
    poppy, alameda = await _system(cast.poppy, "poppy"), await _system(cast.alameda, "alameda")
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    return Ground(
        kind, url, cast.poppy, cast.alameda, cast.rosa, await _token(poppy), await _token(alameda),
        await session_for(cast.marisol),
    )  # fmt: skip


async def _in_a_state(engine: Engine, kind: str, url: str) -> Ground:
    """Up to yesterday, as `hub simulate` builds it. The plan's system is the State's own; counties have none there."""
    state = await build_state(engine, counties=2, plans=2, members=60, referrals=100)
    pair = next(one for one in state.world.executed if one.plan.system)
    assert pair.plan.system is not None
    plan, county = pair.plan.id, pair.county.id
    member = await fetch_value(
        "SELECT p.member FROM member_organization p JOIN member_organization c ON c.member = p.member "
        "WHERE p.organization = {} AND c.organization = {} ORDER BY p.member LIMIT 1",
        plan,
        county,
    )
    sender, liaison = await system_actor(pair.plan.system), await load_user(pair.county_liaison.id)
    assert sender is not None and liaison is not None
    await agree(sender, member, plan, county)
    of_county = await _token(await _system(county, pair.county.key))
    return Ground(
        kind, url, plan, county, member, await _token(pair.plan.system), of_county, await session_for(liaison)
    )


@pytest.fixture
def filled_with() -> str:
    return "the cast"


@pytest_asyncio.fixture
async def ground(
    database_kind: str, filled_with: str, durable_databases: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> Ground:
    kept, with_cast = durable_databases, filled_with == "the cast"
    if database_kind == "sqlite":
        engine: Engine = await kept.sqlite(tmp_path, with_cast)
    else:
        engine = await kept.postgres(request.getfixturevalue("durable"), with_cast)
    url = address_of(engine)
    bind(engine)
    try:
        if with_cast:
            return await _in_the_cast(kept.cast[database_kind], database_kind, url)
        return await _in_a_state(engine, database_kind, url)
    finally:
        await engine.close()


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
