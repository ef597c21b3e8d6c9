"""What the worker does for meetings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from hub.jobs.rules import Scheduled
from hub.kernel import clock
from hub.meetings.actions import open_quarter

QUARTER = "meetings:quarter"


async def quarter(payload: dict[str, Any]) -> None:
    """Every day, because an MOU may take effect on any day; idempotent."""
    await open_quarter(clock.today())


JOBS: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {QUARTER: quarter}
SCHEDULE = [Scheduled(QUARTER, timedelta(days=1))]
