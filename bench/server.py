"""A hub that serves: a process of its own on a port of its own, and what it used."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx2

_START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path, url: str, port: int, *, worker: bool) -> dict[str, str]:
    """The settings of the process, and none of those of the shell that called the bench. It may keep its byte code, as
    an installed hub does, even where a developer's shell has Python compile each file at each start.
    """
    kept = os.environ.items()
    others = {name: value for name, value in kept if not name.startswith("HUB_") and name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **others,
        "HUB_DATA": str(data),
        "HUB_DATABASE_URL": url,
        "HUB_PORT": str(port),
        "HUB_EMBEDDED_WORKER": str(worker).lower(),
    }


@dataclass(frozen=True, slots=True)
class Usage:
    cpu: float  # seconds of processor time since the start of the process
    peak: float  # MiB


class Server:
    """`async with Server(data, url) as server: …`; ready once it is entered."""

    def __init__(
        self, data: Path, url: str, *, worker: bool = False, module: tuple[str, ...] = ("bench.serve",)
    ) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.seconds_to_first_answer = 0.0
        self._log = data / f"server-{self.port}.log"
        self._module = module
        self._environment = environment(data, url, self.port, worker=worker)

    async def __aenter__(self) -> Server:
        began = time.perf_counter()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._module, env=self._environment, stdout=log, stderr=log
            )
        self._http = httpx2.AsyncClient(base_url=self.base, timeout=30)
        while True:
            if self._process.returncode is not None or time.perf_counter() - began > _START_SECONDS:
                await self.__aexit__(None, None, None)
                raise RuntimeError(f"The server did not start:\n{self._log.read_text()[-2000:]}")
            if _listens(self.port):
                answer = await self._http.get("/health")
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.01)
        self.seconds_to_first_answer = time.perf_counter() - began
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 15)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def usage(self, *, forget: bool = False) -> Usage:
        found = (await self._http.get("/fhir/bench/usage", params={"forget": forget})).json()
        return Usage(found["cpu"], found["peak"])

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._http.get(path, headers=headers)

    @property
    def pid(self) -> int:
        return self._process.pid


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
