"""What becomes of one referral, from its sending to its closed loop, with believable delays and ends. Pure.

What would happen today or later has not happened: the story is cut off there.
"""

from __future__ import annotations

from typing import NamedTuple

from hub.demo.names import NEEDS, OUTCOMES
from hub.demo.words import CANCELS, DECLINES, DURATION, FAILURES, HOLDS
from hub.referrals.rules import BY_EVENT, OF_THE_COUNTY, OF_THE_PLAN, ClosureReason, Event, Service, Status
from hub.simulate.members import Given, Member, Members, participant, participants
from hub.simulate.rules import Moment, mix, slots, stream
from hub.simulate.world import World

_TRIES = 60
_SERVICES = [OF_THE_COUNTY[place] for place in slots((60, 22, 18), 4)]
_FATES = [(Event.ACCEPT, Event.DECLINE, Event.CANCEL, Event.VOID)[place] for place in slots((83, 10, 5, 2), 7)]
_ENDS = [(Event.COMPLETE, Event.FAIL, Event.CANCEL)[place] for place in slots((80, 15, 5), 7)]
_ANSWERS = (0, 1, 1, 2, 2, 3, 3, 4)  # working days
_OFFICE = 26_000  # seconds, so that what follows on the same day has room
_PROGRESS_DAYS = 27  # something is recorded at least so often, mostly


class Step(NamedTuple):
    event: Event
    before: Status
    after: Status
    at: Moment
    by_owner: bool
    reason: str = ""
    closure: ClosureReason | None = None
    outcome: str = ""


class Story(NamedTuple):
    number: int
    member: Member
    consent: Given
    named: bool  # whether the request names the consent
    to_county: bool
    service: Service
    need: str
    over_api: bool  # whether the plan's side is its system
    sent: Moment
    steps: tuple[Step, ...]
    closed: Moment | None

    @property
    def priority(self) -> str:
        return "urgent" if self.service is Service.IHSS_DISCHARGE else "routine"


class Stories:
    """Tells referrals by their numbers."""

    def __init__(self, world: World, members: Members) -> None:
        self._days, self._members = world.days, members
        self._seed = stream(world.size.seed, "referral")
        self._count, self._people = world.size.referrals, world.size.members

    def sent_on(self, number: int) -> int:
        days = self._days
        day = days.on_or_after(days.first + number * (days.today - days.first) // self._count)
        return day if day <= days.last else days.on_or_before(days.last)

    def tell(self, number: int) -> Story | None:
        """None where nobody can be referred on that day: in a small State, before the first consents."""
        h, day = mix(self._seed, number * 4), self.sent_on(number)
        limit = participants(self._members.known_by(day - 14))
        place = (h & 0xFFFFFFFF) * limit >> 32
        if h >> 32 & 1:
            place = place * place // limit  # some are referred again and again
        for attempt in range(min(_TRIES, limit)):
            member = self._members.member(participant((place + attempt * 7919) % limit))
            if member.pair.executed < day:
                for consent in member.consents:
                    if _holds(consent, day):
                        return self._story(number, h, day, member, consent)
        return None

    def _story(self, number: int, h: int, day: int, member: Member, consent: Given) -> Story:
        pair, g = member.pair, mix(self._seed, number * 4 + 1)
        to_county = consent.by is pair.plan if not consent.two_way else h >> 33 & 15 < 9
        service = _SERVICES[h >> 37 & 15] if to_county else OF_THE_PLAN[h >> 37 & 3]
        over_api = pair.plan.system is not None and h >> 41 & 15 < 12
        named = over_api and to_county and consent.by is pair.plan and bool(h >> 45 & 1)
        needs = NEEDS[service]
        sent = self._days.at(day, (h >> 46) % _OFFICE, g & 511)
        steps = self._steps(sent, service, pair.slow, g, mix(self._seed, number * 4 + 2))
        closed = None
        if steps and steps[-1].after not in (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD, Status.VOID):
            last, c = steps[-1].at, mix(self._seed, number * 4 + 3)
            slow = c & 15 == 0
            on = self._days.later(last.day, 12 + (c >> 4) % 7 if slow else 1 + (c >> 4) % 7)
            if on <= self._days.last:
                closed = self._days.at(on, (c >> 16) % _OFFICE, c >> 40 & 511)
        return Story(
            number, member, consent, named, to_county, service, needs[(g >> 9) % len(needs)], over_api, sent, steps,
            closed,
        )  # fmt: skip

    def _steps(self, sent: Moment, service: Service, slow: int, g: int, f: int) -> tuple[Step, ...]:
        """`g` and `f` are two draws of the referral: for the answer, and for the work."""
        days = self._days
        if g >> 12 & 511 == 0:
            return ()  # nobody ever answers
        if g >> 21 & 63 < 2 * slow:
            waits = 6 + (g >> 27) % 8
        else:
            waits = _ANSWERS[g >> 27 & (3 if service is Service.IHSS_DISCHARGE else 7)]
        tale = _Tale(self, sent, f)
        answered = days.later(sent.day, waits)
        match _FATES[g >> 30 & 127]:
            case Event.DECLINE:
                reason, closure = DECLINES[(g >> 37) % len(DECLINES)]
                tale.step(Event.DECLINE, answered, True, reason, closure)
            case Event.CANCEL:
                tale.step(Event.CANCEL, answered, False, CANCELS[g >> 37 & 1], ClosureReason.NOT_NEEDED)
            case Event.VOID:
                tale.step(Event.VOID, answered, False, "The wrong member was chosen.")
            case _:
                tale.step(Event.ACCEPT, answered, True)
                self._work(tale, answered, service, g >> 40, f)
        return tuple(tale.steps)

    def _work(self, tale: _Tale, accepted: int, service: Service, g: int, f: int) -> None:
        days = self._days
        shortest, longest = DURATION[service]
        whole = shortest + g % (longest - shortest)
        last = accepted
        if whole > 6 and f & 1:
            last = days.later(accepted, 1 + (f >> 1) % 3)
            tale.step(Event.START, last, True)
        if (whole > 26 and f >> 3 & 3 == 0) or f >> 5 & 31 == 0:
            held = max(days.on_or_after(accepted + 9 + (f >> 10) % 13), last)
            tale.step(Event.HOLD, held, True, HOLDS[(f >> 14) % len(HOLDS)])
            last = days.on_or_after(held + 8 + (f >> 18) % 16)
            tale.step(Event.RESUME, last, True)
        stands_still = f >> 22 & 31 == 0
        end = max(accepted + whole, last + 1)
        end = days.on_or_after(end + 30) if stands_still else days.on_or_before(min(end, last + _PROGRESS_DAYS))
        end = max(end, last)
        match _ENDS[f >> 27 & 127]:
            case Event.FAIL:
                reason, closure = FAILURES[(f >> 34) % len(FAILURES)]
                tale.step(Event.FAIL, end, True, reason, closure)
            case Event.CANCEL:
                tale.step(Event.CANCEL, end, False, CANCELS[f >> 34 & 1], ClosureReason.NOT_NEEDED)
            case _:
                words = OUTCOMES[service]
                tale.step(Event.COMPLETE, end, True, outcome=words[(f >> 34) % len(words)])


class _Tale:
    """The steps so far: a step after the last day told, and all that would follow it, did not happen."""

    def __init__(self, stories: Stories, sent: Moment, draw: int) -> None:
        self._days, self._last, self._draw = stories._days, sent, draw
        self._status, self._over = Status.REQUESTED, False
        self.steps: list[Step] = []

    def step(
        self, event: Event, day: int, by_owner: bool, reason: str = "", closure: ClosureReason | None = None,
        outcome: str = "",
    ) -> None:  # fmt: skip
        if self._over or day > self._days.last:
            self._over = True
            return
        second = (self._draw >> 8 * len(self.steps) & 0xFFFF) * _OFFICE >> 16
        if day == self._last.day:
            second = min(max(second, self._last.second + 60), 28_799)
        at = self._days.at(day, second, self._draw >> 41 + len(self.steps) & 511)
        after = BY_EVENT[self._status, event].after
        self.steps.append(Step(event, self._status, after, at, by_owner, reason, closure, outcome))
        self._status, self._last = after, at


def _holds(consent: Given, day: int) -> bool:
    """Whether it covers a whole day: given before, not ended on it."""
    return (
        not consent.refused
        and consent.at.day < day
        and (consent.until is None or day <= consent.until)
        and (consent.revoked is None or day < consent.revoked.day)
    )
