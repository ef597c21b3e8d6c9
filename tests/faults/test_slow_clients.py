"""Clients that stand still, in front of the hub itself: the others are served meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.faults.hubs import Ground, Hub, until
from tests.faults.load import Client, Ledger, reach, writing
from tests.faults.reckoning import books_of, settle
from tests.faults.sockets import connections, end_of

# What stands between client and hub knows no database.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])
MANY = 200
MIB = 1024 * 1024


def head(ground: Ground, method: str, path: str, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: hub.test", f"Authorization: Bearer {ground.plan_token}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_two_hundred_that_stop_sending_do_not_stop_the_hub_and_are_told_why_it_gave_them_up(
    ground: Ground, hub: Callable[..., Hub]
) -> None:
    server = await hub(client_seconds=1).start()
    before, files = await books_of(server), server.open_files()
    size, form = "Content-Length: 1000", "Content-Type: application/x-www-form-urlencoded"
    kinds = [
        b"",
        b"GET /fhir/Task HTTP/1.1\r\nHost: hub.t",
        head(ground, "POST", "/fhir/Task", "Content-Type: application/fhir+json", size) + b'{"resource',
        head(ground, "POST", "/sign-in", form, size) + b"username=mar",
    ]
    async with connections(server.port, MANY, lambda number: kinds[number % 4]) as stalled:
        async with writing(server.base, ground, 9, clients=4) as ledger:
            await reach(ledger, 20, calm=True)
        ends = await asyncio.gather(*map(end_of, stalled))
    assert not ledger.cut_off
    assert {end[:12] for end in ends} == {b"HTTP/1.1 408"}
    assert all(b"OperationOutcome" in end and b"did not come in time" in end for end in ends[2::4])
    assert all(b"<html" in end and b"did not come in time" in end for end in ends[3::4])
    await until(lambda: server.open_files() <= files + 5)
    await settle(server, [ledger], before)
    assert [line for line in server.logged() if line["level"] == "error"] == []


async def test_twenty_that_do_not_read_their_answers_hold_up_nobody_and_cost_little_memory(
    ground: Ground, hub: Callable[..., Hub]
) -> None:
    server = await hub(client_seconds=3).start()
    address, asks = "/fhir/Task?_count=100&_include=Task:focus", 20
    token = {"Authorization": f"Bearer {ground.plan_token}"}
    async with httpx.AsyncClient(base_url=server.base, timeout=60, headers=token) as http:
        await many_tasks(http, ground)
        size = len((await http.get(address)).content)
        assert size > MIB / 8
        files, memory = server.open_files(), server.memory()
        asked = head(ground, "GET", address) * asks  # one after another, and none of the answers is read
        async with connections(server.port, 20, lambda _: asked, window=4096):
            async with writing(server.base, ground, 1, clients=4) as ledger:
                await reach(ledger, 20, calm=True)
                grown = server.memory() - memory
            assert not ledger.cut_off
            assert grown < 20 * asks * size / 2, f"{grown / MIB:.0f} MiB"
            await until(lambda: server.open_files() <= files + 5)
        assert (await http.get(address)).status_code == 200


async def many_tasks(http: httpx.AsyncClient, ground: Ground) -> None:
    """A hundred referrals, in one Bundle."""
    client = Client(http, ground, Ledger(), number=99)
    entries: list[tuple[str | None, dict[str, Any]]] = []
    for number in range(100):
        request, task = client.documents()
        urn = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
        entries += [(urn, request), (None, {**task, "focus": {"reference": urn}})]
    await client.send_bundle(entries)
