"""Plain sockets, for clients that do not behave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connections(
    port: int, count: int, sends: Callable[[int], bytes], window: int = 0
) -> AsyncIterator[list[Connection]]:
    """They send a few bytes, and then nothing more. A small `window` holds back what they are sent."""
    opened: list[Connection] = []
    try:
        for number in range(count):
            door = socket.socket()
            if window:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            door.setblocking(False)
            await asyncio.get_running_loop().sock_connect(door, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=door, limit=window or 65_536)
            writer.write(sends(number))
            opened.append((reader, writer))
        yield opened
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def end_of(connection: Connection, drip: bytes = b"") -> bytes:
    """All that is said until the other side closes; meanwhile `drip` is sent now and then."""
    reader, writer = connection
    end = asyncio.ensure_future(_rest(reader))
    while drip and not end.done():
        if not writer.is_closing():
            writer.write(drip)
        await asyncio.wait([end], timeout=0.05)
    return await end


async def _rest(reader: asyncio.StreamReader) -> bytes:
    found = b""
    try:
        while part := await reader.read(65_536):
            found += part
    except ConnectionResetError:  # it was closed while we still sent
        pass
    return found
