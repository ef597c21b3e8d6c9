"""What the people and systems of a pair do with one member: record, agree, refer, answer, work, close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.consent.actions import record_consent
from hub.consent.actions import revoke as revoke_consent
from hub.consent.document import consent
from hub.db.engine import fetch
from hub.demo.names import NEEDS, OUTCOMES
from hub.demo.world import Pair, World
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.jsontext import decode
from hub.members.actions import record_member
from hub.members.document import patient
from hub.referrals import document
from hub.referrals.actions.desk import NewReferral, Outcome, close_loop, send_referral, take_step
from hub.referrals.actions.procedures import receive_procedure
from hub.referrals.actions.requests import receive_request
from hub.referrals.actions.tasks import change_task, receive_task
from hub.referrals.rules import BY_EVENT, ClosureReason, Event, Service, Status

TO_COUNTY, TO_PLAN = "to-county", "to-plan"


@dataclass
class Person:
    """A member of the story, with the consent on file."""

    id: str
    county: str
    plan: str
    consent: str | None = None
    consent_by: str | None = None


async def new_member(world: World, pair: Pair, by: Actor) -> Person:
    """The county or the plan records somebody; the other side finds the same person by the CIN."""
    people, county = world.members, by.is_county
    given, family, language = people.name()
    told = patient(
        cin=people.cin(),
        given=given,
        family=family,
        birth_date=people.born(world.today),
        phone=people.phone(),
        address=people.address(pair.county.short),
        language=language,
    )
    case = f"{pair.county.number:02d}{people.number() % 100_000:05d}"
    stored = await record_member(by, told, case if county else None)
    other = (pair.plan.system or pair.plan_liaison) if county else pair.county_liaison
    await record_member(other, told)
    return Person(stored.id, pair.county.id, pair.plan.id)


async def agree(
    pair: Pair,
    person: Person,
    by: Actor,
    *,
    discloser: str,
    two_way: bool = True,
    from_date: date | None = None,
    until_date: date | None = None,
    labels: tuple[str, ...] = (),
    refused: bool = False,
) -> str:
    """The member agrees or refuses, and `by` records the signed form."""
    recipient = pair.county.id if discloser == pair.plan.id else pair.plan.id
    stored = await record_consent(
        by,
        consent(
            member=person.id,
            given_on=clock.today(),
            from_date=from_date or clock.today(),
            until_date=until_date,
            organizations=(discloser, recipient),
            two_way=two_way,
            form="ASCMI form, AB 133",
            labels=labels,
            refused=refused,
        ),
    )
    if not refused:
        person.consent, person.consent_by = stored.id, by.organization
    return stored.id


async def take_back(by: Actor, person: Person) -> None:
    """The member revokes."""
    if person.consent is not None:
        await revoke_consent(by, person.consent, 1)


@dataclass
class Case:
    """One referral on its way, and who acts for either side."""

    world: World
    pair: Pair
    person: Person
    direction: str
    service: Service
    over_api: bool = False  # whether the plan's side is its system
    task: str = ""
    version: int = 1
    status: Status = Status.REQUESTED

    @property
    def plan_actor(self) -> Actor:
        return (self.pair.plan.system if self.over_api else None) or self.pair.plan_liaison

    @property
    def owner(self) -> Actor:
        return self.pair.county_liaison if self.direction == TO_COUNTY else self.plan_actor

    @property
    def requester(self) -> Actor:
        return self.plan_actor if self.direction == TO_COUNTY else self.pair.county_liaison

    async def send(self, *, draft: bool = False, priority: str = "routine", need: str = "") -> None:
        need = need or self.world.chance.choice(NEEDS[self.service])
        asked = self.pair.county.id if self.direction == TO_COUNTY else self.pair.plan.id
        mine = self.person.consent if self.person.consent_by == self.requester.home else None
        consents = (mine,) if mine and self.over_api else ()
        if not (self.over_api or draft):
            self.task = await send_referral(
                self.requester, NewReferral(self.person.id, asked, self.service, need, priority, consents)
            )
            return
        at = clock.now()
        request = await receive_request(
            self.requester,
            document.service_request(
                member=self.person.id, service=self.service, requester=self.requester.home, performer=asked, at=at,
                need=need, priority=priority, consents=consents,
            ),
        )  # fmt: skip
        task = document.task(
            service_request=request.id, member=self.person.id, requester=self.requester.home, owner=asked, at=at,
            priority=priority,
        )  # fmt: skip
        if draft:
            self.status = Status.DRAFT
            task = {**task, "status": self.status.value}
        self.task = (await receive_task(self.requester, task)).id

    async def step(
        self, event: Event, by: Actor | None = None, *, reason: str = "", closure: ClosureReason | None = None
    ) -> None:
        """A step in the page, or the same over the API where a system takes it."""
        actor = by or (self.requester if event is Event.VOID else self.owner)
        outcome = None
        if event is Event.COMPLETE:
            outcome = Outcome(self.world.chance.choice(OUTCOMES[self.service]), clock.today())
        if actor is self.pair.plan.system:
            await self._over_api(actor, event, reason, closure, outcome)
        else:
            await take_step(
                actor, self.task, event, version=self.version, reason=reason, closure=closure, outcome=outcome
            )
        self.status = BY_EVENT[self.status, event].after
        self.version += 1

    async def _over_api(
        self, actor: Actor, event: Event, reason: str, closure: ClosureReason | None, outcome: Outcome | None
    ) -> None:
        rows = await fetch("SELECT document, service_request FROM task WHERE id = {}", self.task)
        procedure = None
        if outcome:
            done = document.procedure(
                member=self.person.id, service_request=rows[0]["service_request"], performer=actor.home,
                words=outcome.words, on=outcome.on.isoformat(),
            )  # fmt: skip
            procedure = (await receive_procedure(actor, done)).id
        after = BY_EVENT[self.status, event].after
        changed = document.apply_step(
            decode(rows[0]["document"]), after, clock.now(), reason=reason, closure=closure, procedure_id=procedure
        )
        await change_task(actor, self.task, changed)

    async def close(self) -> None:
        await close_loop(self.requester, self.task)
