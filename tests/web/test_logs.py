"""The log says what happened to which request, and never what it was about."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog

from hub.web.logs import RequestLog, configure
from tests.web_client import PASSWORD, Web

NAME = "Rosa Mendoza"
CIN = "90000001A"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log holds, set up as `hub serve` does it."""
    root, stream = logging.getLogger(), io.StringIO()
    before = list(root.handlers), root.level, logging.getLogger("hub").level
    configure("info", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers = before[0]
    root.setLevel(before[1])
    logging.getLogger("hub").setLevel(before[2])


@pytest.fixture
def lines(written: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def client(kit: Web) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=RequestLog(kit.app), raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://hub.test")


async def test_a_request_is_one_line_with_its_pattern_status_time_and_id(kit: Web, lines: Lines) -> None:
    async with client(kit) as http:
        answer = await http.get("/sign-in", params={"next": "/mous"})
    (line,) = lines()
    assert {key: line[key] for key in ("event", "level", "method", "path", "status")} == {
        "event": "request", "level": "info", "method": "GET", "path": "/sign-in", "status": 200,
    }  # fmt: skip
    assert line["request_id"] == answer.headers["x-request-id"]
    assert 0 < line["ms"] < 60_000 and line["at"].endswith("Z")


async def test_nothing_that_somebody_typed_stands_in_it(kit: Web, written: io.StringIO, lines: Lines) -> None:
    visitor = {"username": NAME, "password": PASSWORD}
    async with client(kit) as http:
        await http.get("/sign-in", params={"next": f"/members?q={CIN}"}, headers={"cookie": f"x={CIN}"})
        await http.get(f"/members/{NAME}/{CIN}")
        await http.get(f"/fhir/Patient/{CIN}?name={NAME}")
        await http.get(f"/fhir/{NAME}")
        token = http.cookies["hub_csrf"]
        await http.post("/sign-in", data={**visitor, "_csrf_token": token})
    assert [line["path"] for line in lines() if line["event"] == "request"] == [
        "/sign-in", "(none)", "/fhir/Patient/{row_id}", "/fhir/{resource_type}", "/sign-in",
    ]  # fmt: skip
    for word in (NAME, CIN, "Rosa", "Mendoza", PASSWORD, "next="):
        assert word not in written.getvalue()


async def test_the_machines_own_questions_are_not_told_unless_something_is_wrong(kit: Web, lines: Lines) -> None:
    async with client(kit) as http:
        await http.get("/health")
        assert lines() == []
        await http.get("/static/nothing.css")
    assert [line["status"] for line in lines()] == [404]


@pytest.mark.parametrize("logger", ["asyncio", "uvicorn.error", "hub.web"])
def test_an_error_is_told_by_its_class_and_place_not_by_its_text(
    written: io.StringIO, lines: Lines, logger: str
) -> None:
    say = structlog.get_logger(logger) if logger.startswith("hub") else logging.getLogger(logger)
    try:
        raise KeyError(NAME)
    except KeyError as error:
        say.error(f"Task exception was never retrieved\nfuture: <Task exception={error!r}>"
                  if logger == "asyncio" else "It broke", exc_info=error)  # fmt: skip
    (line,) = lines()
    assert line["error"] == "KeyError" and line["level"] == "error"
    assert line["where"][-1].partition(":")[0] == __file__
    assert NAME not in written.getvalue()
