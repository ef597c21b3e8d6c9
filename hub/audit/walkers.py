"""Checking stretches of the trail in several processes, and handing over what they found in the trail's order."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, Iterator

import msgspec

from hub.audit.checking import Found, Stretch

_LONGEST_LINE = 2**24  # a forger may have made each seal one to be named
_AHEAD = 2  # stretches that a process has before it, so that it need not wait for the next


class WalkerDied(RuntimeError):
    """A process that checked the trail stopped: memory or the database gave out."""


async def walk(address: str, stretches: Iterator[Stretch], processes: int) -> AsyncGenerator[Found, None]:
    """Check stretches, in turn: they are of one size, so that no process waits long for another."""
    walkers: deque[Process] = deque()
    try:
        for _ in range(processes):
            walkers.append(await _start(address))
        asked: deque[Process] = deque()
        while True:
            while len(asked) < _AHEAD * processes and (stretch := next(stretches, None)) is not None:
                await _send(walkers[0], msgspec.json.encode(stretch))
                asked.append(walkers[0])
                walkers.rotate(-1)
            if not asked:
                return
            yield await _answer(asked.popleft())
    finally:
        for walker in walkers:
            await _end(walker)


async def _start(address: str) -> Process:
    walker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.audit.walker", stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
    )
    await _send(walker, address.encode())
    return walker


async def _send(walker: Process, line: bytes) -> None:
    assert walker.stdin is not None  # noqa: S101 - asked for at its start
    with contextlib.suppress(ConnectionError):  # one that died is noticed where its answer is awaited
        walker.stdin.write(line + b"\n")
        await walker.stdin.drain()


async def _answer(walker: Process) -> Found:
    assert walker.stdout is not None  # noqa: S101
    line = await walker.stdout.readline()
    if not line:
        raise WalkerDied("A process that checked the trail stopped before its end; what it said stands above.")
    return msgspec.json.decode(line, type=Found)


async def _end(walker: Process) -> None:
    """At its end nothing that it still does is of use."""
    with contextlib.suppress(ProcessLookupError):
        walker.kill()
    await walker.communicate()
