"""Checking stretches of the trail in several processes, and handing over what they found in the trail's order."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

import msgspec

from hub.audit.checking import Found, Stretch

_LONGEST_LINE = 2**24  # a forger may have made each seal one to be named
_AHEAD = 2  # stretches that a helper has before it, so that it need not wait for the next
_ROUNDS = 3  # of the loop: an answer comes in, who waits for it wakes, the next stretch goes out

_Answer = asyncio.Future[Found]


class WalkerDied(RuntimeError):
    """A process that checked the trail stopped: memory or the database gave out."""


class _Work:
    """The stretches that nobody has taken yet, and the answers to those that were, in the trail's order."""

    def __init__(self, stretches: Iterator[Stretch]) -> None:
        self._stretches = stretches
        self.answers: deque[_Answer] = deque()
        self.endings: list[asyncio.Future[None]] = []  # of processes that are no longer needed

    def take(self) -> tuple[Stretch, _Answer] | None:
        stretch = next(self._stretches, None)
        if stretch is None:
            return None
        answer: _Answer = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_seen)
        self.answers.append(answer)
        return stretch, answer


def _seen(answer: _Answer) -> None:
    """An error need not be told of a stretch that nobody asks for any more."""
    if not answer.cancelled():
        answer.exception()


async def walk(
    address: str, here: Callable[[Stretch], Awaitable[Found]], stretches: Iterator[Stretch], helpers: int
) -> AsyncGenerator[Found, None]:
    """`here` checks one stretch after another in this process, at once; helpers, as soon as they have started, take
    the next ones as they come to them. So nobody waits for a process to start, or for one that is slow.
    """
    work = _Work(stretches)
    helping = [asyncio.create_task(_help(address, work, first)) for _ in range(helpers) if (first := work.take())]
    try:
        while True:
            while work.answers and work.answers[0].done():
                yield work.answers.popleft().result()
            if own := work.take():
                stretch, answer = own
                answer.set_result(await here(stretch))
                for _ in range(_ROUNDS):
                    await asyncio.sleep(0)
            elif work.answers:
                await asyncio.wait([work.answers[0]])
            else:
                return
    finally:
        for helper in helping:
            helper.cancel()
        await asyncio.gather(*helping, return_exceptions=True)
        await asyncio.gather(*work.endings)


async def _help(address: str, work: _Work, first: tuple[Stretch, _Answer]) -> None:
    """Have a process of its own check stretches: only one until it is there, then some ahead."""
    mine = deque([first[1]])
    starting = asyncio.ensure_future(_start(address))
    try:
        walker = await asyncio.shield(starting)
        await _send(walker, msgspec.json.encode(first[0]))
        while mine:
            found = await _answer(walker)
            mine.popleft().set_result(found)
            while len(mine) < _AHEAD and (more := work.take()):
                mine.append(more[1])
                await _send(walker, msgspec.json.encode(more[0]))
    except Exception as error:
        for answer in mine:
            answer.set_exception(error)
    finally:  # a task of its own: who is cancelled while a process ends would leave it behind
        work.endings.append(asyncio.ensure_future(_end(starting)))


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


async def _end(starting: asyncio.Future[Process]) -> None:
    """At its end nothing that it still does is of use; also of one that is no longer needed before it is there."""
    try:
        walker = await starting
    except OSError:  # it could not be started: told by its answer
        return
    with contextlib.suppress(ProcessLookupError):
        walker.kill()
    await walker.communicate()
