"""Which worker has which job: a lease on the row, taken, kept and given back.

A claim is one holder's, and holders have a new name for each claim; with it the end of a job is fenced: what a worker
says of a job that another has taken over since changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.db.engine import fetch, is_sqlite, look_up
from hub.jobs.rules import State
from hub.kernel import clock
from hub.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job. `attempt` counts from 1; `organization` is whose job it is, None: the hub's own."""

    id: str
    kind: str
    payload: str
    attempt: int
    holder: str
    organization: str | None = None


_WAITING = "state = 'waiting' AND run_at <= {}"
_LEFT = "state = 'running' AND lease_until <= {}"  # the worker was killed, or cannot reach the database
_MINE = "WHERE id = {} AND state = 'running' AND lease_holder = {}"


async def claim(now: datetime, lease: timedelta, most: int) -> list[Claim]:
    """Take due jobs, and those whose worker let its lease run out."""
    due = f"EXISTS (SELECT 1 FROM job WHERE {_WAITING}) OR EXISTS (SELECT 1 FROM job WHERE {_LEFT})"
    if not await look_up(f"SELECT 1 AS one WHERE {due}", now, now):
        return []  # an idle worker reads one row, and does not take SQLite's one writer
    claims = await _take(_LEFT, "lease_until", now, lease, most)
    if len(claims) < most:
        claims += await _take(_WAITING, "run_at", now, lease, most - len(claims))
    return sorted(claims, key=lambda claim: claim.id)


async def _take(which: str, order: str, now: datetime, lease: timedelta, most: int) -> list[Claim]:
    """MATERIALIZED: so that PostgreSQL takes the limit once, whatever its plan."""
    lock = "" if is_sqlite() else " FOR UPDATE SKIP LOCKED"
    holder = new_id()
    rows = await fetch(
        f"WITH due AS MATERIALIZED (SELECT id FROM job WHERE {which} ORDER BY {order} LIMIT {{}}{lock}) "
        "UPDATE job SET state = 'running', lease_holder = {}, lease_until = {}, attempts = attempts + 1 "
        "WHERE id IN (SELECT id FROM due) RETURNING id, kind, payload, attempts, organization",
        now,
        most,
        holder,
        now + lease,
    )
    return [Claim(row["id"], row["kind"], row["payload"], row["attempts"], holder, row["organization"]) for row in rows]


async def keep(claim: Claim, lease: timedelta) -> bool:
    """Hold a job for longer. False: another worker has it."""
    held = await fetch(
        f"UPDATE job SET lease_until = {{}} {_MINE} RETURNING id", clock.now() + lease, claim.id, claim.holder
    )
    return bool(held)


async def finish(claim: Claim) -> bool:
    """Mark a job done. False: it is not this claim's any more."""
    done = await fetch(
        "UPDATE job SET state = 'done', finished_at = {}, lease_holder = NULL, lease_until = NULL, error = NULL "
        f"{_MINE} RETURNING id",
        clock.now(),
        claim.id,
        claim.holder,
    )
    return bool(done)


async def give_back(claim: Claim, state: State, run_at: datetime, error: str | None) -> bool:
    """To be tried again from `run_at` on, or, as dead, by a person only."""
    dead = state is State.DEAD
    given = await fetch(
        "UPDATE job SET state = {}, run_at = {}, finished_at = {}, error = {}, lease_holder = NULL, "
        f"lease_until = NULL {_MINE} RETURNING id",
        state.value,
        run_at,
        clock.now() if dead else None,
        error,
        claim.id,
        claim.holder,
    )
    return bool(given)
