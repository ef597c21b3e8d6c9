"""Reading stored rows: what the asker may see, and of that, what the decision function lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from hub.db.engine import fetch, look_up
from hub.db.lists import marks, padded
from hub.db.merged import merged
from hub.db.together import Among, Asked, Rows, Values, ask_of_found
from hub.fhir.asked import conditions
from hub.fhir.description import Resource, Row, all_ways
from hub.fhir.order import Part, SortKey
from hub.fhir.query import Condition, all_of, any_of
from hub.fhir.scopes import granted
from hub.fhir.wiring import Call, Side
from hub.kernel.errors import Forbidden


def instant(value: Any) -> datetime:
    """SQLite gives a text where a column comes out of an expression."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def require(call: Call, resource_type: str, letter: str) -> tuple[str, ...]:
    """The scope's constraints; refuses where no scope covers the interaction."""
    limits = granted(call.actor.scopes, resource_type, letter)
    if limits is None or (limits and letter in "cud"):
        raise Forbidden(f"The token has no scope for this: system/{resource_type}.{letter} is needed.")
    return limits


def scope(call: Call, resource: Resource, letter: str, decided: bool = False) -> Condition:
    """What the asker may see of a type: their organization's rows, within the constraints of their scopes.

    `decided`: the decision function is asked of each row that is found, and they are few.
    """
    limits = require(call, resource.name, letter)
    if decided and resource.ways is not None:
        seen: tuple[str, Sequence[Any]] = all_ways(resource.ways, call.actor, likely=False)
    else:
        seen = resource.visible(call.actor)
    return _narrowed(call, resource, Condition(seen[0], tuple(seen[1])), limits)


def scopes(call: Call, resource: Resource, wanted: Mapping[str, frozenset[str]]) -> list[Condition]:
    """The same for a search, in parts of which each is found by an index in the search's order; without those that
    cannot lead to the `wanted` values of columns.
    """
    if resource.ways is None:
        return [scope(call, resource, "s")]
    limits, home = require(call, resource.name, "s"), call.actor.home
    found = []
    for way in resource.ways(call.actor):
        if not way.leads_nowhere(home, wanted):
            sql, args = way.condition(home)
            found.append(_narrowed(call, resource, Condition(sql, tuple(args)), limits))
    return found


def _narrowed(call: Call, resource: Resource, seen: Condition, limits: tuple[str, ...]) -> Condition:
    if not limits:
        return seen
    narrowed = [conditions(call, resource, parse_qsl(one, keep_blank_values=True)) for one in limits]
    return all_of([seen, any_of(narrowed)])


async def permitted(call: Call, resource: Resource, rows: list[Row]) -> list[Row]:
    if resource.permit is None or not rows:
        return rows
    found = resource.permit(call.actor, rows, call.context)
    return found if isinstance(found, list) else await found


async def select(resource: Resource, condition: Condition, tail: str = "", *, few: bool = False) -> list[Row]:
    """`few`: an index leads to the rows, so that nobody has to wait while they are looked up."""
    read = look_up if few else fetch
    return await read(f"{resource.select()}{condition.sql}{tail}", *condition.args)


AskedAhead = Callable[[Among], Asked[None]]


async def in_order(
    resource: Resource,
    parts: Sequence[Part],
    keys: Sequence[SortKey],
    limit: int,
    *,
    few: bool,
    ahead: Sequence[AskedAhead] = (),
) -> list[Row]:
    """The first rows in an order, out of those that any of the parts finds, with its columns. `ahead`: what will be
    asked of them.
    """
    if not parts:
        return []
    args = [arg for part in parts for arg in part.condition.args]
    selects = [(f"{resource.select(part.selected)}{part.condition.sql}", part.order) for part in parts]
    sql = merged(selects, ", ".join(key.order for key in keys), limit)
    return await ask_of_found(Asked(sql, args, list), *ahead, few=few)


def foreseen(call: Call, resource: Resource) -> list[AskedAhead]:
    """What the decision function will ask of rows that are looked up for this call."""
    if resource.foreseen is None or call.memory is None:
        return []
    asks, actor, memory = resource.foreseen, call.actor, call.memory
    return [lambda among: asks(actor, among, memory)]


async def one(call: Call, resource: Resource, row_id: str, letter: str = "r") -> Row | None:
    """The current row, or None where the asker may not know of it. One query, and what the decision function asks."""
    seen = sifted(call, resource, letter)
    rows = await look_up(f"{resource.select()}r.id = {{}} AND {seen.sql}", row_id, *seen.args)
    rows = await permitted(call, resource, rows)
    return rows[0] if rows else None


def sifted(call: Call, resource: Resource, letter: str) -> Condition:
    """What the asker may see, of rows that something else leads to: their ids, their member, what they refer to. So
    written that it leads a database to no index: to walk through all that somebody may see is what both may else think
    of, in a State a hundred thousand rows for three.
    """
    seen = scope(call, resource, letter, decided=True)
    return Condition(f"(CASE WHEN {seen.sql} THEN TRUE ELSE FALSE END)", seen.args)


async def by_ids(call: Call, resource: Resource, ids: Iterable[str]) -> list[Row]:
    wanted = padded(ids)
    if not wanted:
        return []
    asked = asked_by_ids(call, resource, (marks(wanted), wanted))
    return await permitted(call, resource, await look_up(asked.sql, *asked.args))


def asked_by_ids(call: Call, resource: Resource, ids: Values) -> Asked[Rows]:
    """The rows with these ids of those that the asker may see, before the decision function is asked."""
    seen, (among, wanted) = sifted(call, resource, "r"), ids
    return Asked(f"{resource.select()}r.id IN ({among}) AND {seen.sql}", [*wanted, *seen.args], list)


def members_of(call: Call, told: Iterable[tuple[Resource, Row]]) -> dict[str, Side]:
    """Whose data these rows are, for the audit trail; with each member the other side, and on what it rested."""
    own = call.actor.organization
    sides: dict[str, str | None] = {}
    grounds: dict[str, str | None] = {}
    for resource, row in told:
        member = row[resource.member] if resource.member else None
        if not member:
            continue
        basis = row.get("basis")
        if member not in grounds:
            grounds[member] = basis
        elif basis and basis != grounds[member]:
            before = grounds[member]
            grounds[member] = f"{before}; {basis}" if before else basis
        if sides.get(member) is None:
            sides[member] = next((row[one] for one in resource.parties if row[one] not in (None, own)), None)
    return {member: Side(side, grounds[member]) for member, side in sides.items()}


def basis_of(rows: Sequence[Row]) -> str | None:
    found = dict.fromkeys([row["basis"] for row in rows if row.get("basis")])
    return "; ".join(found) or None
