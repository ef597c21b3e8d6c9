"""A worker in a process of its own that kills itself, for `test_killed`. Its one argument is its orders, as JSON."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from hub.audit.actions import Entry, record
from hub.db.engine import bind, fetch_value, make_engine
from hub.db.transaction import unit_of_work
from hub.jobs import leases
from hub.jobs.actions import done_here
from hub.jobs.rules import Scheduled
from hub.jobs.worker import Worker
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.notifications import jobs as notifications
from hub.settings import Settings

STAGES = ("claimed", "begun", "written", "committed", "handed over", "noted")
EFFECT, HOURLY = "test:effect", "test:hourly"


class Orders(msgspec.Struct):
    database: str
    smtp: str
    now: datetime  # the hub's time when this computer's was `at`
    at: float
    lease: float
    stage: str | None = None  # where it kills itself; None: it works until nothing is left
    time: int = 1  # which time it gets there


class Doom:
    """Kills this process, as `kill -9` does, at one place."""

    def __init__(self, orders: Orders) -> None:
        self._stage, self._left = orders.stage, orders.time

    def at(self, stage: str) -> None:
        if stage == self._stage:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def prepare(orders: Orders, doom: Doom) -> Worker:
    claim, mark_sent = leases.claim, notifications.mark_sent

    async def claim_and(*arguments: Any) -> Any:
        claims = await claim(*arguments)
        if claims:
            doom.at("claimed")
        return claims

    async def mark_sent_and(mail: str) -> None:
        doom.at("handed over")
        await mark_sent(mail)
        doom.at("noted")

    @unit_of_work
    async def have(subject: str) -> None:
        await record(HUB, Entry("test:effect:have", "Job", subject))
        await done_here()
        doom.at("written")

    async def effect(payload: dict[str, Any]) -> None:
        doom.at("begun")
        await have(payload.get("subject", HOURLY))
        doom.at("committed")

    leases.claim = claim_and
    notifications.mark_sent = mark_sent_and
    mail = notifications.jobs(Settings(data=Path("unused"), smtp_url=orders.smtp, base_url="https://hub.example.org"))
    return Worker(
        {EFFECT: effect, HOURLY: effect, **mail},
        [Scheduled(HOURLY, timedelta(hours=1))],
        lease=timedelta(seconds=orders.lease),
        batch=3,
        pause=0.02,
    )


async def main(orders: Orders) -> None:
    database = make_engine(orders.database)
    bind(database)
    with clock.set_to(lambda: orders.now + timedelta(seconds=time.time() - orders.at)):
        stop = asyncio.Event()
        working = asyncio.create_task(prepare(orders, Doom(orders)).run_forever(stop))
        while orders.stage or await fetch_value("SELECT 1 FROM job WHERE state IN ('waiting', 'running') LIMIT 1"):
            await asyncio.wait([working], timeout=0.05)
        stop.set()
        await working
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Orders)))
