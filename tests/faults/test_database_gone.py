"""The database is away for a while: everybody is told so within a bounded time, and the hub comes back by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import httpx
import pytest

from hub.auth.rules import SESSION_COOKIE
from hub.db.engine import fetch
from tests.faults.hubs import Ground, Hub, until
from tests.faults.load import reach, writing
from tests.faults.reckoning import books_of, on_database, settle
from tests.kit.postgres import Postgres

WAITS = 1  # HUB_DATABASE_SECONDS
BOUND = 8 * WAITS  # within which every answer comes, on a busy machine too
AWAY = 10  # seconds


@pytest.fixture(params=["frozen", "crashed"])
def away(request: pytest.FixtureRequest) -> Callable[[Postgres], AbstractContextManager[None]]:
    """A server that keeps its connections and says nothing, and one that is not there at all."""

    @contextmanager
    def of(server: Postgres) -> Iterator[None]:
        if request.param == "frozen":
            server.freeze()
            yield
            server.thaw()
        else:
            server.crash()
            yield
            server.start_again()

    return of


async def said_so(http: httpx.AsyncClient, ground: Ground) -> None:
    """A page and an OperationOutcome, each with the time after which to try again, and soon."""
    began = time.monotonic()
    page, answer, health = await asyncio.gather(
        http.get("/mous", headers={"cookie": f"{SESSION_COOKIE}={ground.session}"}),
        http.get(f"/fhir/Patient/{ground.member}", headers={"Authorization": f"Bearer {ground.plan_token}"}),
        http.get("/health"),
    )
    assert time.monotonic() - began < BOUND
    assert (page.status_code, answer.status_code, health.status_code) == (503, 503, 503)
    assert int(page.headers["retry-after"]) > 0 and int(answer.headers["retry-after"]) > 0
    assert "<html" in page.text and "cannot be reached" in page.text
    assert answer.json()["issue"][0]["code"] == "no-store"


@pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_while_postgresql_is_away_for_ten_seconds_everybody_is_told_and_then_it_goes_on(
    ground: Ground, hub: Callable[..., Hub], durable: Postgres, away: Callable[..., AbstractContextManager[None]]
) -> None:
    server = await hub(database_seconds=WAITS).start()
    before = await books_of(server)
    async with (
        writing(server.base, ground, 7, clients=6) as ledger,
        httpx.AsyncClient(base_url=server.base, timeout=60) as http,
    ):
        await reach(ledger, 20)
        with away(durable):
            began = time.monotonic()
            await until(lambda: ledger.refusals)
            while time.monotonic() - began < AWAY:
                await said_so(http, ground)
            assert (await http.get("/fhir/metadata")).status_code == 200, "needs no database"
        then = ledger.count
        await reach(ledger, then + 20)
    assert set(ledger.statuses) <= {200, 201, 503} and not ledger.cut_off, server.failures()
    await the_worker_works(server)
    await settle(server, [ledger], before)


async def the_worker_works(server: Hub) -> None:
    """Jobs that are due get done: the worker outlived it."""

    async def idle() -> bool:
        left = await fetch("SELECT 1 FROM job WHERE state IN ('waiting', 'running') AND run_at <= CURRENT_TIMESTAMP")
        return not left

    await on_database(server, lambda: until(idle))


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_while_somebody_else_holds_the_file_everybody_is_told_and_then_it_goes_on(
    ground: Ground, hub: Callable[..., Hub]
) -> None:
    server = await hub(database_seconds=WAITS).start()
    before = await books_of(server)
    async with (
        writing(server.base, ground, 8, clients=6) as ledger,
        httpx.AsyncClient(base_url=server.base, timeout=60) as http,
    ):
        await reach(ledger, 20)
        with closing(sqlite3.connect(ground.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            await until(lambda: ledger.refusals)
            answer = await http.get(
                f"/fhir/Patient/{ground.member}", headers={"Authorization": f"Bearer {ground.plan_token}"}
            )
            assert time.monotonic() - began < 2 * BOUND
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
            assert (await http.get("/health")).status_code == 200, "reading goes on"
            other.execute("COMMIT")
        then = ledger.count
        await reach(ledger, then + 20)
    assert set(ledger.statuses) <= {200, 201, 503} and not ledger.cut_off, server.failures()
    await settle(server, [ledger], before)
