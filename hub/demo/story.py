"""The whole story, from the first draft of an MOU to this morning."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog

from hub.db.engine import engine
from hub.demo import meetings, mous, referrals, today
from hub.demo.names import Members
from hub.demo.timeline import Days, Thread, Timeline
from hub.demo.world import World, build
from hub.directory import queries as directory
from hub.duties.actions import escalate_overdue
from hub.duties.jobs import JOBS as DUTY_JOBS
from hub.jobs.worker import Worker
from hub.kernel import clock
from hub.kernel.calendar import Quarter
from hub.kernel.errors import Busy
from hub.meetings import actions as meeting_actions
from hub.meetings import queries as meeting_queries
from hub.meetings.jobs import JOBS as MEETING_JOBS
from hub.mou.actions import end_or_renew
from hub.mou.jobs import JOBS as MOU_JOBS
from hub.mou.rules import Template
from hub.notifications.actions import SEND
from hub.notifications.jobs import jobs as notification_jobs
from hub.settings import Settings

SEED = 12300  # of the story; WIC 12300 is where IHSS begins
_BEFORE = 490  # days ago on which the stage is built


async def tell(
    now: datetime, settings: Settings, keys: Mapping[str, dict[str, Any]], progress: Callable[[float], None]
) -> World:
    """Into the bound, empty database. `keys`: the public key sets of the plans' systems."""
    chance = random.Random(SEED)  # noqa: S311 - a story, not a secret
    days = Days(clock.legal_date(now), frozenset(), chance)
    world = World(days, chance, Members(chance))
    start = days.today - timedelta(days=_BEFORE)
    with clock.set_to(days.at(start, 9, 0)):
        async with engine().transaction():
            await build(world, keys, start)
        days.holidays = frozenset(await directory.holidays())
    worker = Worker(
        {**DUTY_JOBS, **MOU_JOBS, **MEETING_JOBS, **notification_jobs(settings)}, chance=chance.random, batch=1
    )
    timeline = Timeline(days)
    for thread in _threads(world, worker):
        await timeline.begin(thread)
    with _quiet():
        await timeline.run(progress)
        with clock.set_to(now):
            await _morning(world)
            await worker.drain()
    return world


def _threads(world: World, worker: Worker) -> list[Thread]:
    return [
        *[mous.signed(world, one) for one in mous.EXECUTED],
        mous.in_signature(world, "alameda", "manzanita"),
        mous.in_negotiation(world, "alameda", "silver-lupine", Template.DHCS_IHSS_2024, 7),
        mous.in_draft(world, "alameda", "toyon"),
        mous.in_negotiation(world, "san-joaquin", "valley-quail", Template.NONE, 4),
        mous.handover(world),
        _jobs(world),
        *referrals.threads(world),
        *today.threads(world),
        mous.vacancies(world),
        *meetings.threads(world),
        _outbox(world, worker),
        _mail_server_away(world, worker),
    ]


async def _morning(world: World) -> None:
    """What the hub's own jobs do at the beginning of a day."""
    day = clock.today()
    await escalate_overdue(day)
    await end_or_renew(day)
    if day.weekday() == 0 or day in (world.today, Quarter.of(day).start):
        await meeting_actions.open_quarter(day)


async def _jobs(world: World) -> Thread:
    days, day = world.days, world.today - timedelta(days=_BEFORE - 1)
    while day < world.today:
        yield days.at(day, 5, 30)
        await _morning(world)
        day += timedelta(days=1)


async def _outbox(world: World, worker: Worker) -> Thread:
    """The worker goes through what was put into the outbox; in the story once a week."""
    days, day = world.days, world.today - timedelta(days=_BEFORE - 1)
    while day < world.today:
        yield days.at(day, 6, 0)
        await worker.drain()
        day += timedelta(days=7)


async def _mail_server_away(world: World, worker: Worker) -> Thread:
    """Yesterday evening the mail server did not answer: a meeting’s mails are given up, for a person to see."""
    yesterday = world.today - timedelta(days=1)
    yield world.days.at(yesterday, 18, 0)
    await worker.drain()
    if "coming_meeting" not in world.found:
        return
    pair = world.pair("alameda", "golden-poppy")
    meeting = await meeting_queries.meeting(pair.plan_liaison, world.found["coming_meeting"])
    await meeting_actions.move(
        pair.plan_liaison, meeting.id, meeting.version, meeting.starts_at + timedelta(minutes=30), meeting.minutes_long,
        meeting.place, "Half an hour later",
    )  # fmt: skip

    async def away(payload: dict[str, Any]) -> None:
        raise Busy("The mail server does not answer.")

    failing = Worker({SEND: away}, chance=world.chance.random, attempts=8, batch=1)
    for attempt in range(10):
        with clock.set_to(clock.now() + timedelta(minutes=15 * attempt)):
            await failing.drain()


@contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong in the story on purpose is no news for the one who starts it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
