"""Asking for work: a row in the transaction of the change that wants it (the outbox). And trying dead work again."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.audit.actions import Entry, record
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, NotFound, WrongStep
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode


class LostLease(Exception):
    """Another worker has this job now: what this one did of it must not be kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job. `attempt` is the fencing number: it grows with every claim."""

    id: str
    kind: str
    payload: str
    attempt: int
    holder: str


current: ContextVar[Claim | None] = ContextVar("current_job", default=None)


@unit_of_work
async def enqueue(
    kind: str, payload: dict[str, Any], *, run_at: datetime | None = None, unique_key: str | None = None
) -> None:
    """Ask for a job, in the caller's unit of work: without its commit there is no job.

    `payload` holds ids, never data. With a `unique_key` that is already there, nothing happens.
    """
    now = clock.now()
    await fetch(
        "INSERT INTO job (id, kind, unique_key, payload, state, run_at, attempts, created_at) "
        "VALUES ({}, {}, {}, {}, 'waiting', {}, 0, {}) ON CONFLICT (unique_key) DO NOTHING",
        new_id(),
        kind,
        unique_key,
        encode(payload),
        run_at or now,
        now,
    )


async def finish(claim: Claim) -> bool:
    """Mark a job done, if this claim still holds it."""
    done = await fetch(
        "UPDATE job SET state = 'done', finished_at = {}, lease_holder = NULL, lease_until = NULL, error = NULL "
        "WHERE id = {} AND state = 'running' AND lease_holder = {} AND attempts = {} RETURNING id",
        clock.now(),
        claim.id,
        claim.holder,
        claim.attempt,
    )
    return bool(done)


async def done_here() -> None:
    """For a handler whose effect is in the database: call it in the unit of work that has the effect.

    Then the effect and the job's end are committed together, and a job that another worker has taken over meanwhile
    raises `LostLease`, which rolls the effect back. Outside a job it does nothing, so that actions may call it always.
    """
    claim = current.get()
    if claim is not None and not await finish(claim):
        raise LostLease(claim.kind)


@unit_of_work
async def retry(actor: Actor, job_id: str) -> None:
    """Put a dead job back in the queue."""
    if not actor.can("system.read"):
        raise Forbidden("You may not see or change the hub's own work.")
    rows = await fetch("SELECT kind, state FROM job WHERE id = {}", job_id)
    if not rows:
        raise NotFound("There is no such job.")
    changed = await fetch(
        "UPDATE job SET state = 'waiting', attempts = 0, run_at = {}, finished_at = NULL "
        "WHERE id = {} AND state = 'dead' RETURNING id",
        clock.now(),
        job_id,
    )
    if not changed:
        raise WrongStep("This job is not among the failed ones any more: somebody may have started it already.")
    await record(actor, Entry("jobs:job:retry", "Job", job_id, detail={"kind": rows[0]["kind"]}))
