"""Asking for work: a row in the transaction of the change that wants it (the outbox). And trying dead work again."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import Any

from hub.audit.actions import Entry, record
from hub.db.engine import fetch, write
from hub.db.transaction import unit_of_work
from hub.jobs.leases import Claim, finish
from hub.jobs.queries import may_see
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound, WrongStep
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode


class LostLease(Exception):
    """Another worker has this job now: what this one did of it must not be kept."""


current: ContextVar[Claim | None] = ContextVar("current_job", default=None)


@unit_of_work
async def enqueue(
    kind: str,
    payload: dict[str, Any],
    *,
    run_at: datetime | None = None,
    unique_key: str | None = None,
    organization: str | None = None,
) -> None:
    """Ask for a job, in the caller's unit of work: without its commit there is no job.

    `payload` holds ids, never data. With a `unique_key` that is already there, nothing happens. `organization` is whose
    job it is: its people see it if it fails. None: the hub's own, which concerns all.
    """
    now = clock.now()
    await write(
        "INSERT INTO job (id, kind, unique_key, payload, state, run_at, attempts, created_at, organization) "
        "VALUES ({}, {}, {}, {}, 'waiting', {}, 0, {}, {}) ON CONFLICT (unique_key) DO NOTHING",
        new_id(),
        kind,
        unique_key,
        encode(payload),
        run_at or now,
        now,
        organization,
    )


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
    mine, whose = may_see(actor)
    rows = await fetch(f"SELECT kind FROM job WHERE id = {{}} AND {mine}", job_id, *whose)
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
