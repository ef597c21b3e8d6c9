"""The stage: organizations, people and systems, made by the hub's own actions; and what the story knows of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.audit.actions import Entry, record
from hub.demo.names import Members
from hub.demo.people import PLANS, TEAMS, TITLES, CountyTeam, Plan, local_part
from hub.demo.timeline import Days
from hub.directory import actions as directory
from hub.directory.counties import COUNTIES, full_name, identifier
from hub.directory.queries import load_user, system_actor
from hub.directory.rules import Position
from hub.duties.actions import seed_rules
from hub.kernel.actor import HUB, Actor


@dataclass
class Side:
    """A county or a plan that takes part."""

    id: str
    name: str
    short: str
    responsible: Actor
    liaisons: list[Actor]
    compliance: Actor
    system: Actor | None = None
    number: int = 0  # of a county

    @property
    def people(self) -> list[Actor]:
        return [self.responsible, *self.liaisons, self.compliance]


@dataclass
class Pair:
    """A county and a plan with an MOU, and who works on it for either."""

    agreement: str
    county: Side
    plan: Side
    county_liaison: Actor
    plan_liaison: Actor


@dataclass
class World:
    days: Days
    chance: random.Random
    members: Members
    sides: dict[str, Side] = field(default_factory=dict)  # by key: alameda, golden-poppy
    pairs: dict[tuple[str, str], Pair] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)  # ids of things that the story shows on purpose

    @property
    def today(self) -> date:
        return self.days.today

    def pair(self, county: str, plan: str) -> Pair:
        return self.pairs[county, plan]

    def person(self, name: str) -> Actor:
        return next(actor for side in self.sides.values() for actor in side.people if actor.name == name)


class _Numbers:
    """Telephone numbers of offices: from the range that is kept for stories."""

    def __init__(self) -> None:
        self._next = 100

    def next(self) -> str:
        self._next += 1
        return f"(916) 555-{self._next % 10_000:04d}"


async def build(world: World, keys: Mapping[str, dict[str, Any]], since: date) -> None:
    """Everything that is there before the first MOU. `keys` are the public key sets of the plans' systems."""
    await seed_rules(HUB)
    await directory.seed_holidays(range(since.year, world.today.year + 3))
    ids = {}
    for number in COUNTIES:
        ids[number] = await directory.add_organization(
            HUB, "county", full_name(number), COUNTIES[number], identifier(number), number
        )
    numbers = _Numbers()
    for team in TEAMS:
        world.sides[team.key] = await _county(team, ids[team.number], numbers, since)
    for plan in PLANS:
        world.sides[plan.key] = await _plan(plan, keys, numbers, since)
    await record(HUB, Entry("demo:stage:build", "Organization", detail={"counties": len(ids), "plans": len(PLANS)}))


async def _county(team: CountyTeam, organization: str, numbers: _Numbers, since: date) -> Side:
    domain = f"{team.key}-county.example"
    make = _maker(organization, domain, numbers)
    side = Side(
        organization,
        full_name(team.number),
        COUNTIES[team.number],
        await make(team.responsible, "county_responsible_person"),
        [await make(name, "county_liaison") for name in team.liaisons],
        await make(team.compliance, "county_compliance_officer"),
        number=team.number,
    )
    await _appoint_compliance(side, Position.COUNTY_COMPLIANCE_OFFICER, since)
    return side


async def _plan(plan: Plan, keys: Mapping[str, dict[str, Any]], numbers: _Numbers, since: date) -> Side:
    organization = await directory.add_organization(HUB, "plan", plan.name, plan.short, plan.identifier)
    make = _maker(organization, f"{plan.key}.example", numbers)
    side = Side(
        organization,
        plan.name,
        plan.short,
        await make(plan.responsible, "plan_responsible_person"),
        [await make(name, "plan_liaison") for name in plan.liaisons],
        await make(plan.compliance, "plan_compliance_officer"),
    )
    await _appoint_compliance(side, Position.MCP_COMPLIANCE_OFFICER, since)
    if plan.system:
        system = await directory.add_system(
            HUB, organization, plan.system, client_of(plan), plan.scopes, dict(keys[plan.key])
        )
        side.system = await system_actor(system)
    return side


def client_of(plan: Plan) -> str:
    return f"{plan.key}-system"


def _maker(organization: str, domain: str, numbers: _Numbers) -> Any:
    async def make(name: str, role: str) -> Actor:
        given, _, family = name.rpartition(" ")
        person = await directory.add_person(
            HUB, organization, given, family, f"{local_part(name)}@{domain}", numbers.next(), TITLES[role], [role]
        )
        actor = await load_user(person)
        if actor is None:
            raise RuntimeError("A person of the story was not recorded.")
        return actor

    return make


async def _appoint_compliance(side: Side, position: Position, since: date) -> None:
    await directory.appoint(
        HUB, organization=side.id, counterpart=None, position=position, person=side.compliance.id, from_date=since
    )
