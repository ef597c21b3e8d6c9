"""Who takes part: the counties, made-up plans, which of them have an MOU, and the people who work on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from hub.demo.names import LIKELY, ORIGINS
from hub.demo.people import local_part
from hub.directory.counties import COUNTIES, full_name, identifier
from hub.simulate.rules import Days, Size, ids, mix, slots, stream

POPULATION = (
    1682, 1, 41, 212, 45, 22, 1166, 28, 191, 1009, 29, 136, 180, 19, 909, 152, 68, 33, 10014, 156, 262, 17, 92, 281, 9,
    13, 439, 138, 102, 3187, 405, 20, 2418, 1585, 64, 2182, 3299, 874, 779, 282, 764, 448, 1936, 271, 182, 3, 44, 453,
    489, 553, 100, 66, 16, 473, 56, 844, 216, 82,
)  # fmt: skip
"""Of each county, in thousands, about: by this members are spread over the State."""

_PLANTS = (
    "Golden Poppy", "Bay Laurel", "Blue Oak", "Manzanita", "Silver Lupine", "Toyon", "Valley Quail", "Yarrow",
    "Coast Redwood", "Monkeyflower", "Sugar Pine", "Tule Elk", "Western Fence", "Ceanothus", "Buckeye", "Sandpiper",
    "Juniper Ridge", "Sycamore", "Madrone", "Larkspur", "Chaparral", "Kingfisher", "Fireweed", "Alder Creek",
    "Mariposa Lily", "Foothill", "Clarkia", "Delta Reed", "Pinyon", "Cypress Point", "Sagebrush", "Milkweed",
    "Tidewater", "Acorn", "Grizzly Peak", "Columbine", "Saltgrass", "Condor", "Elderberry", "Snow Plant",
)  # fmt: skip
_KINDS = ("Health Plan", "Care", "Community Plan", "Family Health")
MOST_PLANS = len(_PLANTS)

# How many plans a county has, from so many thousand people on.
_PLANS_OF = ((5000, 6), (1500, 5), (600, 4), (150, 3), (30, 2), (0, 1))
_LIAISONS_OF = ((5000, 6), (1500, 3), (600, 2), (0, 1))

ROLES = ("responsible_person", "compliance_officer", "liaison")


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works for a county or a plan."""

    id: str
    given: str
    family: str
    role: str  # of hub.auth.capabilities
    username: str
    email: str
    phone: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


@dataclass(frozen=True, slots=True)
class Side:
    """A county or a plan."""

    id: str
    kind: str
    key: str  # los-angeles, golden-poppy
    name: str
    short: str
    identifier: str
    number: int | None
    responsible: Staff
    compliance: Staff
    liaisons: tuple[Staff, ...]
    system: str | None = None  # id of its software, where it calls the API

    @property
    def people(self) -> tuple[Staff, ...]:
        return (self.responsible, self.compliance, *self.liaisons)

    @property
    def system_name(self) -> str:
        return f"{self.short} care management"

    @property
    def client_id(self) -> str:
        return f"{self.key}-system"


@dataclass(frozen=True, slots=True)
class Pair:
    """A county and a plan with an MOU, executed or on its way, and who works on it."""

    number: int
    agreement: str
    county: Side
    plan: Side
    county_liaison: Staff
    plan_liaison: Staff
    county_deputy: Staff | None
    plan_deputy: Staff | None
    stage: str  # executed | in_signature | negotiation | draft
    begun: int  # day of its record
    executed: int  # day of its execution, from which it is in force
    weight: float  # share of the State's members
    slow: int  # of 16: how often a referral waits too long here


@dataclass(frozen=True)
class World:
    """The stage, as it follows from the arguments."""

    size: Size
    days: Days
    counties: tuple[Side, ...]
    plans: tuple[Side, ...]
    pairs: tuple[Pair, ...]
    executed: tuple[Pair, ...] = field(default=())

    @property
    def sides(self) -> tuple[Side, ...]:
        return (*self.counties, *self.plans)

    @property
    def people(self) -> list[Staff]:
        return [one for side in self.sides for one in side.people]


class _People:
    """Draws the staff: made-up names, as the demonstration has them."""

    def __init__(self, seed: int, beginning: str) -> None:
        self._seed, self._beginning, self._count = stream(seed, "staff"), beginning, 0
        self._id = ids(seed, "person")
        self._origins = slots(LIKELY, 6)

    def draw(self, side: str, key: str, role: str, place: int) -> Staff:
        h = mix(self._seed, self._count)
        _, given, family = ORIGINS[self._origins[h & 63]]
        names, families = given.split("|") if "|" in given else given.split(), family.split()
        self._count += 1
        local = f"{role.split('_')[0]}{place or ''}"
        return Staff(
            self._id(self._beginning, self._count),
            names[(h >> 8) % len(names)],
            families[(h >> 24) % len(families)],
            f"{side}_{role}",
            f"{key}.{local}",
            f"{local}@{key}{'-county' if side == 'county' else ''}.example",
            f"+1916555{100 + self._count % 100:04d}",  # from the range that is kept for stories
        )

    def team(self, side: str, key: str, liaisons: int) -> tuple[Staff, Staff, tuple[Staff, ...]]:
        return (
            self.draw(side, key, "responsible_person", 0),
            self.draw(side, key, "compliance_officer", 0),
            tuple(self.draw(side, key, "liaison", n) for n in range(1, liaisons + 1)),
        )


def _at_least(table: tuple[tuple[int, int], ...], thousands: int) -> int:
    return next(count for least, count in table if thousands >= least)


def build(size: Size, holidays: frozenset[date]) -> World:
    """The same for the same arguments."""
    days = Days(size, holidays)
    start = days.at(0, 0).ids
    people, make = _People(size.seed, start), ids(size.seed, "organization")
    ranked = sorted(COUNTIES, key=lambda number: (-POPULATION[number - 1], number))
    numbers = sorted(ranked[: size.counties])
    counties = tuple(_county(number, make(start, number), people) for number in numbers)
    between = _between(size, numbers)
    system = ids(size.seed, "system")
    plans = tuple(
        _plan(place, make(start, 100 + place), system(start, place), people, sum(place in them for them in between))
        for place in range(size.plans)
    )
    pairs = tuple(_pairs(size, days, counties, plans, between))
    return World(size, days, counties, plans, pairs, tuple(pair for pair in pairs if pair.stage == "executed"))


def _county(number: int, row_id: str, people: _People) -> Side:
    key = local_part(COUNTIES[number]).replace(".", "-")
    team = people.team("county", key, _at_least(_LIAISONS_OF, POPULATION[number - 1]))
    return Side(row_id, "county", key, full_name(number), COUNTIES[number], identifier(number), number, *team)


def _plan(place: int, row_id: str, system: str, people: _People, counties: int) -> Side:
    """Seven of ten plans have software that calls the API."""
    short = _PLANTS[place]
    key = local_part(short).replace(".", "-")
    team = people.team("plan", key, 1 + counties // 4)
    name = f"{short} {_KINDS[place % len(_KINDS)]}"
    return Side(row_id, "plan", key, name, short, f"plan-{key}", None, *team, system if place % 10 < 7 else None)


def _between(size: Size, numbers: list[int]) -> list[list[int]]:
    """For each county its plans, the one with most members first. No plan is without a county."""
    seed = stream(size.seed, "pairs")
    found = []
    for number in numbers:
        wanted = min(size.plans, _at_least(_PLANS_OF, POPULATION[number - 1]))
        # The first plan works in most of the State, every other one more likely near its home.
        home = [abs(place * 58 // size.plans - number) for place in range(size.plans)]
        drawn = sorted(range(size.plans), key=lambda p: (home[p] // 12 if p else 1, mix(seed, number * 64 + p)))
        found.append(drawn[:wanted])
    used = {place for them in found for place in them}
    by_size = sorted(range(len(numbers)), key=lambda n: -POPULATION[numbers[n] - 1])
    for turn, place in enumerate(sorted(set(range(size.plans)) - used)):
        found[by_size[turn % len(by_size)]].append(place)
    return found


_SHARES = (48, 26, 14, 8, 5, 3)


def _pairs(
    size: Size, days: Days, counties: tuple[Side, ...], plans: tuple[Side, ...], between: list[list[int]]
) -> list[Pair]:
    seed, make = stream(size.seed, "mou"), ids(size.seed, "agreement")
    found: list[Pair] = []
    for county, places in zip(counties, between, strict=True):
        weight = POPULATION[(county.number or 1) - 1]
        for rank, place in enumerate(places):
            number, plan = len(found), plans[place]
            h = mix(seed, (county.number or 0) * 64 + place)
            draw = h & 0xFF
            stage = "executed"
            if rank and draw >= 238:
                stage = ("negotiation", "in_signature", "draft")[draw % 3]
            executed = days.first - 40 - (h >> 8) % 130
            if rank and 210 <= draw < 238:  # an MOU that came later
                executed = days.first + 60 + (h >> 8) % 360
            executed = days.on_or_after(executed)
            begun = executed - 45 - (h >> 24) % 60 if stage == "executed" else days.today - 40 - (h >> 24) % 90
            at, other = number % len(county.liaisons), number % len(plan.liaisons)
            found.append(
                Pair(
                    number,
                    make(days.at(days.on_or_after(begun), 3600).ids, number),
                    county,
                    plan,
                    county.liaisons[at],
                    plan.liaisons[other],
                    _next(county.liaisons, at),
                    _next(plan.liaisons, other),
                    stage,
                    days.on_or_after(begun),
                    executed,
                    weight * _SHARES[min(rank, len(_SHARES) - 1)] if stage == "executed" else 0,
                    1 + (h >> 40) % 4,
                )
            )
    return found


def _next(people: tuple[Staff, ...], at: int) -> Staff | None:
    """A deputy is somebody else."""
    return people[(at + 1) % len(people)] if len(people) > 1 else None
