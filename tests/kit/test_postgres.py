"""The test kit's PostgreSQL starts quickly, belongs to nobody in particular, and never outlives the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.kit import postgres
from tests.kit.postgres import Postgres, start_postgres

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with start_postgres() as running:
        yield running


def test_both_versions_of_the_wheel_start_and_stop_within_seconds() -> None:
    for version in (16, 18):
        began = time.monotonic()
        with start_postgres(version=version) as running:
            told = running.execute("SHOW server_version")[0][0]
        assert told.startswith(f"{version}.")
        assert time.monotonic() - began < 20


async def test_a_database_is_made_from_a_template_while_an_event_loop_runs(server: Postgres) -> None:
    server.create_database("pattern")
    server.execute("CREATE TABLE county (name text)", database="pattern")
    server.execute("INSERT INTO county VALUES ('Ñuñoa')", database="pattern")
    connection = await asyncpg.connect(server.create_database("copy", template="pattern"))
    assert await connection.fetchval("SELECT lower(name) FROM county") == "ñuñoa"
    server.drop_database("copy")
    await connection.close()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(server.url_for("copy"))


def test_it_starts_where_the_unprivileged_user_cannot_read_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = postgres._wheel()
    hidden = tmp_path / "private"
    shutil.copytree(wheel, hidden / wheel.name, symlinks=True)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), hidden / f"{wheel.name}.libs", symlinks=True)
    hidden.chmod(0o700)
    monkeypatch.setattr(postgres, "_wheel", lambda: hidden / wheel.name)
    with start_postgres() as running:
        assert running.execute("SELECT 1")[0][0] == 1


def test_a_wrong_password_is_refused(server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        Postgres(server._guard, server.port, "guess").execute("SELECT 1")


def test_two_hundred_connections_are_allowed(server: Postgres) -> None:
    assert server.execute("SHOW max_connections")[0][0] == "200"


def test_a_folder_that_is_kept_gives_its_databases_to_the_next_server() -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own is not for the user that PostgreSQL runs as
    folder.chmod(0o755)
    keep = folder / "kept"
    with start_postgres(keep=keep, durable=True, settings={"shared_buffers": "32MB"}) as first:
        first.create_database("state")
        first.execute("CREATE TABLE county AS SELECT 'Alameda' AS name", database="state")
        assert first.execute("SHOW shared_buffers")[0][0] == "32MB"
        first.crash()
    with start_postgres(keep=keep, durable=True) as second:
        assert second.execute("SELECT name FROM county", database="state")[0][0] == "Alameda"
    shutil.rmtree(folder)


def test_stopping_twice_is_harmless_and_leaves_no_folder() -> None:
    running = start_postgres()
    folder = Path(running.execute("SHOW data_directory")[0][0]).parent
    assert folder.exists()
    running.stop()
    running.stop()
    assert not folder.exists()


def test_a_killed_test_run_leaves_neither_a_server_nor_a_folder() -> None:
    script = (
        "import time; from tests.kit.postgres import start_postgres; s = start_postgres();"
        "print(s.execute('SHOW data_directory')[0][0], flush=True);"
        "time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root)
    assert run.stdout
    folder = Path(run.stdout.readline().strip()).parent
    postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and (folder.exists() or _alive(postmaster)):
        time.sleep(0.05)
    assert not folder.exists()
    assert not _alive(postmaster)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_after_a_crash_it_has_what_was_committed_and_its_old_address() -> None:
    with start_postgres(durable=True) as running:
        running.execute("CREATE TABLE county AS SELECT 'Ñuñoa' AS name")
        running.crash()
        with pytest.raises(OSError):
            running.execute("SELECT 1")
        running.start_again()
        assert running.execute("SELECT name FROM county")[0][0] == "Ñuñoa"


def test_frozen_it_answers_nothing_and_thawed_it_goes_on() -> None:
    with start_postgres() as running:
        running.freeze()
        with pytest.raises(TimeoutError):
            running.execute("SELECT 1", timeout=0.2)
        running.thaw()
        assert running.execute("SELECT 1")[0][0] == 1
