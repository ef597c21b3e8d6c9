"""How `hub serve` meets its clients: one that stands still is let go, so that the others are served.

uvicorn ends a connection that is idle between two requests. What it leaves open is closed here: a request that does not
arrive whole, a head without end, an answer that nobody reads, more connections than the process has files for.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.kernel.errors import Refusal
from hub.settings import Settings
from hub.web.logs import RequestLog

RATE = 2_000  # bytes a second; who is slower than a bad telephone line stands still
HEAD_BYTES = 65_536  # of a request's address and headers, beyond what came with its first packet
_KEEP_ALIVE_SECONDS = 75  # longer than what usually stands in front keeps a connection: who sends is who closes
_SHUTDOWN_SECONDS = 10  # for the answers under way
_REST_SECONDS = 1  # then, for the rest of a request


class TooSlow(Refusal):
    status, code, title = 408, "timeout", "The request did not arrive"


class Left(Refusal):
    """Nobody reads this any more; it is in the log."""

    status, code, title = 400, "incomplete", "The request did not arrive"


class WholeBody:
    """Around the app: a body that does not come in time ends in an error of the face that asked for it."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        until, whole, late = 0.0, False, False

        async def receiving() -> Any:
            nonlocal until, whole, late
            if whole:  # from here on it tells when the client goes, and that may take as long as it likes
                return await receive()
            until = until or asyncio.get_running_loop().time() + self.seconds
            try:
                async with asyncio.timeout_at(until):
                    message: Any = await receive()
            except TimeoutError:
                late = True
                raise TooSlow("The rest of the request did not come in time. Nothing was saved.") from None
            if message["type"] == "http.disconnect":
                raise Left("The client left before its request was whole. Nothing was saved.")
            until += len(message["body"]) / RATE
            whole = not message["more_body"]
            return message

        async def sending(message: Message) -> None:
            if late and message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message)["Connection"] = "close"
            await send(message)

        await self.app(scope, receiving, sending)


class Door(HttpToolsProtocol):
    """One connection. A timer looks at it every `seconds`, so that a request itself costs two assignments."""

    seconds: float
    most: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since: float | None = self.loop.time()  # for a request to arrive whole
        self._in_body = self._is_closing = False
        self._head = 0
        self._full_until: float | None = None  # by when an answer should have been read
        self._unread = 0  # of it at the last look
        self._timer = self.loop.call_later(self.seconds, self._look)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        in_head = self._waiting_since is not None and not self._in_body
        if self._waiting_since is None:
            self._waiting_since = self.loop.time()
        super().data_received(data)
        if in_head and self._waiting_since is not None and not self._in_body:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        if self._waiting_since is None:  # it came in one packet with the end of the request before
            self._waiting_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_body, self._head = True, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body, self._waiting_since = False, None
        super().on_message_complete()

    def shutdown(self) -> None:
        super().shutdown()
        if self._in_body:  # of what has not arrived nothing was begun; it is not worth the whole time for shutting down
            self.loop.call_later(_REST_SECONDS, self._give_up_body)

    def _give_up_body(self) -> None:
        if self._in_body:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size() + 1
        self._full_until = self.loop.time() + self.seconds + self._unread / RATE

    def resume_writing(self) -> None:
        super().resume_writing()
        self._full_until = None

    def _look(self) -> None:
        now, unread = self.loop.time(), self.transport.get_write_buffer_size()
        full = self._full_until is not None
        if (full or self._is_closing) and (unread >= self._unread or now >= (self._full_until or now + 1)):
            self.transport.abort()  # nobody reads what is left
            return
        self._unread, after = unread, self.seconds
        if self.transport.is_closing():
            self._is_closing = True
        elif self._waiting_since is not None:
            left = self._waiting_since + self.seconds - now
            if left > 0:
                after = left
            elif not self._is_answered():
                pass  # with a body under way it is for the app to lose patience
            elif not self._in_body:
                self._refuse(408, "Request Timeout")
            else:
                self.transport.close()  # it has its answer, and still sends
        self._timer = self.loop.call_later(after, self._look)

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        """Let go who has waited longest without a request; where all have one, this newcomer."""
        free = [one for one in self.connections if isinstance(one, Door) and one is not self and one._is_answered()]
        open_ones = [one for one in free if not one.transport.is_closing()]
        if not open_ones:
            self._refuse(503, "Service Unavailable", b"retry-after: 5\r\n")
            return
        slow = [(one._waiting_since, one) for one in open_ones if one._waiting_since is not None]
        if slow:
            min(slow, key=lambda pair: pair[0])[1]._refuse(408, "Request Timeout")
        else:
            open_ones[0].transport.close()  # between two requests

    def _refuse(self, status: int, words: str, more: bytes = b"") -> None:
        """Before there is a request that an app could answer."""
        if not self.transport.is_closing():
            line = f"HTTP/1.1 {status} {words}\r\ncontent-type: text/plain\r\ncontent-length: {len(words)}\r\n"
            self.transport.write(line.encode() + more + b"connection: close\r\n\r\n" + words.encode())
            self.transport.close()


def configured(app: ASGIApp, own: Settings) -> uvicorn.Config:
    """uvicorn, with the door and the log of `hub serve`."""
    return uvicorn.Config(
        RequestLog(WholeBody(app, own.client_seconds)),
        host=own.host,
        port=own.port,
        http=type("Door", (Door,), {"seconds": own.client_seconds, "most": own.client_connections}),
        log_config=None,
        log_level="warning" if own.log_level == "info" else own.log_level,
        access_log=False,  # addresses hold what people searched for; `RequestLog` leaves that out
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


class Server(uvicorn.Server):
    """Tells when it listens: what need not be ready before its first answer begins then."""

    def __init__(self, config: uvicorn.Config, when_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_listening = when_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_listening()


def serve(app: ASGIApp, own: Settings, when_listening: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or Ctrl-C; then end the answers under way, and return."""
    server = Server(configured(app, own), when_listening)

    def stop(*_: object) -> None:
        server.should_exit = True

    # When uvicorn has ended well it raises its signal again, which would end the process by it and not with 0.
    signal.signal(signal.SIGTERM, stop)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(1)
