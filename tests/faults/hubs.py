"""`hub serve` as a process of its own, that a test can kill, starve and start again."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 30  # seconds that a condition may take on a busy machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(true: Callable[[], Any], *, seconds: float = PATIENCE) -> None:
    """Wait for a condition, which may be a coroutine."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while True:
        found = true()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, f"waited for {seconds} seconds"
        await asyncio.sleep(pause)
        pause = min(0.1, pause * 1.2)


@dataclass
class Ground:
    """A database with a plan and a county whose systems hold tokens, on which a test's hubs stand."""

    kind: str
    url: str
    plan: str
    county: str
    member: str  # who has agreed that these two tell each other
    plan_token: str
    county_token: str
    session: str  # the cookie of the county's liaison


@dataclass
class Hub:
    """One server process. `folder` is its data folder, `more` are further settings."""

    url: str
    folder: Path
    more: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log_file(self) -> Path:
        return self.folder.parent / f"log-{self.port}"

    def environment(self) -> dict[str, str]:
        own = {"data": self.folder, "database_url": self.url, "port": self.port, **self.more}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return kept | {f"HUB_{name.upper()}": str(value) for name, value in own.items()}

    async def start(self) -> Hub:
        """Start it, and wait until it answers."""
        self._start()
        await until(self.is_well)
        return self

    def _start(self) -> None:
        command = [sys.executable, "-m", "hub.cli", "serve"]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log)

    async def is_well(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log_file.read_text()
        return await self.health() == 200

    async def health(self) -> int:
        """The status of /health; 0 where nobody answers. By hand: a client library takes a while to begin."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /health HTTP/1.0\r\n\r\n")
            line = await reader.readline()
            writer.close()
        except OSError:
            return 0
        return int(line.split()[1]) if line else 0

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        process = self.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None)
        return process.returncode

    def limit_files(self, size: int | None) -> None:
        """From now on no file of it grows beyond `size`, as on a disk that is full; None: there is room again."""
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def memory(self) -> int:
        """Bytes in memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `hub` command on the same installation."""
        return subprocess.run(
            [sys.executable, "-m", "hub.cli", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def failures(self) -> list[dict[str, Any]]:
        """The lines of its log that tell of something wrong."""
        return [line for line in self.logged() if line["level"] in ("warning", "error")]

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log. Each is JSON: no traceback, no text of an error."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]
