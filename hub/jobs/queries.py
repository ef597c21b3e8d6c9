"""What the page of failed jobs shows: kinds, times and words, no data.

A job is one organization's (its mail, the notice of its duty), and then only its people see it; or the hub's own (what
comes round for all), which everybody sees who may look after the hub's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.db.engine import fetch, fetch_value
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
    organization: str | None  # None: the hub's own


@dataclass(frozen=True, slots=True)
class Queue:
    """How the work that one may see stands."""

    waiting: int  # due now or later
    late: int  # due, and not begun
    running: int
    dead: int


def may_see(actor: Actor) -> tuple[str, list[Any]]:
    """The jobs that the actor may see, as a condition and its arguments. Raises `Forbidden` for who may see none."""
    if not actor.can("system.read"):
        raise Forbidden("You may not see or change the hub's own work.")
    if actor.organization is None:
        return "organization IS NULL", []
    return "(organization IS NULL OR organization = {})", [actor.organization]


async def dead_jobs(actor: Actor) -> list[DeadJob]:
    """The failed jobs, newest first."""
    mine, whose = may_see(actor)
    rows = await fetch(
        "SELECT id, kind, attempts, created_at, finished_at, error, organization FROM job "
        f"WHERE state = 'dead' AND {mine} ORDER BY finished_at DESC, id DESC LIMIT {{}}",
        *whose,
        _MOST,
    )
    return [DeadJob(**row) for row in rows]


async def queue(actor: Actor) -> Queue:
    mine, whose = may_see(actor)
    rows = await fetch(
        f"SELECT state, COUNT(*) AS n FROM job WHERE state IN ('waiting', 'running', 'dead') AND {mine} GROUP BY state",
        *whose,
    )
    count = {row["state"]: int(row["n"]) for row in rows}
    late = await fetch_value(
        f"SELECT COUNT(*) FROM job WHERE state = 'waiting' AND run_at <= {{}} AND {mine}", clock.now(), *whose
    )
    return Queue(count.get("waiting", 0), int(late), count.get("running", 0), count.get("dead", 0))
