"""What the page of failed jobs shows: kinds, times and words, no data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.db.engine import fetch, fetch_value
from hub.jobs.tables import Job
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden

_MOST = 200


@dataclass(frozen=True, slots=True)
class DeadJob:
    id: str
    kind: str
    attempts: int
    created_at: datetime
    finished_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Queue:
    """How the hub's own work stands."""

    waiting: int  # due now or later
    late: int  # due, and not begun
    running: int
    dead: int


def _may_see(actor: Actor) -> None:
    if not actor.can("system.read"):
        raise Forbidden("You may not see the hub's own work.")


async def dead_jobs(actor: Actor) -> list[DeadJob]:
    """The failed jobs, newest first."""
    _may_see(actor)
    rows = await (
        Job.select(Job.id, Job.kind, Job.attempts, Job.created_at, Job.finished_at, Job.error)
        .where(Job.state == "dead")
        .order_by(Job.finished_at, ascending=False)
        .limit(_MOST)
    )
    return [DeadJob(**row) for row in rows]


async def queue(actor: Actor) -> Queue:
    _may_see(actor)
    rows = await fetch("SELECT state, COUNT(*) AS n FROM job WHERE state <> 'done' GROUP BY state")
    count = {row["state"]: int(row["n"]) for row in rows}
    late = await fetch_value("SELECT COUNT(*) FROM job WHERE state = 'waiting' AND run_at <= {}", clock.now())
    return Queue(count.get("waiting", 0), int(late), count.get("running", 0), count.get("dead", 0))
