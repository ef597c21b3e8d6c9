"""The worker: claims jobs by lease, runs their handlers outside any transaction, tries again, gives up.

Any number of workers share one database. A job belongs to the one whose lease it carries; when a worker is killed, its
leases run out and another goes on. A job is therefore begun at least once; `actions.done_here` makes its effect in the
database happen exactly once, and what leaves the hub carries the job's id, so that the other side can tell.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from hub.audit.sealing import Sealer
from hub.db.engine import fetch, is_sqlite
from hub.jobs.actions import Claim, LostLease, current, enqueue, finish
from hub.jobs.rules import KEEP_DONE, MAX_ATTEMPTS, Scheduled, delay, is_given_up
from hub.kernel import clock
from hub.kernel.errors import Refusal
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode

Handler = Callable[[dict[str, Any]], Awaitable[None]]

CLEAN = "jobs:clean"
_PACKAGE = Path(__file__).resolve().parent.parent
_log = structlog.get_logger(__name__)


class Unknown(Exception):
    """No feature of this hub knows this kind of work."""


class Unfinished(Exception):
    """Every worker that began this job stopped before its end."""


class Worker:
    """`run_once` does what is due and returns; `run_forever` goes on until told to stop, and seals the trail."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        schedule: Iterable[Scheduled] = (),
        *,
        sealer: Sealer | None = None,
        chance: Callable[[], float] = random.random,
        lease: timedelta = timedelta(minutes=5),
        batch: int = 10,
        pause: float = 1.0,
    ) -> None:
        self.handlers: dict[str, Handler] = {CLEAN: clean, **handlers}
        self.schedule = [*schedule, Scheduled(CLEAN, timedelta(days=1))]
        self.holder = new_id()
        self.sealer = sealer
        self._chance, self._lease, self._batch, self._pause = chance, lease, batch, pause
        self._planned: dict[str, str] = {}  # what this worker has put into the queue already

    async def run_once(self, now: datetime | None = None) -> int:
        """Claim what is due at `now` (one batch), run it, and say how many jobs that were."""
        now = now or clock.now()
        await self.plan(now)
        claims = await self.claim(now)
        async with asyncio.TaskGroup() as group:  # at once, so that none waits while its lease runs
            for claim in claims:
                group.create_task(self._run(claim))
        return len(claims)

    async def drain(self, now: datetime | None = None) -> int:
        """Run batches until nothing is due."""
        total = 0
        while count := await self.run_once(now):
            total += count
        return total

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish the job at hand, seal the trail and return."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(stop))
            if self.sealer is not None:
                group.create_task(self._seal(self.sealer, stop))

    async def plan(self, now: datetime) -> None:
        """Put the work of the current slots into the queue; the unique key lets the first worker win."""
        for scheduled in self.schedule:
            key = scheduled.key(now)
            if self._planned.get(scheduled.kind) != key:
                await enqueue(scheduled.kind, {}, run_at=scheduled.slot(now), unique_key=key)
                self._planned[scheduled.kind] = key

    async def claim(self, now: datetime) -> list[Claim]:
        """Take due jobs, and those whose worker let its lease run out."""
        due = "(state = 'waiting' AND run_at <= {}) OR (state = 'running' AND lease_until <= {})"
        if is_sqlite() and not await fetch(f"SELECT 1 FROM job WHERE {due} LIMIT 1", now, now):
            return []  # an idle worker does not take the one writer every second
        lock = "" if is_sqlite() else " FOR UPDATE SKIP LOCKED"
        rows = await fetch(
            "UPDATE job SET state = 'running', lease_holder = {}, lease_until = {}, attempts = attempts + 1 "
            f"WHERE id IN (SELECT id FROM job WHERE {due} ORDER BY run_at, id LIMIT {{}}{lock}) "
            "RETURNING id, kind, payload, attempts",
            self.holder,
            now + self._lease,
            now,
            now,
            self._batch,
        )
        found = [Claim(row["id"], row["kind"], row["payload"], row["attempts"], self.holder) for row in rows]
        return sorted(found, key=lambda claim: claim.id)

    async def _run(self, claim: Claim) -> None:
        token = current.set(claim)
        try:
            if claim.attempt > MAX_ATTEMPTS:
                raise Unfinished  # it takes its worker down each time
            handler = self.handlers.get(claim.kind)
            if handler is None:
                raise Unknown
            # Ends before the lease does, so that no second worker begins while the first still works.
            async with asyncio.timeout(self._lease.total_seconds() * 0.9):
                await handler(decode(claim.payload))
        except LostLease:
            _log.warning("job.lost", job=claim.id, kind=claim.kind)
        except Exception as error:
            await self._failed(claim, words_for(error))
        else:
            await finish(claim)
        finally:
            current.reset(token)

    async def _failed(self, claim: Claim, words: str) -> None:
        now, dead = clock.now(), is_given_up(claim.attempt)
        _log.warning("job.failed", job=claim.id, kind=claim.kind, attempt=claim.attempt, error=words, dead=dead)
        await fetch(
            "UPDATE job SET state = {}, run_at = {}, finished_at = {}, error = {}, lease_holder = NULL, "
            "lease_until = NULL WHERE id = {} AND state = 'running' AND lease_holder = {} AND attempts = {}",
            "dead" if dead else "waiting",
            now if dead else now + delay(claim.attempt, self._chance()),
            now if dead else None,
            words,
            claim.id,
            claim.holder,
            claim.attempt,
        )

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                if await self.run_once():
                    continue
            except Exception as error:  # the database is away: it comes back, and so does the worker
                _log.error("worker.failed", error=words_for(error))
            await _wait(stop, self._pause)

    async def _seal(self, sealer: Sealer, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await sealer.run_once()
            except Exception as error:
                _log.error("sealer.failed", error=words_for(error))
            await _wait(stop, min(self._pause, 0.8))  # a seal at least once a second
        with suppress(Exception):
            await sealer.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def words_for(error: BaseException) -> str:
    """What is kept of an error: our own words, or its class and the line of ours; its text may hold personal data."""
    if isinstance(error, Refusal):
        return f"{type(error).__name__}: {error.words}"
    if isinstance(error, Unknown):
        return "Unknown: no feature of this hub knows this kind of work."
    if isinstance(error, Unfinished):
        return f"Unfinished: {MAX_ATTEMPTS} workers began it, and each stopped before its end."
    if isinstance(error, TimeoutError):
        return "TimeoutError: it took longer than its lease."
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE) and path != Path(__file__).resolve():
            return f"{type(error).__name__} in {path.relative_to(_PACKAGE.parent)}, line {frame.lineno}."
    return f"{type(error).__name__}."


async def clean(payload: dict[str, Any]) -> None:
    """Forget jobs done long ago; the failed ones stay until a person has looked at them."""
    await fetch("DELETE FROM job WHERE state = 'done' AND finished_at < {}", clock.now() - KEEP_DONE)
