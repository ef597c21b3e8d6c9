"""No room on the disk: nothing is half saved, everybody is told, and with room again it goes on by itself.

SQLite's files may not grow beyond a limit that the kernel holds them to. On PostgreSQL a trigger raises what the server
raises when it cannot extend a file: it stands for the real thing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest

from hub.auth.rules import SESSION_COOKIE
from tests.faults.hubs import Ground, Hub, until
from tests.faults.load import reach, writing
from tests.faults.reckoning import books_of, settle

LIMIT = 256 * 1024  # less than the database, more than the log
FUNCTION = """CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"""
TRIGGER = "CREATE TRIGGER no_room BEFORE INSERT ON audit_entry EXECUTE FUNCTION no_room()"


@pytest.fixture
def no_room(ground: Ground, request: pytest.FixtureRequest) -> Callable[[Hub], AbstractContextManager[None]]:
    @contextmanager
    def of(server: Hub) -> Any:
        if ground.kind == "sqlite":
            server.limit_files(LIMIT)
            yield
            server.limit_files(None)
            return
        postgres, name = request.getfixturevalue("durable"), ground.url.rsplit("/", 1)[1]
        for statement in (FUNCTION, TRIGGER):
            postgres.execute(statement, name)
        yield
        postgres.execute("DROP FUNCTION no_room CASCADE", name)

    return of


async def test_with_a_full_disk_everybody_is_told_and_with_room_again_it_goes_on(
    ground: Ground, hub: Callable[..., Hub], no_room: Callable[[Hub], AbstractContextManager[None]]
) -> None:
    server = await hub().start()
    before = await books_of(server)
    async with writing(server.base, ground, 6) as ledger:
        await reach(ledger, 20)
        with no_room(server):
            await until(lambda: ledger.refusals)
            async with httpx.AsyncClient(base_url=server.base, timeout=60) as http:
                await what_is_said(http, ground)
        then = ledger.count
        await reach(ledger, then + 20)
    assert set(ledger.statuses) <= {200, 201, 503} and not ledger.cut_off, server.failures()
    for refusal in ledger.refusals:
        assert int(refusal.headers["retry-after"]) > 0
        assert refusal.json()["issue"][0]["code"] == "no-store"
    await settle(server, [ledger], before)


async def what_is_said(http: httpx.AsyncClient, ground: Ground) -> None:
    """What is kept in no trail goes on; a read of a member's data is refused rather than not recorded."""
    assert (await http.get("/health")).status_code == 200
    assert (await http.get("/fhir/metadata")).status_code == 200
    cookies = {"cookie": f"{SESSION_COOKIE}={ground.session}"}
    assert (await http.get("/mous", headers=cookies)).status_code == 200
    page = await http.get(f"/members/{ground.member}", headers=cookies)
    assert page.status_code == 503 and "Rosa" not in page.text
    assert "disk is full" in page.text and int(page.headers["retry-after"]) > 0
    token = {"Authorization": f"Bearer {ground.plan_token}"}
    answer = await http.get(f"/fhir/Patient/{ground.member}", headers=token)
    assert answer.status_code == 503 and answer.json()["resourceType"] == "OperationOutcome"
