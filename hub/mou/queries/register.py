"""The register of MOUs: an actor sees those of its own organization, and to everybody else they do not exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.db.engine import fetch
from hub.directory.rules import REQUIRED_FOR_MOU, required_of
from hub.duties import queries as duties
from hub.duties.queries import DutyRow
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, NotFound
from hub.mou.queries.in_force import agreement_in_force
from hub.mou.queries.rows import AGREEMENT, AgreementRow, as_row
from hub.mou.rules import IN_FORCE, Seat, State


@dataclass(frozen=True, slots=True)
class Filter:
    state: str | None = None  # a State, `open` (before execution), `in_force` or `ended`
    partner: str | None = None


@dataclass(frozen=True, slots=True)
class RegisterRow:
    agreement: AgreementRow
    partner: str
    sections_complete: int
    positions_filled: int
    positions: int
    next_duty: DutyRow | None
    satisfies_template: bool


GROUPS: dict[str, tuple[State, ...]] = {
    "open": (State.DRAFT, State.NEGOTIATION, State.IN_SIGNATURE),
    "in_force": tuple(sorted(IN_FORCE)),
    "ended": (State.EXPIRED, State.TERMINATED),
}


def may_read(actor: Actor) -> None:
    if not (actor.is_hub or actor.can("mou.read")):
        raise Forbidden("Your role does not open MOUs.")


def scope(actor: Actor) -> tuple[str, list[Any]]:
    """SQL condition on alias `a`: the MOUs to which the actor's organization is a party."""
    if actor.is_hub:
        return "1 = 1", []
    return "a.id IN (SELECT agreement FROM agreement_party WHERE organization = {})", [actor.organization or ""]


async def visible_row(actor: Actor, agreement_id: str) -> AgreementRow:
    """One MOU of the actor's organization; anybody else's is not found."""
    may_read(actor)
    condition, args = scope(actor)
    rows = await fetch(f"{AGREEMENT} WHERE a.id = {{}} AND {condition}", agreement_id, *args)
    if not rows:
        raise NotFound("There is no such MOU, or your organization is not a party to it.")
    return as_row(rows[0])


async def counts(actor: Actor) -> dict[str, int]:
    """How many MOUs are before execution, in force, ended: the register's filters."""
    may_read(actor)
    condition, args = scope(actor)
    rows = await fetch(f"SELECT a.state, COUNT(*) AS n FROM agreement a WHERE {condition} GROUP BY a.state", *args)
    by_state = {row["state"]: int(row["n"]) for row in rows}
    groups = {name: sum(by_state.get(state, 0) for state in states) for name, states in GROUPS.items()}
    return {"all": sum(by_state.values()), **groups}


async def agreements(actor: Actor, chosen: Filter | None = None) -> list[RegisterRow]:
    """The register: the MOUs of the actor's organization, by partner."""
    may_read(actor)
    chosen = chosen or Filter()
    condition, args = scope(actor)
    if chosen.state:
        states = GROUPS.get(chosen.state, (chosen.state,))
        condition += f" AND a.state IN ({', '.join(['{}'] * len(states))})"
        args += [str(state) for state in states]
    if chosen.partner:
        condition += " AND (a.county = {} OR a.plan = {})"
        args += [chosen.partner, chosen.partner]
    rows = [as_row(r) for r in await fetch(f"{AGREEMENT} WHERE {condition} ORDER BY a.id", *args)]
    complete, seats = await _complete_sections(rows), await _seats_of(rows, clock.today())
    found = []
    for row in rows:
        mine = seats[row.id]
        duty = await _next_duty(row.id, actor.home)
        found.append(
            RegisterRow(
                row,
                row.partner_of(actor.organization),
                complete.get(row.id, 0),
                sum(seat.filled for seat in mine),
                len(mine),
                duty,
                row.template != "none",
            )
        )
    return sorted(found, key=lambda one: (one.partner, one.agreement.effective_date or date.max))


async def _next_duty(agreement: str, seen_by: str) -> DutyRow | None:
    found = await duties.duties_of(("Agreement", agreement), clock.today(), seen_by=seen_by)
    open_ones = [d for d in found if d.state == "open"]
    return min(open_ones, key=lambda d: (d.due_on, d.id), default=None)


async def _complete_sections(rows: Iterable[AgreementRow]) -> dict[str, int]:
    ids = [row.id for row in rows]
    if not ids:
        return {}
    counted = await fetch(
        "SELECT agreement, COUNT(*) AS n FROM agreement_section WHERE complete = {}"
        f" AND agreement IN ({', '.join(['{}'] * len(ids))}) GROUP BY agreement",
        True,
        *ids,
    )
    return {row["agreement"]: int(row["n"]) for row in counted}


async def _seats_of(rows: list[AgreementRow], on: date) -> dict[str, tuple[Seat, ...]]:
    """The seats of many MOUs, from one read of who is in office."""
    if not rows:
        return {}
    ids = [row.id for row in rows]
    marks = ", ".join(["{}"] * len(ids))
    parties = await fetch(
        "SELECT x.agreement, x.organization, x.role, o.name FROM agreement_party x"
        f" JOIN organization o ON o.id = x.organization WHERE x.agreement IN ({marks})",
        *ids,
    )
    positions = ", ".join(f"'{position}'" for position in REQUIRED_FOR_MOU)
    held = await fetch(
        "SELECT organization, counterpart, position FROM appointment"
        " WHERE organization IN (SELECT organization FROM agreement_party"
        f" WHERE agreement IN ({marks})) AND position IN ({positions})"
        " AND from_date <= {} AND (until_date IS NULL OR until_date >= {})",
        *ids,
        on,
        on,
    )
    taken = {(h["organization"], h["counterpart"], h["position"]) for h in held}
    of: dict[str, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for party in parties:
        of[party["agreement"]].append(party)
    return {row.id: seats(of[row.id], taken) for row in rows}


def seats(parties: list[dict[str, Any]], taken: set[tuple[str, str | None, str]]) -> tuple[Seat, ...]:
    """The positions that an MOU needs: the county's towards each plan, and each plan's towards the county."""
    counties = [p for p in parties if p["role"] == "county"]
    plans = [p for p in parties if p["role"] == "plan"]
    found = []
    for county in counties:
        for plan in plans:
            for side, other, kind in ((county, plan, "county"), (plan, county, "plan")):
                for position in required_of(kind)[::-1]:
                    filled = any(
                        (side["organization"], towards, position.value) in taken
                        for towards in (other["organization"], None)
                    )
                    found.append(
                        Seat(
                            position,
                            side["organization"],
                            side["name"],
                            other["organization"],
                            other["name"],
                            filled,
                        )
                    )
    return tuple(found)


async def vacancies(agreement_id: str, on: date) -> list[Seat]:
    """The positions of an MOU that nobody holds on that day."""
    rows = await fetch(f"{AGREEMENT} WHERE a.id = {{}}", agreement_id)
    if not rows:
        raise NotFound("There is no such MOU.")
    row = as_row(rows[0])
    return [seat for seat in (await _seats_of([row], on))[row.id] if not seat.filled]


async def vacancies_between(a: str, b: str, on: date) -> list[Seat]:
    """The vacant positions of the MOU in force between two organizations: for their agenda and their report."""
    found = await agreement_in_force(a, b, on)
    if found is None:
        return []
    return [seat for seat in await vacancies(found.id, on) if {seat.organization, seat.counterpart} == {a, b}]
