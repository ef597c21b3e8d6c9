"""What the worker does for duties."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from hub.duties.actions import escalate_overdue
from hub.jobs.rules import Scheduled
from hub.kernel import clock

ESCALATE = "duties:escalate"


async def escalate(payload: dict[str, Any]) -> None:
    await escalate_overdue(clock.today())


JOBS: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {ESCALATE: escalate}
SCHEDULE = [Scheduled(ESCALATE, timedelta(minutes=15))]
