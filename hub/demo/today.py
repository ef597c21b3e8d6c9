"""What wants attention today at the main county's desk: one thing of each kind, told on purpose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

from hub.demo.casework import TO_COUNTY, TO_PLAN, Case, agree, new_member, take_back
from hub.demo.timeline import Alone, Thread
from hub.demo.words import HOLDS
from hub.demo.world import Pair, World
from hub.duties.rules import end_of_week
from hub.kernel import clock
from hub.kernel.errors import Forbidden
from hub.referrals.actions.desk import NewReferral, send_referral
from hub.referrals.rules import Event, Service

Steps = tuple[tuple[int, Event], ...]  # working days after the sending, and what happened then
_ANSWER = 5  # working days: only to choose the days of sending; what is due is reckoned by the hub's rule


async def staged(
    world: World, plan: str, direction: str, service: Service, sent: date, steps: Steps = (), *,
    over_api: bool = True, need: str = "", priority: str = "routine", until: date | None = None, name: str = "",
    on_file: int = 3,
) -> Thread:  # fmt: skip
    """One referral of the main county whose days are given."""
    days = world.days
    yield days.at(days.later(sent, -on_file))
    pair = world.pair("alameda", plan)
    api = over_api and pair.plan.system is not None
    by = ((pair.plan.system if api else None) or pair.plan_liaison) if direction == TO_COUNTY else pair.county_liaison
    person = await new_member(world, pair, by)
    await agree(pair, person, by, discloser=by.home, until_date=until or clock.today() + timedelta(days=365))
    case = Case(world, pair, person, direction, service, api)
    yield days.at(sent, 9 + len(steps))
    await case.send(need=need, priority=priority)
    if name:
        world.found[name] = case.task
    for after, event in steps:
        yield days.at(days.later(sent, after), 15)
        await case.step(event, reason=HOLDS[0] if event is Event.HOLD else "")


def threads(world: World) -> list[Thread]:
    days, today = world.days, world.today
    due_today = days.on_or_after(today)

    def due(working_days: int) -> date:
        """The day of sending, for an answer that is due so many working days from today's."""
        return days.later(due_today, working_days - _ANSWER)

    S, E = Service, Event
    week = min(end_of_week(today), today + timedelta(days=3))
    return [
        staged(world, "golden-poppy", TO_COUNTY, S.IHSS_APPLICATION, due(0), name="due_today",
               need="Cannot bathe or cook alone since a fall; lives alone."),
        staged(world, "golden-poppy", TO_COUNTY, S.IHSS_DISCHARGE, due(-4), name="escalated", priority="urgent",
               need="Discharge from hospital planned after hip surgery; hours are needed at home."),
        staged(world, "bay-laurel", TO_COUNTY, S.IHSS_REASSESSMENT, due(-8), name="on_agenda"),
        staged(world, "golden-poppy", TO_COUNTY, S.IHSS_APPLICATION, days.later(due_today, -1), name="new"),
        staged(world, "golden-poppy", TO_COUNTY, S.IHSS_REASSESSMENT, due(2)),
        staged(world, "blue-oak", TO_COUNTY, S.IHSS_APPLICATION, due(1)),
        staged(world, "golden-poppy", TO_PLAN, S.COMMUNITY_SUPPORTS, days.later(today, -16),
               ((2, E.ACCEPT), (4, E.START), (13, E.COMPLETE)), name="to_close"),
        staged(world, "bay-laurel", TO_PLAN, S.EQUIPMENT, days.later(today, -12), ((1, E.ACCEPT), (9, E.COMPLETE)),
               over_api=False),
        staged(world, "golden-poppy", TO_PLAN, S.ECM, days.later(due_today, -2), name="waiting"),
        staged(world, "golden-poppy", TO_PLAN, S.BEHAVIORAL_HEALTH, due(-4), name="plan_late"),
        staged(world, "golden-poppy", TO_COUNTY, S.IHSS_APPLICATION, days.later(today, -9),
               ((3, E.ACCEPT), (5, E.START)), until=week, name="consent_ends"),
        staged(world, "golden-poppy", TO_COUNTY, S.IHSS_APPLICATION, days.later(today, -8), ((2, E.ACCEPT),)),
        staged(world, "golden-poppy", TO_PLAN, S.COMMUNITY_SUPPORTS, days.later(today, -7),
               ((3, E.ACCEPT), (5, E.HOLD))),
        _progress_due(world),
        _revoked(world),
        _refused(world),
        _one_way(world),
        _expired(world),
        _draft(world),
        _voided(world),
        _without_authority(world),
        _in_excess(world),
    ]  # fmt: skip


async def _progress_due(world: World) -> Thread:
    """Accepted, on hold, and today nothing has been recorded for thirty calendar days; whatever weekday it is."""
    days, today = world.days, world.today
    held = today - timedelta(days=30)
    yield days.at(days.ago(45))
    pair = world.pair("alameda", "golden-poppy")
    person = await new_member(world, pair, pair.county_liaison)
    await agree(pair, person, pair.plan_liaison, discloser=pair.plan.id, until_date=today + timedelta(days=200))
    case = Case(world, pair, person, TO_COUNTY, Service.IHSS_APPLICATION)
    yield days.at(days.ago(44))
    await case.send()
    yield days.at(days.ago(42))
    await case.step(Event.ACCEPT)
    yield days.at(held, 16)
    await case.step(Event.HOLD, reason=HOLDS[0])
    world.found["progress_due"] = case.task


async def _revoked(world: World) -> Thread:
    """The member takes the consent back while the plan works on it: the plan sees no more than the loop needs."""
    days = world.days
    yield days.at(days.ago(33))
    pair = world.pair("alameda", "golden-poppy")
    person = await new_member(world, pair, pair.county_liaison)
    await agree(pair, person, pair.county_liaison, discloser=pair.county.id)
    case = Case(world, pair, person, TO_PLAN, Service.BEHAVIORAL_HEALTH)
    yield days.at(days.ago(28))
    await case.send()
    yield days.at(days.ago(24))
    await case.step(Event.ACCEPT)
    yield days.at(days.ago(5))
    await take_back(pair.county_liaison, person)
    world.found["revoked"] = person.id


async def _attempt(act: Callable[[], Awaitable[object]]) -> None:
    """Something that the hub refuses; its entry stays in the trail."""
    try:
        await act()
    except Forbidden:
        return
    raise RuntimeError("The hub should have refused this.")


async def _refused(world: World) -> Thread:
    """A member says no, and the plan's system tries nevertheless."""
    days = world.days
    yield days.at(days.ago(19))
    pair = world.pair("alameda", "golden-poppy")
    by = pair.plan.system or pair.plan_liaison
    person = await new_member(world, pair, by)
    await agree(pair, person, by, discloser=by.home, refused=True)
    world.found["refused"] = person.id
    yield Alone(days.at(days.ago(18)))
    await _attempt(Case(world, pair, person, TO_COUNTY, Service.IHSS_APPLICATION, True).send)


async def _one_way(world: World) -> Thread:
    """Consent only from the plan to the county, and with a sensitive category: its outcome goes back all the same."""
    days = world.days
    yield days.at(days.ago(40))
    pair = world.pair("alameda", "golden-poppy")
    by = pair.plan.system or pair.plan_liaison
    person = await new_member(world, pair, by)
    await agree(pair, person, by, discloser=by.home, two_way=False, labels=("PSY", "ETH"),
                until_date=world.today + timedelta(days=120))  # fmt: skip
    case = Case(world, pair, person, TO_COUNTY, Service.IHSS_REASSESSMENT, True)
    yield days.at(days.ago(37))
    await case.send()
    yield days.at(days.ago(34))
    await case.step(Event.ACCEPT)
    yield days.at(days.ago(21))
    await case.step(Event.COMPLETE)
    yield days.at(days.ago(17))
    await case.close()
    yield Alone(days.at(days.ago(15)))  # the other way the member did not agree to
    await _attempt(Case(world, pair, person, TO_PLAN, Service.ECM).send)


async def _expired(world: World) -> Thread:
    """A consent for half a year that ran out; the next referral finds none."""
    days = world.days
    yield days.at(days.ago(230))
    pair = world.pair("alameda", "golden-poppy")
    person = await new_member(world, pair, pair.county_liaison)
    await agree(
        pair, person, pair.county_liaison, discloser=pair.county.id, until_date=days.ago(230) + timedelta(days=182)
    )
    case = Case(world, pair, person, TO_PLAN, Service.EQUIPMENT)
    yield days.at(days.ago(226))
    await case.send()
    yield days.at(days.ago(224))
    await case.step(Event.ACCEPT)
    yield days.at(days.ago(209))
    await case.step(Event.COMPLETE)
    yield days.at(days.ago(203))
    await case.close()
    world.found["expired"] = person.id
    yield Alone(days.at(days.ago(8)))
    await _attempt(Case(world, pair, person, TO_PLAN, Service.EQUIPMENT).send)


async def _draft(world: World) -> Thread:
    """Prepared by the plan's system, not sent yet: nobody else sees it."""
    days = world.days
    yield days.at(days.later(world.today, -2))
    pair = world.pair("alameda", "golden-poppy")
    by = pair.plan.system or pair.plan_liaison
    person = await new_member(world, pair, by)
    await agree(pair, person, by, discloser=by.home)
    await Case(world, pair, person, TO_COUNTY, Service.IHSS_APPLICATION, True).send(draft=True)


async def _voided(world: World) -> Thread:
    days = world.days
    yield days.at(days.ago(27))
    pair = world.pair("alameda", "golden-poppy")
    person = await new_member(world, pair, pair.county_liaison)
    await agree(pair, person, pair.county_liaison, discloser=pair.county.id)
    case = Case(world, pair, person, TO_PLAN, Service.ECM)
    await case.send()
    yield days.at(days.ago(26))
    await case.step(Event.VOID)


async def _without_authority(world: World) -> Thread:
    """A plan refers to a county with which it has no executed MOU."""
    days = world.days
    yield days.at(days.ago(31))
    ours, theirs = world.pair("alameda", "blue-oak"), world.sides["sonoma"]
    by = ours.plan.system or ours.plan_liaison
    person = await new_member(world, ours, by)
    yield Alone(days.at(days.ago(30)))
    stray = Pair(ours.agreement, theirs, ours.plan, theirs.liaisons[0], ours.plan_liaison)
    await _attempt(Case(world, stray, person, TO_COUNTY, Service.IHSS_APPLICATION, True).send)


async def _in_excess(world: World) -> Thread:
    """A county sends a data element that its MOU does not list: the consent form itself."""
    days = world.days
    yield days.at(days.ago(51))
    pair = world.pair("humboldt", "silver-lupine")
    person = await new_member(world, pair, pair.county_liaison)
    await agree(pair, person, pair.county_liaison, discloser=pair.county.id)
    yield Alone(days.at(days.ago(50)))
    consents = (person.consent or "",)
    new = NewReferral(person.id, pair.plan.id, Service.ECM, "Needs a care manager.", consents=consents)
    await _attempt(lambda: send_referral(pair.county_liaison, new))
