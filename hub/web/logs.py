"""The log: JSON lines on standard error. It says what happened to which request, never what it was about.

No body, no query string and no error's own text stands in it, and of an address only the pattern: these hold what
people typed. Who asked for whose data is the audit trail's; the request's id leads from one to the other.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
import structlog
from litestar.types import ASGIApp, Message, Receive, Send
from structlog.types import EventDict, Processor, WrappedLogger

from hub.web.page import request_id_of

_FRAMES = 6
_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]{2,40}")
_QUIET = ("/health", "/static")

_encoder = msgspec.json.Encoder(enc_hook=str)
_requests = logging.getLogger("hub.requests")


def configure(level: str, stream: TextIO | None = None) -> None:
    """One form for our own lines and those of libraries."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _without_texts_of_errors,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        _Formatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _line],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(threshold, logging.WARNING))  # what libraries tell of their work holds whole addresses
    logging.getLogger("hub").setLevel(threshold)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """The line of a request comes ready: there is one for each, so it takes the short way."""

    def format(self, record: logging.LogRecord) -> str:
        ready: str | None = getattr(record, "ready", None)
        return ready if ready is not None else super().format(record)


class _Request(msgspec.Struct, kw_only=True):
    at: str
    level: str
    logger: str = "hub.requests"
    event: str = "request"
    method: str
    path: str
    status: int
    ms: float
    request_id: str


def _say(level: int, method: str, path: str, status: int, ms: float, request_id: str) -> None:
    if not _requests.isEnabledFor(level):
        return
    at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    name = logging.getLevelName(level).lower()
    line = _Request(at=at, level=name, method=method, path=path, status=status, ms=ms, request_id=request_id)
    record = logging.LogRecord("hub.requests", level, __file__, 0, "request", None, None)
    record.ready = _encoder.encode(line).decode()
    _requests.handle(record)


def _without_texts_of_errors(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    """An error's class and where it was raised; its text may be a row of the database."""
    found = line.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        line.setdefault("error", type(error).__name__)
        line.setdefault("where", [f"{frame.filename}:{frame.lineno}" for frame in frames])
    record = line.get("_record")
    if record is not None:  # a library's: the formatter would add the traceback by itself
        record.exc_info = record.exc_text = None
        line["event"] = str(line["event"]).partition("\n")[0]  # asyncio goes on with the error's text
    return line


def _line(_logger: WrappedLogger, _name: str, line: EventDict) -> str:
    first = {key: line.pop(key) for key in ("at", "level", "logger", "event") if key in line}
    return _encoder.encode({**first, **line}).decode()


class RequestLog:
    """Around the whole app, so that what no route takes is seen too: one line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            path = _pattern(scope, status)
            level = logging.DEBUG if path.startswith(_QUIET) and status < 400 else logging.INFO
            ms = round((time.perf_counter() - began) * 1000, 1)
            _say(level, scope["method"], path, status, ms, request_id_of(scope))


def _pattern(scope: Any, status: int) -> str:
    """`/mous/{agreement_id}`; with the resource type where there is one. What nothing is at has no pattern."""
    pattern = str(scope.get("path_template") or "")
    asked = str((scope.get("path_params") or {}).get("resource_type", ""))
    if asked and status != 404 and _RESOURCE_TYPE.fullmatch(asked):
        pattern = re.sub(r"\{resource_type[^}]*\}", asked, pattern)
    return pattern or "(none)"
