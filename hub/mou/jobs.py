"""What the worker does for MOUs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from hub.jobs.rules import Scheduled
from hub.kernel import clock
from hub.mou.actions import end_or_renew

END = "mou:end"


async def end(payload: dict[str, Any]) -> None:
    await end_or_renew(clock.today())


JOBS: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {END: end}
SCHEDULE = [Scheduled(END, timedelta(hours=1))]
