"""A wire between the hub and PostgreSQL that counts round trips and can be cut, as by a server that restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit


class Wire:
    """`rounds`: how often the server said that it is ready for the next query, those of new connections included."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.rounds = 0
        self.opened = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self.held = asyncio.Event()  # set when something waits because of `hold`

    @property
    def url(self) -> str:
        address = f"{self._to.username}:{self._to.password}@127.0.0.1:{self._port}"
        return urlunsplit((self._to.scheme, address, self._to.path, "sslmode=disable", ""))

    async def mend(self) -> None:
        """Take connections, at the same address as before."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections and refuse new ones, until it is mended."""
        assert self._server is not None
        self._server.close()
        self.break_all()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def break_all(self) -> None:
        for stream in self._streams:
            stream.transport.abort()

    def hold(self) -> None:
        """What the server says does not arrive, until `let_go`."""
        self._flows.clear()
        self.held.clear()

    def let_go(self) -> None:
        self._flows.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        there_reader, there = await asyncio.open_connection(self._to.hostname, self._to.port)
        streams = {writer, there}
        self._streams |= streams
        both = [
            asyncio.create_task(self._forward(reader, there, count=False)),
            asyncio.create_task(self._forward(there_reader, writer, count=True)),
        ]
        self._tasks.update(both)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for stream in streams:
            stream.close()
        await asyncio.wait(both)
        self._tasks.difference_update(both)
        self._streams -= streams

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        kept = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if count:
                    kept = self._count(kept + data)
                    if not self._flows.is_set():
                        self.held.set()
                        await self._flows.wait()
                writer.write(data)

    def _count(self, data: bytes) -> bytes:
        """A message of the server is a letter, its length, its content; `Z` ends an answer."""
        while len(data) >= 5:
            end = 1 + int.from_bytes(data[1:5], "big")
            if len(data) < end:
                break
            self.rounds += data[:1] == b"Z"
            data = data[end:]
        return data


@contextlib.asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    wire = Wire(url)
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()
