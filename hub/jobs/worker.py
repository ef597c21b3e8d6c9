"""The worker: claims jobs by lease, runs their handlers outside any transaction, tries again, gives up.

Any number of workers share one database. A job belongs to the one whose lease it carries, and who renews it while the
job runs; when a worker is killed, its leases run out and another goes on. A job is therefore begun at least once;
`actions.done_here` makes its effect in the database happen exactly once, and what leaves the hub carries a mark that is
the same each time (a mail its Message-ID), so that the other side can tell.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from hub.audit.sealing import SWEEP_EVERY, Sealer
from hub.db.engine import fetch
from hub.jobs import leases
from hub.jobs.actions import LostLease, current, enqueue
from hub.jobs.leases import Claim
from hub.jobs.rules import KEEP_DONE, MAX_ATTEMPTS, Scheduled, State, delay, is_given_up
from hub.kernel import clock
from hub.kernel.errors import Refusal
from hub.kernel.jsontext import decode

Handler = Callable[[dict[str, Any]], Awaitable[None]]

CLEAN = "jobs:clean"
_CLEANED_AT_ONCE = 200
_SEAL_EVERY = 0.5  # seconds: with what sealing takes, a seal at least once a second
_PACKAGE = Path(__file__).resolve().parent.parent
_log = structlog.get_logger(__name__)


class Unknown(Exception):
    """No feature of this hub knows this kind of work."""


class Unfinished(Exception):
    """Every worker that began this job stopped before its end."""


class TookTooLong(Exception):
    """The job's time is over."""


class Worker:
    """`run_once` does what is due and returns; `run_forever` goes on until told to stop, and seals the trail."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        schedule: Iterable[Scheduled] = (),
        *,
        sealer: Sealer | None = None,
        chance: Callable[[], float] = random.random,
        lease: timedelta = timedelta(minutes=1),
        longest: timedelta = timedelta(hours=1),
        attempts: int = MAX_ATTEMPTS,
        batch: int = 10,
        pause: float = 1.0,
        grace: float = 10.0,
    ) -> None:
        """`lease`: after which a killed worker's jobs are another's. `longest`: what a job may take. `attempts`: after
        which it is given up. `batch`: how many run at once. `pause`: how often an idle worker looks, `grace`: what jobs
        have to end when it stops, in seconds.
        """
        self.handlers: dict[str, Handler] = {CLEAN: clean, **handlers}
        self.schedule = [*schedule, Scheduled(CLEAN, timedelta(days=1))]
        self.sealer = sealer
        self._chance, self._lease, self._longest, self._attempts = chance, lease, longest, attempts
        self._batch, self._pause, self._grace = batch, pause, grace
        self._planned: dict[str, str] = {}  # what this worker has put into the queue already

    async def run_once(self, now: datetime | None = None) -> int:
        """Claim what is due at `now` (one batch), run it, and say how many jobs that were."""
        now = now or clock.now()
        await self.plan(now)
        claims = await self.claim(now)
        await asyncio.gather(*[self._run(claim) for claim in claims])
        return len(claims)

    async def drain(self, now: datetime | None = None) -> int:
        """Run batches until nothing is due."""
        total = 0
        while count := await self.run_once(now):
            total += count
        return total

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then let the jobs at hand end, seal the trail and return."""
        if self.sealer is None:
            await self._work(stop)
            return
        worked = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            sweeping = group.create_task(self._sweep(self.sealer))
            sealing = group.create_task(self._seal(self.sealer, worked))
            try:
                await self._work(stop)
            finally:
                sweeping.cancel()
                worked.set()  # what the last jobs did is sealed too
                await asyncio.wait([sealing])

    async def plan(self, now: datetime) -> None:
        """Put the work of the current slots into the queue; the unique key lets the first worker win."""
        for scheduled in self.schedule:
            key = scheduled.key(now)
            if self._planned.get(scheduled.kind) != key:
                await enqueue(scheduled.kind, {}, run_at=scheduled.slot(now), unique_key=key)
                self._planned[scheduled.kind] = key

    async def claim(self, now: datetime, most: int | None = None) -> list[Claim]:
        return await leases.claim(now, self._lease, self._batch if most is None else most)

    async def _run(self, claim: Claim) -> None:
        """Run a job, and keep its lease meanwhile. Where the lease is lost the job is stopped: another has begun it."""
        running = asyncio.create_task(self._attempt(claim))
        try:
            held_at = time.monotonic()
            while not running.done():
                await asyncio.wait([running], timeout=self._lease.total_seconds() / 3)
                if running.done():
                    break
                began = time.monotonic()
                held = await self._keep(claim)
                if held:
                    held_at = began
                elif held is False or began - held_at > self._lease.total_seconds() * 0.9:
                    _log.warning("job.lost", job=claim.id, kind=claim.kind)
                    await _cancelled(running)
        except asyncio.CancelledError:  # the worker stops, and the job took longer than it may then
            await _cancelled(running)
            with suppress(Exception):
                await leases.give_back(claim, State.WAITING, clock.now(), None)
            raise

    async def _keep(self, claim: Claim) -> bool | None:
        """None: the database did not say whether the lease is still ours."""
        try:
            return await leases.keep(claim, self._lease)
        except Exception as error:
            _log.warning("job.not_kept", job=claim.id, kind=claim.kind, error=place_of(error))
            return None

    async def _attempt(self, claim: Claim) -> None:
        try:
            await self._handle(claim)
        except LostLease:
            _log.warning("job.lost", job=claim.id, kind=claim.kind)
        except Exception as error:
            with suppress(Exception):  # then its lease runs out, and it is tried again
                await self._failed(claim, error)

    async def _handle(self, claim: Claim) -> None:
        current.set(claim)  # of this task only
        if claim.attempt > self._attempts:
            raise Unfinished  # it takes its worker down each time
        handler = self.handlers.get(claim.kind)
        if handler is None:
            raise Unknown
        try:
            async with asyncio.timeout(self._longest.total_seconds()) as limit:
                await handler(decode(claim.payload))
        except TimeoutError as error:
            if limit.expired():
                raise TookTooLong from error
            raise
        await leases.finish(claim)

    async def _failed(self, claim: Claim, error: Exception) -> None:
        place, now, dead = place_of(error), clock.now(), is_given_up(claim.attempt, self._attempts)
        _log.warning("job.failed", job=claim.id, kind=claim.kind, attempt=claim.attempt, error=place, dead=dead)
        again = now if dead else now + delay(claim.attempt, self._chance())
        # The hub's own work is seen by all, and our words may name one of them.
        words = place if claim.organization is None else words_for(error)
        await leases.give_back(claim, State.DEAD if dead else State.WAITING, again, words)

    async def _work(self, stop: asyncio.Event) -> None:
        """A job begins as soon as there is room for it, however long the others take."""
        running: set[asyncio.Task[None]] = set()
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                running |= await self._begin(self._batch - len(running))
                await asyncio.wait({stopped, *running}, timeout=self._pause, return_when=asyncio.FIRST_COMPLETED)
                running = {task for task in running if not task.done()}
            if running:
                await asyncio.wait(running, timeout=self._grace)
        finally:
            for task in (stopped, *running):
                await _cancelled(task)

    async def _begin(self, room: int) -> set[asyncio.Task[None]]:
        try:
            now = clock.now()
            await self.plan(now)
            claims = await self.claim(now, room) if room else []
        except Exception as error:  # the database is away: it comes back, and so does the worker
            _log.error("worker.failed", error=place_of(error))
            return set()
        return {asyncio.create_task(self._run(claim)) for claim in claims}

    async def _seal(self, sealer: Sealer, worked: asyncio.Event) -> None:
        while not worked.is_set():
            try:
                await sealer.run_once()
            except Exception as error:
                _log.error("sealer.failed", error=place_of(error))
            await _wait(worked, min(self._pause, _SEAL_EVERY))
        with suppress(Exception):
            await sealer.close()

    async def _sweep(self, sealer: Sealer) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY.total_seconds())
            try:
                await sealer.sweep()
            except Exception as error:
                _log.error("sealer.failed", error=place_of(error))


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """Stop a task, and wait until it has rolled back what it was at."""
    task.cancel()
    await asyncio.wait([task])


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def words_for(error: BaseException) -> str:
    """What those whose job it is are told: our own words, where there are any."""
    return f"{type(error).__name__}: {error.words}" if isinstance(error, Refusal) else place_of(error)


def place_of(error: BaseException) -> str:
    """What is kept and logged of an error: its class and the line of ours. Its text may hold personal data."""
    if isinstance(error, Unknown):
        return "Unknown: no feature of this hub knows this kind of work."
    if isinstance(error, Unfinished):
        return "Unfinished: many workers began it, and each stopped before its end."
    if isinstance(error, TookTooLong):
        return "TookTooLong: it was stopped when its time was over."
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE) and path != Path(__file__).resolve():
            return f"{type(error).__name__} in {path.relative_to(_PACKAGE.parent)}, line {frame.lineno}."
    return f"{type(error).__name__}."


async def clean(payload: dict[str, Any]) -> None:
    """Forget jobs done long ago, some at a time; the failed ones stay until a person has looked at them."""
    before = clock.now() - KEEP_DONE
    gone = True
    while gone:
        gone = bool(
            await fetch(
                "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state = 'done' AND run_at < {} "
                "AND finished_at < {} LIMIT {}) RETURNING id",
                before,
                before,
                _CLEANED_AT_ONCE,
            )
        )
