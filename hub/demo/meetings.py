"""Quarterly meetings: three quarters held and minuted, this quarter's scheduled, one MOU without."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hub.demo.mous import EXECUTED, executed_on
from hub.demo.timeline import Days, Thread
from hub.demo.words import DECISIONS, ITEMS, MINUTES, PLACES, SAID
from hub.demo.world import Pair, World
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.meetings import actions, queries
from hub.mou.queries import agreement_in_force

WITHOUT = ("alameda", "blue-oak")  # nobody has scheduled this quarter's yet


@dataclass
class _Item:
    id: str
    by: Actor
    due: date
    stays_open: bool


async def quarter(world: World, key: tuple[str, str], which: Quarter, number: int, *, last: bool) -> Thread:
    """One meeting, from its invitation to what was posted and done afterwards."""
    days, chance = world.days, world.chance
    start = max(which.start, executed_on(days, next(one for one in EXECUTED if (one.county, one.plan) == key)))
    wanted = which.start + timedelta(days=chance.randrange(36, 62))
    day = days.on_or_before(min(max(wanted, days.later(start, 8)), which.end, world.today - timedelta(days=9)))
    yield days.at(max(days.later(day, -14), days.later(start, 1)), 11)
    if not await _in_force(world, key):
        return
    pair = world.pair(*key)
    meeting = await _schedule(pair, day, number)
    yield days.at(days.later(day, -2), 16)
    await actions.refresh_agenda(pair.county_liaison, meeting)
    if number % 3 == 0:
        await actions.add_item(
            pair.county_liaison, meeting, "systemic-concerns", "Fax numbers on the plan’s web page are out of date"
        )
    yield days.at(day, 13)
    came = [pair.county_liaison.id, pair.plan_liaison.id, pair.plan.responsible.id]
    if number % 2:
        came.append(pair.county.responsible.id)
    others = "Two care managers of the plan" if number % 2 else None
    version = (await queries.meeting(pair.plan_liaison, meeting)).version
    await actions.hold(pair.plan_liaison, meeting, version, held_on=day, attended=came, others_present=others)
    main = last and (pair.county.short, pair.plan.short) == ("Alameda", "Golden Poppy")
    items = [await _decide(world, pair, meeting, day, number + n, last=main and not n) for n in range(1 + number % 3)]
    yield days.at(days.later(day, 2), 10)
    await _minute(pair, meeting, number)
    if not last or chance.random() < 0.6:
        late = not last and chance.random() < 0.08
        on = days.later(day, chance.randrange(33, 44) if late else chance.randrange(3, 24))
        yield days.at(on)
        where = f"https://www.{key[1]}.example/county-meetings"
        version = (await queries.meeting(pair.plan_liaison, meeting)).version
        await actions.post(pair.plan_liaison, meeting, version, posted_on=on, where=where)
    for item in items:
        if not item.stays_open:
            yield days.at(days.later(item.due, chance.choice((-4, -2, -1, 0, 3))))
            await actions.complete_action_item(item.by, item.id, 1, outcome="Done; the other side was told.")


async def _in_force(world: World, key: tuple[str, str]) -> bool:
    pair = world.pairs.get(key)
    return pair is not None and await agreement_in_force(pair.county.id, pair.plan.id, clock.today()) is not None


async def _schedule(pair: Pair, day: date, number: int) -> str:
    starts = _starts(day, number)
    place = PLACES[number % 3].format(county=pair.county.short, plan=pair.plan.short)
    meeting = await actions.schedule(pair.plan_liaison, pair.agreement, starts, 60 if number % 2 else 90, place)
    await actions.invite(pair.plan_liaison, meeting, 1)
    return meeting


async def _decide(world: World, pair: Pair, meeting: str, day: date, number: int, *, last: bool) -> _Item:
    side, title = ITEMS[number % len(ITEMS)]
    if last:
        side = "county"
        title = "Agree on one telephone number for discharges"
    by = pair.county_liaison if side == "county" else pair.plan_liaison
    due = (
        world.today - timedelta(days=6) if last else world.days.on_or_after(day + timedelta(days=20 + 9 * (number % 4)))
    )
    due = max(due, day)
    carried = not last and number % 4 == 1 and (world.today - day).days < 130
    if carried:
        due = world.days.on_or_after(world.today + timedelta(days=9))
    item = await actions.add_action_item(pair.county_liaison, meeting, title, by.id, due)
    if last:
        world.found["action_overdue"] = item
    return _Item(item, by, due, stays_open=last or carried)


async def _minute(pair: Pair, meeting: str, number: int) -> None:
    by = pair.county_liaison
    items, _ = await queries.agenda(by, meeting)
    said = {item.id: SAID[n % len(SAID)] for n, item in enumerate(items)}
    version = (await queries.meeting(by, meeting)).version
    await actions.minute(
        by, meeting, version, minutes=MINUTES[number % 3], decisions=DECISIONS[number % 3], discussed=said
    )


def _starts(day: date, number: int) -> datetime:
    return datetime.combine(day, time(9 + number % 3, 30), clock.CALIFORNIA)


def _nearly_over(days: Days) -> bool:
    """In a quarter's last days its meeting has been held, and the next quarter's is what comes."""
    return days.later(days.today, 5) > Quarter.of(days.today).end


async def coming(world: World, key: tuple[str, str], number: int) -> Thread:
    """This quarter's, still to come; in a quarter's last days the next one's."""
    days, today = world.days, world.today
    yield days.at(days.later(today, -5 - number % 3), 14)
    if key == WITHOUT or not await _in_force(world, key):
        return
    pair = world.pair(*key)
    end = days.on_or_before(Quarter.of(today).end)
    day = days.later(today, 5 + 2 * number)
    if day > end and not _nearly_over(days):
        day = end
    meeting = await _schedule(pair, day, number)
    if key == ("alameda", "golden-poppy"):
        world.found["coming_meeting"] = meeting
    yield days.at(today - timedelta(days=1), 12 + number % 4)
    await actions.refresh_agenda(pair.county_liaison, meeting)


def threads(world: World) -> list[Thread]:
    found: list[Thread] = []
    days, this = world.days, Quarter.of(world.today)
    last = this if _nearly_over(days) else this.previous
    for number, one in enumerate(EXECUTED):
        key, which, place = (one.county, one.plan), Quarter.of(executed_on(days, one)), 0
        while which <= last:
            if which < this or key != WITHOUT:
                found.append(quarter(world, key, which, number + place, last=which == last))
            which, place = which.next, place + 1
        found.append(coming(world, key, number))
    return found
