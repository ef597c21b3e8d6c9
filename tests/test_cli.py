"""The `hub` command: what it says, how it ends, and the worker beside the server as two real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import hub.cli
from hub.db.engine import bind, fetch, fetch_value, make_engine
from hub.db.transaction import unit_of_work
from hub.duties.first_rules import FIRST_RULES
from hub.jobs.actions import enqueue
from hub.jobs.worker import CLEAN
from hub.settings import Settings

ROOT = Path(__file__).parents[1]
STOPS_WITHIN = 5  # seconds


def commands(command: click.Command = hub.cli.main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(data=tmp_path / "data", embedded_worker=False)
    monkeypatch.setattr(hub.cli, "settings", lambda: made)
    monkeypatch.setattr("hub.web.logs.configure", lambda _: None)  # the log is the whole process's
    return made


def hub_(*arguments: str) -> Result:
    return CliRunner().invoke(hub.cli.main, arguments)


def on(own: Settings, work: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        engine = make_engine(own.database, own)
        bind(engine)
        try:
            return await work()
        finally:
            await engine.close()

    return asyncio.run(whole())


@pytest.mark.parametrize("path", list(commands()), ids=lambda path: " ".join(path) or "hub")
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    done = hub_(*path, "--help")
    assert done.exit_code == 0
    words = done.output.split("\n\n")[1].strip()  # below the usage line
    assert words and not words.startswith("Options")


def test_the_commands_are_those_of_the_operating_guide() -> None:
    assert {path[0] for path in commands() if path} == {
        "serve", "demo", "simulate", "migrate", "worker", "report", "audit",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_on_a_schema_that_is_behind_it_refuses_and_says_what_to_do(own: Settings, command: str) -> None:
    done = hub_(command)
    assert done.exit_code == 1
    assert "Run hub migrate" in done.output and "Traceback" not in done.output


def test_migrating_enters_what_every_hub_needs_and_the_second_time_nothing(own: Settings) -> None:
    first = hub_("migrate")
    assert first.exit_code == 0, first.output
    assert "Applied" in first.output and f"Entered {len(FIRST_RULES)} rules" in first.output

    async def counts() -> list[int]:
        return [await fetch_value(f"SELECT count(*) AS n FROM {table}") for table in ("rule_version", "holiday")]

    before = on(own, counts)
    second = hub_("migrate")
    assert second.exit_code == 0 and second.output == "The schema was up to date.\n"
    assert on(own, counts) == before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_until(true: Callable[[], bool], *running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "waited for a minute"
        for one in running:
            assert one.poll() is None, one.communicate()[1]
        time.sleep(0.05)


def test_a_worker_beside_the_server_does_its_work_and_both_stop_cleanly(own: Settings) -> None:
    assert hub_("migrate").exit_code == 0
    port = free_port()
    told = {"HUB_DATA": str(own.data), "HUB_PORT": str(port), "HUB_EMBEDDED_WORKER": "false"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "hub.cli", command],
            env=kept | told,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in ("serve", "worker")
    ]

    @unit_of_work
    async def ask() -> None:
        await enqueue(CLEAN, {}, unique_key="of this test")

    def is_done() -> bool:
        return bool(on(own, lambda: fetch("SELECT 1 FROM job WHERE unique_key = 'of this test' AND state = 'done'")))

    try:
        on(own, ask)
        wait_until(lambda: answers(port) and is_done(), *processes)
        began = time.monotonic()
        for process in processes:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=STOPS_WITHIN) for process in processes]
        assert time.monotonic() - began < STOPS_WITHIN
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    for stdout, stderr in said:
        assert stdout == ""
        lines = [json.loads(line) for line in stderr.splitlines()]
        assert [line for line in lines if line["level"] in ("warning", "error")] == []
    entries, chained = on(own, lambda: fetch("SELECT (SELECT count(*) FROM audit_entry) AS e, (SELECT count(*) FROM "
                                             "audit_chain) AS c"))[0].values()  # fmt: skip
    assert entries == chained > 0  # the worker has sealed what was there


def test_serving_loads_nothing_that_only_other_commands_need() -> None:
    code = (
        "import importlib, sys, hub.cli\n"
        "hub.cli._load_log_without_colours()\n"
        "import hub.app, hub.serving\n"
        "hub.app.pages_of(hub.app.FEATURES)\n"
        "for one in hub.app.WORKING: importlib.import_module(f'hub.{one}.jobs')\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "hub.referrals.fhir" in loaded
    needless = {"black", "piccolo.conf.apps", "xlsxwriter", "holidays", "phonenumbers", "icalendar", "aiosmtplib",
                "httpx2", "rich", "rich.console", "fhir.resources.R4B.task", "hub.demo", "hub.simulate",
                "hub.db.piccolo_conf"}  # fmt: skip
    assert not loaded & needless
