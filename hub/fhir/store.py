"""Reading stored rows: what the asker may see, and of that, what the decision function lets through."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from hub.db.engine import fetch
from hub.fhir.asked import conditions
from hub.fhir.description import Resource, Row
from hub.fhir.query import Condition, all_of, any_of
from hub.fhir.scopes import granted
from hub.fhir.wiring import Call
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


def scope(call: Call, resource: Resource, letter: str) -> Condition:
    """What the asker may see of a type: their organization's rows, within the constraints of their scopes."""
    limits = require(call, resource.name, letter)
    sql, args = resource.visible(call.actor)
    seen = Condition(sql, tuple(args))
    if not limits:
        return seen
    narrowed = [conditions(call, resource, parse_qsl(one, keep_blank_values=True)) for one in limits]
    return all_of([seen, any_of(narrowed)])


async def permitted(call: Call, resource: Resource, rows: list[Row]) -> list[Row]:
    if resource.permit is None or not rows:
        return rows
    found = resource.permit(call.actor, rows, call.context)
    return await found if inspect.isawaitable(found) else found


async def select(resource: Resource, condition: Condition, tail: str = "") -> list[Row]:
    sql = f"SELECT r.* FROM {resource.table_name} r WHERE {condition.sql}{tail}"
    return await fetch(sql, *condition.args)


async def one(call: Call, resource: Resource, row_id: str, letter: str = "r") -> Row | None:
    """The current row, or None where the asker may not know of it. One query, and what the decision function asks."""
    seen = scope(call, resource, letter)
    rows = await select(resource, all_of([Condition("r.id = {}", (row_id,)), seen]))
    rows = await permitted(call, resource, rows)
    return rows[0] if rows else None


async def by_ids(call: Call, resource: Resource, ids: Iterable[str]) -> list[Row]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return []
    marks = ", ".join(["{}"] * len(wanted))
    found = await select(resource, all_of([Condition(f"r.id IN ({marks})", tuple(wanted)), scope(call, resource, "r")]))
    return await permitted(call, resource, found)


def members_of(resource: Resource, rows: Sequence[Row]) -> list[str]:
    """Whose data these rows are, for the audit trail."""
    if resource.member is None:
        return []
    return list(dict.fromkeys(str(row[resource.member]) for row in rows if row.get(resource.member)))


def basis_of(rows: Sequence[Row]) -> str | None:
    found = dict.fromkeys(str(row["basis"]) for row in rows if row.get("basis"))
    return "; ".join(found) or None
