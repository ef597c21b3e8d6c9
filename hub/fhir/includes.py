"""What a page of matches leads to: `_include`, `_revinclude`, and of what they lead to in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from hub.db.engine import fetch
from hub.db.together import Among
from hub.db.together import Asked as AskedRows
from hub.fhir import store
from hub.fhir.asked import Asked, Follow
from hub.fhir.description import Resource, Row
from hub.fhir.query import Condition, all_of, column_of, sql_of
from hub.fhir.scopes import granted
from hub.fhir.store import by_ids, permitted, scope, select, sifted
from hub.fhir.wiring import Call

MAX_INCLUDED = 1000
_ROUNDS = 4
_NOT_ASKED: tuple[frozenset[str], list[Row]] = (frozenset(), [])

Found = dict[tuple[str, str], tuple[Resource, Row]]
LedTo = dict[int, tuple[frozenset[str], list[Row]]]  # by the number of the include: the ids that it asked for, the rows


def foreseen(call: Call, asked: Asked, led_to: LedTo) -> Iterator[store.AskedAhead]:
    """What the includes will ask of a page's rows, whatever of it will be told."""
    for number, follow in enumerate(asked.includes):
        target, column = call.wiring.by_name[follow.target], _plain_column(follow)
        if column and follow.source is asked.resource and granted(call.actor.scopes, target.name, "r") is not None:
            yield partial(_ask_ahead, call, led_to, number, target, column)


def _ask_ahead(call: Call, led_to: LedTo, number: int, target: Resource, column: str, among: Among) -> AskedRows[None]:
    rows = store.asked_by_ids(call, target, among.values(column))

    def note(found: list[Row]) -> None:
        led_to[number] = among.held(column), found

    return AskedRows(rows.sql, rows.args, note)


async def included(call: Call, asked: Asked, matches: list[Row], led_to: LedTo) -> Found:
    """What `_include` and `_revinclude` lead to: once each, and only what the asker may see of that type."""
    found: Found = {}
    known = {(asked.resource.name, row["id"]) for row in matches}
    fresh: dict[str, list[Row]] = {asked.resource.name: matches}
    for number in range(_ROUNDS):
        ahead = [(place, one) for place, one in enumerate(asked.includes) if number == 0 or one.iterate]
        back = [one for one in asked.reverse if number == 0 or one.iterate]
        next_fresh: dict[str, list[Row]] = {}
        for place, follow in ahead:
            target = call.wiring.by_name[follow.target]
            if granted(call.actor.scopes, target.name, "r") is None:
                continue
            ids = await _targets(follow, fresh.get(follow.source.name, []))
            wanted = [one for one in ids if (target.name, one) not in known]
            there, rows = led_to.get(place, _NOT_ASKED)
            asked_for = set(wanted)
            if asked_for <= there:
                rows = await permitted(call, target, [row for row in rows if row["id"] in asked_for])
            else:
                rows = await by_ids(call, target, wanted)
            _take(target, rows, known, found, next_fresh)
        for follow in back:
            if granted(call.actor.scopes, follow.source.name, "s") is None:
                continue
            rows = await _sources(call, follow, fresh.get(follow.target, []))
            _take(follow.source, rows, known, found, next_fresh)
        fresh = next_fresh
        if not any(fresh.values()) or len(found) >= MAX_INCLUDED:
            break
    return found


def _take(
    resource: Resource, rows: list[Row], known: set[tuple[str, str]], found: Found, fresh: dict[str, list[Row]]
) -> None:
    name, taken = resource.name, fresh.setdefault(resource.name, [])
    for row in rows:
        key = (name, row["id"])
        if key not in known and len(found) < MAX_INCLUDED:
            known.add(key)
            found[key] = (resource, row)
            taken.append(row)


def _plain_column(follow: Follow) -> str | None:
    """Of the table itself, so that each row holds it."""
    column = column_of(follow.param)
    return column if follow.param.within is None and re.fullmatch(r"[a-z_0-9]+", column) else None


async def _targets(follow: Follow, rows: list[Row]) -> list[str]:
    column = _plain_column(follow)
    if column:
        return [str(row[column]) for row in rows if row.get(column)]
    if not rows:
        return []
    marks = ", ".join(["{}"] * len(rows))
    tables = f"{follow.source.table_name} r"
    tables += f", {follow.param.within} AND" if follow.param.within else " WHERE"
    sql = f"SELECT DISTINCT {sql_of(column_of(follow.param))} AS id FROM {tables} r.id IN ({marks})"
    return [str(one["id"]) for one in await fetch(sql, *(row["id"] for row in rows)) if one["id"]]


async def _sources(call: Call, follow: Follow, rows: list[Row]) -> list[Row]:
    if not rows:
        return []
    marks, ids = ", ".join(["{}"] * len(rows)), tuple(row["id"] for row in rows)
    refers = f"{sql_of(column_of(follow.param))} IN ({marks})"
    if follow.param.within:
        refers = f"EXISTS (SELECT 1 FROM {follow.param.within} AND {refers})"
    own = sifted if follow.param.within is None else scope
    seen = all_of([Condition(refers, ids), own(call, follow.source, "s")])
    found = await select(follow.source, seen, f" ORDER BY r.id LIMIT {MAX_INCLUDED}")
    return await permitted(call, follow.source, found)
