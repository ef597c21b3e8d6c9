"""What the hub makes of a database's own errors, and what it says when it cannot start for one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

import hub.cli
from hub.db.faults import refusal_of_fault
from hub.kernel.errors import Away, Busy, Full, Refusal
from hub.settings import Settings
from tests.faults.hubs import free_port

MEANT: list[tuple[Exception, type[Refusal]]] = [
    (asyncpg.ConnectionDoesNotExistError("x"), Away),
    (asyncpg.AdminShutdownError("x"), Away),
    (asyncpg.CrashShutdownError("x"), Away),
    (asyncpg.CannotConnectNowError("x"), Away),
    (asyncpg.ReadOnlySQLTransactionError("x"), Away),
    (asyncpg.InterfaceError("connection is closed"), Away),
    (asyncpg.InterfaceError("the pool is closed"), Away),
    (ConnectionRefusedError(), Away),
    (TimeoutError(), Away),
    (OSError("Multiple exceptions"), Away),
    (asyncpg.TooManyConnectionsError("x"), Busy),
    (asyncpg.LockNotAvailableError("x"), Busy),
    (asyncpg.DiskFullError("x"), Full),
    (OSError(28, "No space left on device"), Full),
    (Busy("x"), Busy),
]
OURS: list[Exception] = [
    asyncpg.UniqueViolationError("x"),
    asyncpg.PostgresSyntaxError("x"),
    asyncpg.InterfaceError("the server expects 1 argument for this query, 2 were passed"),
    sqlite3.IntegrityError("x"),
    sqlite3.ProgrammingError("x"),
    FileNotFoundError(2, "x"),
    KeyError("x"),
]


@pytest.mark.parametrize(("error", "refusal"), MEANT, ids=lambda one: f"{one!r}"[:60])
def test_a_fault_of_the_database_is_a_503_that_says_when_to_try_again(error: Exception, refusal: type[Refusal]) -> None:
    found = refusal_of_fault(error)
    assert type(found) is refusal and found.status == 503
    assert int(found.headers["Retry-After"]) > 0


@pytest.mark.parametrize("error", OURS, ids=lambda one: f"{one!r}"[:60])
def test_a_fault_of_the_hub_stays_one(error: Exception) -> None:
    assert refusal_of_fault(error) is None


def test_what_sqlite_says_of_a_full_disk_is_understood() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE county (name TEXT)")
        connection.execute("PRAGMA max_page_count = 3")
        with pytest.raises(sqlite3.OperationalError) as full:
            connection.execute("INSERT INTO county VALUES (zeroblob(100000))")
    assert isinstance(refusal_of_fault(full.value), Full)


def test_what_sqlite_says_of_a_file_that_another_holds_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as one,
        closing(sqlite3.connect(path, timeout=0)) as other,
    ):
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as locked:
            other.execute("BEGIN IMMEDIATE")
    found = refusal_of_fault(locked.value)
    assert type(found) is Busy and "Nothing was changed" in found.words


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_without_its_database_a_command_says_so_in_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Settings(data=tmp_path, database_url=f"postgresql://hub:secret@127.0.0.1:{free_port()}/hub")
    monkeypatch.setattr(hub.cli, "settings", lambda: away)
    monkeypatch.setattr("hub.web.logs.configure", lambda _: None)  # the log is the whole process's
    done = CliRunner().invoke(hub.cli.main, [command])
    assert done.exit_code == 1
    assert done.output.startswith("Error: The hub cannot reach its database.") and done.output.count("\n") == 1
    assert "secret" not in done.output and "Traceback" not in done.output
