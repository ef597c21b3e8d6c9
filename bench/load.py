"""The load generator, a process of its own: raw HTTP/1.1 over kept-alive connections, as cheap as Python makes it.

It stands apart so that nothing of it is counted with the server's time, and so that readers are timed while writers
(another generator) write. Orders come on standard input and results go to standard output, each a length and msgpack.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice

import msgspec


class Order(msgspec.Struct):
    """Send `requests` over `connections`: each once, or round and round for `seconds`."""

    ports: list[int]
    requests: list[bytes]
    connections: int = 16
    seconds: float = 0
    keep: str = ""  # the name, in lower case, of a header of the answers to bring back


class Result(msgspec.Struct):
    latencies: list[float]  # seconds, in the order of the answers
    statuses: dict[int, int]  # 0: the connection was lost
    seconds: float
    kept: list[str]  # in the order of the requests
    sizes: list[int] = []


class _Connection(asyncio.Protocol):
    """One connection: takes the next request when the answer before is there."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.buffer = b""
        self.missing = -1  # bytes of the body still to come; -1: the head is not there yet
        self.number = -1
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        following = self.run.following()
        if following is None:
            self.transport.close()
            return
        self.number, request = following
        self.buffer, self.missing = b"", -1
        self.began = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self.missing < 0:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.status, length = int(self.buffer[9:12]), 0
            for line in self.buffer[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                name = name.lower()
                if name == b"content-length":
                    length = int(value)
                if self.run.keep and name == self.run.keep:
                    self.run.kept[self.number] = value.strip().decode("latin-1")
            self.size = length
            self.missing = length - (len(self.buffer) - end - 4)
        else:
            self.missing -= len(data)
        if self.missing <= 0:
            self.run.answered(self.status, time.perf_counter() - self.began, self.size)
            self.number = -1
            self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.number >= 0:
            self.run.answered(0, time.perf_counter() - self.began, 0)
        if not self.done.done():
            self.done.set_result(None)


class _Run:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.keep = order.keep.encode()
        self.kept: dict[int, str] = {}
        self.latencies: list[float] = []
        self.sizes: list[int] = []
        self.statuses: Counter[int] = Counter()
        requests = cycle(order.requests) if order.seconds else order.requests
        self.source: Iterator[tuple[int, bytes]] = enumerate(requests)

    def following(self) -> tuple[int, bytes] | None:
        if self.order.seconds and time.perf_counter() >= self.until:
            return None
        return next(self.source, None)

    def answered(self, status: int, seconds: float, size: int) -> None:
        self.statuses[status] += 1
        self.latencies.append(seconds)
        self.sizes.append(size)

    async def whole(self) -> Result:
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        self.until = began + self.order.seconds
        ports = islice(cycle(self.order.ports), self.order.connections)
        made = [await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port) for port in ports]
        await asyncio.gather(*(connection.done for _, connection in made))
        return Result(
            self.latencies,
            dict(self.statuses),
            time.perf_counter() - began,
            [self.kept.get(number, "") for number in range(len(self.order.requests))] if self.keep else [],
            self.sizes,
        )


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request."""
    own = {"Host": "127.0.0.1", **headers}
    if body:
        own["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


async def _read(stream: asyncio.StreamReader) -> bytes:
    return await stream.readexactly(int.from_bytes(await stream.readexactly(4)))


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(4) + message


class Generator:
    """The bench's hold on one load generator."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Generator:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bench.load",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=2**26,
            )
        )

    async def send(self, order: Order) -> Result:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the generator has no pipes")
        stdin.write(_framed(msgspec.msgpack.encode(order)))
        return msgspec.msgpack.decode(await _read(stdout), type=Result)

    async def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        await self._process.wait()


def main() -> None:
    import uvloop

    while len(head := sys.stdin.buffer.read(4)) == 4:
        order = msgspec.msgpack.decode(sys.stdin.buffer.read(int.from_bytes(head)), type=Order)
        result = uvloop.run(_Run(order).whole())
        sys.stdout.buffer.write(_framed(msgspec.msgpack.encode(result)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
