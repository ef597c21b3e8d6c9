"""What stands between the hub and its clients, in front of a toy app: it is about connections, not about the hub."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from hub.kernel.errors import Refusal
from hub.serving import HEAD_BYTES, Server, configured
from hub.settings import Settings
from tests.faults.hubs import free_port, until
from tests.faults.sockets import connections, end_of

PATIENCE = 0.3
BIG = 4 * 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"


class Toy:
    """Answers with the size of the body; /big with much, /soon before it has read anything, /late when it is told."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, words = 200, b""
        if scope["path"] == "/big":
            words = bytes(BIG)
        elif scope["path"] == "/late":
            await self.go_on.wait()
        elif scope["path"] != "/soon":
            try:
                words = str(await self.read(receive)).encode()
            except Refusal as refusal:
                status, words = refusal.status, refusal.words.encode()
        headers = [(b"content-length", str(len(words)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": words})

    async def read(self, receive: Any) -> int:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        return size


class Served:
    """A server in this process, with its settings."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.toy, self.port = Toy(), free_port()
        self.server = uvicorn.Server(configured(self.toy, Settings(data=folder, port=self.port, **changes)))

    @property
    def open(self) -> int:
        return len(self.server.server_state.connections)

    async def start(self) -> Served:
        self.task = asyncio.create_task(self.server._serve())
        await until(lambda: self.server.started)
        return self

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.task

    async def says(self, sent: bytes, drip: bytes = b"") -> bytes:
        async with connections(self.port, 1, lambda _: sent) as [one]:
            return await end_of(one, drip)


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[Served]:
    """With little patience."""
    served = await Served(tmp_path, client_seconds=PATIENCE).start()
    yield served
    await served.stop()


def post(size: int, body: bytes = b"", path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: hub.test\r\nContent-Length: {size}\r\n\r\n".encode() + body


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo", b"\r\n"], ids=["nothing", "half a head", "a line end"])
@pytest.mark.parametrize("drip", [b"", b"x"], ids=["and waits", "and drips"])
async def test_a_request_whose_head_does_not_come_is_given_up(quick: Served, sent: bytes, drip: bytes) -> None:
    said = await quick.says(sent, drip if sent.startswith(b"GET") else b"")
    assert said.startswith(b"HTTP/1.1 408")
    await until(lambda: quick.open == 0)


async def test_after_an_answer_too_the_next_head_has_to_come_in_time(quick: Served) -> None:
    said = await quick.says(GET + b"GET / HT")
    assert said.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 408" in said


@pytest.mark.parametrize("drip", [b"", b"x"], ids=["and waits", "and drips"])
async def test_a_body_that_does_not_come_is_answered_by_the_app_and_closed(quick: Served, drip: bytes) -> None:
    said = await quick.says(post(10_000, b"half"), drip)
    assert said.startswith(b"HTTP/1.1 408") and b"did not come in time" in said
    assert b"connection: close" in said.lower()


async def test_a_body_that_comes_slowly_but_steadily_may_take_longer(quick: Served) -> None:
    size = 60 * 1000
    async with connections(quick.port, 1, lambda _: post(size)) as [(reader, writer)]:
        for _ in range(60):
            writer.write(bytes(1000))
            await asyncio.sleep(PATIENCE / 20)  # three times the patience in all
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(5) == str(size).encode()


async def test_who_was_answered_before_its_body_came_cannot_go_on_sending(quick: Served) -> None:
    said = await quick.says(post(1_000_000, path="/soon"), drip=b"x")
    assert said.startswith(b"HTTP/1.1 200")
    await until(lambda: quick.open == 0)


async def test_an_app_that_takes_its_time_is_waited_for(quick: Served) -> None:
    async with connections(quick.port, 1, lambda _: b"GET /late HTTP/1.1\r\nHost: hub.test\r\n\r\nGET /") as [one]:
        end = asyncio.create_task(end_of(one))
        await asyncio.wait([end], timeout=PATIENCE * 2.5)
        assert not end.done()
        quick.toy.go_on.set()
        assert (await end).startswith(b"HTTP/1.1 200")


async def test_an_answer_that_nobody_reads_is_dropped(quick: Served) -> None:
    asked = b"GET /big HTTP/1.1\r\nHost: hub.test\r\n\r\n"
    async with connections(quick.port, 10, lambda _: asked * 5, window=4096):
        await until(lambda: quick.open == 10)
        await until(lambda: quick.open == 0)


async def test_an_answer_that_is_read_arrives_whole_however_big(quick: Served) -> None:
    said = await quick.says(b"GET /big HTTP/1.0\r\n\r\n")
    assert len(said) > BIG


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_that_is_read_slowly_but_steadily_arrives_whole(quick: Served, version: str) -> None:
    asked = f"GET /big HTTP/{version}\r\nHost: hub.test\r\n\r\n".encode()
    async with connections(quick.port, 1, lambda _: asked, window=65_536) as [(reader, _)]:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(32):  # three times the patience in all
            assert len(await reader.readexactly(BIG // 32)) == BIG // 32
            await asyncio.sleep(PATIENCE / 10)


async def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    served = await Served(tmp_path, client_seconds=60).start()
    endless = b"GET / HTTP/1.1\r\nX-Filler: "
    assert (await served.says(endless, drip=bytes(b"x" * (HEAD_BYTES // 2))))[:12] in (b"HTTP/1.1 431", b"")
    await until(lambda: served.open == 0)
    await served.stop()


async def test_who_has_stopped_sending_does_not_hold_up_the_end(tmp_path: Path) -> None:
    served = await Served(tmp_path, client_seconds=60).start()
    async with connections(served.port, 2, lambda number: post(100, b"half") if number else b"GET / HT"):
        await until(lambda: served.open == 2 and served.server.server_state.tasks)
        async with asyncio.timeout(5):
            await served.stop()


async def test_with_every_place_taken_who_has_waited_longest_makes_room(tmp_path: Path) -> None:
    served = await Served(tmp_path, client_seconds=60, client_connections=10).start()
    async with connections(served.port, 25, lambda _: b"GET / HT") as stalled:
        ends = await asyncio.gather(*map(end_of, stalled[:15]))
        assert all(end.startswith(b"HTTP/1.1 408") for end in ends)
        assert served.open == 10
        assert (await served.says(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")
    await served.stop()


async def test_with_every_place_at_work_a_newcomer_is_told_to_come_again(tmp_path: Path) -> None:
    served = await Served(tmp_path, client_seconds=60, client_connections=10).start()
    late = b"GET /late HTTP/1.0\r\n\r\n"
    async with connections(served.port, 10, lambda _: late) as at_work:
        await until(lambda: len(served.server.server_state.tasks) == 10)
        said = await served.says(GET)
        assert said.startswith(b"HTTP/1.1 503") and b"retry-after" in said
        served.toy.go_on.set()
        assert all([(await end_of(one)).startswith(b"HTTP/1.1 200") for one in at_work])
    await served.stop()


async def test_what_may_wait_begins_when_the_port_is_open_and_not_where_it_cannot_be_opened(tmp_path: Path) -> None:
    found: list[bool] = []
    port = free_port()

    def told() -> None:
        with socket.socket() as probe:
            found.append(probe.connect_ex(("127.0.0.1", port)) == 0)

    def server() -> Server:
        return Server(configured(Toy(), Settings(data=tmp_path, port=port)), told)

    first = server()
    running = asyncio.create_task(first._serve())
    await until(lambda: bool(found))
    with pytest.raises(SystemExit):  # the port is taken
        await server()._serve()
    first.should_exit = True
    await running
    assert found == [True]
