"""Some two hundred referrals over a year, both ways, with delays and ends as they come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from hub.demo.casework import TO_COUNTY, TO_PLAN, Case, Person, agree, new_member
from hub.demo.mous import EXECUTED, executed_on
from hub.demo.timeline import Thread
from hub.demo.words import CANCELS, DECLINES, DURATION, FAILURES, HOLDS
from hub.demo.world import Pair, World
from hub.kernel import clock
from hub.referrals.rules import OF_THE_COUNTY, OF_THE_PLAN, ClosureReason, Event, Service

C = ClosureReason
_QUIET = 26  # of the last weeks what wants attention is told on purpose (`today`), not left to chance


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many members of a pair, and how many referrals about them, from when until when (days ago)."""

    county: str
    plan: str
    members: int
    referrals: int
    since: int
    until: int = 1


TRAFFIC: tuple[Traffic, ...] = (
    Traffic("alameda", "golden-poppy", 56, 76, 352),
    Traffic("alameda", "bay-laurel", 23, 30, 345, 18),
    Traffic("alameda", "blue-oak", 14, 18, 300, 20),
    Traffic("sonoma", "bay-laurel", 8, 11, 340),
    Traffic("fresno", "valley-quail", 10, 14, 350),
    Traffic("los-angeles", "golden-poppy", 11, 14, 345),
    Traffic("los-angeles", "yarrow", 5, 6, 350, 150),
    Traffic("sacramento", "manzanita", 7, 9, 275),
    Traffic("santa-clara", "blue-oak", 4, 5, 340, 150),
    Traffic("humboldt", "silver-lupine", 5, 7, 198),
)


def threads(world: World) -> list[Thread]:
    """One thread for each member."""
    found: list[Thread] = []
    for traffic in TRAFFIC:
        more = traffic.referrals - traffic.members
        for number in range(traffic.members):
            span = traffic.since - traffic.until
            first = traffic.since - int(span * (number + world.chance.random()) / traffic.members)
            found.append(_member(world, traffic, first, again=number < more))
    return found


async def _member(world: World, traffic: Traffic, first: int, *, again: bool) -> Thread:
    days, chance = world.days, world.chance
    mou = next(one for one in EXECUTED if (one.county, one.plan) == (traffic.county, traffic.plan))
    begins = max(days.ago(first), days.later(executed_on(days, mou), 1))
    yield days.at(begins)
    pair = world.pair(traffic.county, traffic.plan)
    over_api = pair.plan.system is not None and chance.random() < 0.75
    direction = TO_COUNTY if chance.random() < 0.58 else TO_PLAN
    person = await _on_file(world, pair, direction, over_api)
    service = chance.choices(OF_THE_COUNTY, (60, 22, 18))[0] if direction == TO_COUNTY else chance.choice(OF_THE_PLAN)
    sent = days.later(begins, chance.randrange(0, 3))
    async for moment in referral(Case(world, pair, person, direction, service, over_api), sent):
        yield moment
    if not again:
        return
    back = TO_PLAN if direction == TO_COUNTY else TO_COUNTY
    if chance.random() < 0.35:
        back = direction
    service = chance.choice(OF_THE_COUNTY[1:]) if back == TO_COUNTY else chance.choice(OF_THE_PLAN)
    next_one = days.later(clock.today(), chance.randrange(3, 20))
    if next_one < world.today - timedelta(days=traffic.until):
        pair = world.pair(traffic.county, traffic.plan)
        async for moment in referral(Case(world, pair, person, back, service, over_api), next_one):
            yield moment


async def _on_file(world: World, pair: Pair, direction: str, over_api: bool) -> Person:
    """The member and a consent: mostly both ways, mostly for a year."""
    by_plan = direction == TO_COUNTY
    plan_side = (pair.plan.system if over_api else None) or pair.plan_liaison
    by = plan_side if by_plan else pair.county_liaison
    person = await new_member(world, pair, by)
    labels = ("PSY",) if world.chance.random() < 0.06 else ()
    until = clock.today() + timedelta(days=world.chance.choice((365, 365, 730, 540)))
    await agree(pair, person, by, discloser=by.home, two_way=True, until_date=until, labels=labels)
    return person


async def referral(case: Case, sent: date) -> Thread:
    """From its sending to its closed loop."""
    world, days, chance = case.world, case.world.days, case.world.chance
    yield days.at(sent)
    await case.send(priority="urgent" if case.service is Service.IHSS_DISCHARGE else "routine")
    recent = (world.today - sent).days < _QUIET
    late = not recent and chance.random() < 0.07
    answered = days.later(sent, chance.randrange(6, 13) if late else chance.choices(range(5), (10, 30, 30, 20, 10))[0])
    fate = chance.choices(("accept", "decline", "cancel", "void"), (83, 10, 5, 2))[0]
    yield days.at(answered, chance.randrange(10, 17))
    if fate == "void":
        await case.step(Event.VOID, reason="The wrong member was chosen.")
        return
    if fate == "cancel":
        await case.step(Event.CANCEL, case.requester, reason=chance.choice(CANCELS), closure=C.NOT_NEEDED)
    elif fate == "decline":
        reason, closure = chance.choice(DECLINES)
        await case.step(Event.DECLINE, reason=reason, closure=closure)
    else:
        await case.step(Event.ACCEPT)
        async for moment in _work(case, answered):
            yield moment
    slow = not recent and chance.random() < 0.06
    closing = days.later(clock.today(), chance.randrange(12, 19) if slow else chance.randrange(1, 8))
    yield days.at(closing)
    await case.close()


async def _work(case: Case, accepted: date) -> Thread:
    """Between the answer and the end: something is recorded at least every four weeks."""
    days, chance = case.world.days, case.world.chance
    shortest, longest = DURATION[case.service]
    whole = chance.randrange(shortest, longest)
    if whole > 6:
        yield days.at(days.later(accepted, chance.randrange(1, 4)))
        await case.step(Event.START)
    if whole > 26 or chance.random() < 0.1:
        yield days.at(days.on_or_after(accepted + timedelta(days=chance.randrange(9, 22))))
        await case.step(Event.HOLD, reason=chance.choice(HOLDS))
        yield days.at(days.on_or_after(clock.today() + timedelta(days=chance.randrange(8, 24))))
        await case.step(Event.RESUME)
    end = max(accepted + timedelta(days=whole), clock.today() + timedelta(days=1))
    yield days.at(days.on_or_before(min(end, clock.today() + timedelta(days=27))))
    fate = chance.choices((Event.COMPLETE, Event.FAIL, Event.CANCEL), (80, 15, 5))[0]
    if fate is Event.FAIL:
        reason, closure = chance.choice(FAILURES)
        await case.step(fate, reason=reason, closure=closure)
    elif fate is Event.CANCEL:
        await case.step(fate, case.requester, reason=chance.choice(CANCELS), closure=C.NOT_NEEDED)
    else:
        await case.step(fate)
