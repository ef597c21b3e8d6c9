"""A search: one page of matches, what it includes, links. The Bundle is stored texts, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlencode

from hub.db.documents import instant_text
from hub.db.engine import fetch_value
from hub.fhir import includes, store
from hub.fhir.asked import CURSOR, Asked, read
from hub.fhir.description import Resource, Row
from hub.fhir.order import Part, cursor_of
from hub.fhir.outcome import issue_of, outcome
from hub.fhir.query import Condition, all_of, refuse
from hub.fhir.store import basis_of, in_order, instant, members_of, permitted, scopes, sifted
from hub.fhir.wiring import Answer, Call
from hub.kernel import clock
from hub.kernel.errors import Issue, Refusal
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode

MAX_LOOKED_AT = 5000  # rows, to fill one page
FILL = 200  # rows looked at in one go where some were withheld
FEW = 5000  # rows that somebody can see at most: they are looked up, and the page is sorted out of them
COUNT_FREELY = 1000  # a total that nobody asked for is given while it costs little


async def search(call: Call, resource_type: str, pairs: Sequence[tuple[str, str]]) -> Answer:
    resource = call.wiring.resource(resource_type)
    query, call = _encoded(tuple([pair for pair in pairs if pair[0] != CURSOR])), replace(call, memory={})
    led_to: includes.LedTo = {}
    try:
        asked = read(call, resource, pairs)
        if asked.counts_only:
            every = await _every(call, asked, resource)
            await call.record("search-type", resource.name, query=query)
            return Answer(200, _bundle(call, asked, [], {}, every, None))
        matches, more = await _page(call, asked, resource, led_to)
        included = await includes.included(call, asked, matches, led_to)
    except Refusal as refusal:
        if refusal.status in (403, 404):
            await call.record("search-type", resource.name, query=query, outcome="refused", basis=refusal.words)
        raise
    following = None
    if more:
        following = cursor_of(_place(asked, matches[-1]))
    total = await _total(call, asked, resource, len(matches), more)
    await _record(call, resource, matches, included, query)
    return Answer(200, _bundle(call, asked, matches, included, total, following))


async def _page(call: Call, asked: Asked, resource: Resource, led_to: includes.LedTo) -> tuple[list[Row], bool]:
    """A page of rows that the decision function lets out, and whether there are more of them.

    The page is filled, so that neither its length nor its link tells of rows that are withheld. `led_to` gets
    what the first rows lead to, where it was looked up with them.
    """
    ahead = [*store.foreseen(call, resource), *includes.foreseen(call, asked, led_to)]
    parts, few = await _ways(call, asked, resource), asked.few and (asked.pinned or resource.reach is None)
    found: list[Row] = []
    size, looked, after = asked.count + 1, 0, asked.after
    while True:
        rows = await in_order(resource, asked.over(parts, after), asked.sort, size, few=few, ahead=ahead)
        ahead = []
        last = _place(asked, rows[-1]) if rows else []
        found += await permitted(call, resource, rows)
        looked += len(rows)
        if len(found) > asked.count or len(rows) < size:
            return found[: asked.count], len(found) > asked.count
        if looked > MAX_LOOKED_AT:
            raise refuse("_count", "the search meets too much that may not be told; narrow it.", "too-costly")
        size, after = max(size, FILL), last


async def _ways(call: Call, asked: Asked, resource: Resource) -> list[Condition]:
    """What the asker may see, in parts; or whole, to be asked of rows that something else leads to.

    To walk through all rows in their order until a page is full is quick for whom many are meant. For others, in a
    State most counties, it is quicker to look up all that can be theirs.
    """
    if asked.named:
        return [sifted(call, resource, "s")]
    if resource.reach is None:
        return scopes(call, resource, asked.wanted)
    sql, args = resource.reach(call.actor, asked.wanted)
    seen, reach = sifted(call, resource, "s"), Condition(sql, tuple(args))
    return [seen if await _many(reach) else all_of([Condition(f"r.id IN ({reach.sql})", reach.args), seen])]


async def _many(reach: Condition) -> bool:
    inner = f"SELECT id FROM ({reach.sql}) reach LIMIT {FEW + 1}"
    return bool(await fetch_value(f"SELECT count(*) FROM ({inner}) found", *reach.args) > FEW)


def _place(asked: Asked, row: Row) -> list[object]:
    """Where a row stands in the order."""
    values = [(key.kind, row[key.column]) for key in asked.sort]
    return [instant(value) if kind == "instant" and value is not None else value for kind, value in values]


async def _every(call: Call, asked: Asked, resource: Resource) -> int | None:
    """How many there are that may be told of. Where each is decided, of some only; else it is said why not."""
    whole = resource.reach(call.actor, {}) if resource.reach is not None and not asked.conditions else None
    if whole is None or not await _many(Condition(whole[0], tuple(whole[1]))):
        parts = asked.over(await _ways(call, asked, resource), None)
        if resource.permit is None:
            return await _counted(resource, parts)
        if await _counted(resource, parts, COUNT_FREELY + 1) <= COUNT_FREELY:
            rows = await in_order(resource, parts, asked.sort, COUNT_FREELY, few=False)
            return len(await permitted(call, resource, rows))
    words = f"The total is not given: more than {COUNT_FREELY} would have to be decided one by one; narrow the search."
    asked.warnings.append(Issue("", words, "too-costly", "warning"))
    return None


async def _counted(resource: Resource, parts: Sequence[Part], limit: int | None = None) -> int:
    """How many rows the parts find; with a limit, no more of each are looked at."""
    cut = f" LIMIT {limit}" if limit else ""
    each = [f"SELECT 1 AS n FROM {resource.table_name} r WHERE {part.condition.sql}{cut}" for part in parts]
    every = " UNION ALL ".join([f"SELECT n FROM ({one}) part_{number}" for number, one in enumerate(each)])
    args = [arg for part in parts for arg in part.condition.args]
    return int(await fetch_value(f"SELECT count(*) FROM ({every}) found", *args)) if parts else 0


async def _total(call: Call, asked: Asked, resource: Resource, matches: int, more: bool) -> int | None:
    """Exact or not given: what the decision function withholds does not count. What nobody asked for is given where it
    costs next to nothing.
    """
    if asked.total == "none":
        return None
    if not more and asked.after is None:
        return matches
    if not asked.total and resource.permit is not None:
        return None
    if asked.total:
        return await _every(call, asked, resource)
    found = await _counted(resource, asked.over(await _ways(call, asked, resource), None), COUNT_FREELY + 1)
    return found if found <= COUNT_FREELY else None


async def _record(call: Call, resource: Resource, matches: list[Row], included: includes.Found, query: str) -> None:
    told = [*((resource, row) for row in matches), *included.values()]
    ids = [f"{one.name}/{row['id']}" for one, row in told]
    rows = [row for _, row in told]
    await call.record(
        "search-type", resource.name, ids=ids, members=members_of(call, told), query=query, basis=basis_of(rows)
    )


def _bundle(
    call: Call, asked: Asked, matches: list[Row], included: includes.Found, total: int | None, following: str | None
) -> str:
    base, name = call.wiring.fhir_base, asked.resource.name
    own = f"{base}/{name}"
    applied = _encoded(tuple(asked.applied))
    links = [{"relation": "self", "url": f"{own}?{applied}" if applied else own}]
    if following is not None:
        links.append({"relation": "next", "url": f"{own}?{applied}{'&' if applied else ''}{CURSOR}={following}"})
    entries = [
        f'{{"fullUrl":"{own}/{row["id"]}","resource":{row["document"]},"search":{{"mode":"match"}}}}' for row in matches
    ]
    entries += [
        f'{{"fullUrl":"{base}/{one.name}/{row["id"]}","resource":{row["document"]},"search":{{"mode":"include"}}}}'
        for one, row in included.values()
    ]
    if asked.warnings:
        said = encode(outcome(issue_of(one) for one in asked.warnings))
        entries.append(f'{{"resource":{said},"search":{{"mode":"outcome"}}}}')
    return join("searchset", links, entries, total)


@lru_cache(maxsize=256)  # who polls asks the same again
def _encoded(pairs: tuple[tuple[str, str], ...]) -> str:
    return urlencode(pairs)


def entry_text(base: str, resource_type: str, row: Row, extra: str) -> str:
    return f'{{"fullUrl":"{base}/{resource_type}/{row["id"]}","resource":{row["document"]},{extra}}}'


def join(kind: str, links: list[dict[str, str]], entries: Sequence[str], total: int | None = None) -> str:
    """A Bundle around stored texts."""
    head = f'{{"resourceType":"Bundle","id":"{new_id()}","meta":{{"lastUpdated":"{instant_text(clock.now())}"}}'
    head += f',"type":"{kind}"'
    if total is not None:
        head += f',"total":{total}'
    if links:
        head += f',"link":{encode(links)}'
    if not entries:  # an empty list is no FHIR
        return head + "}"
    return "".join((head, ',"entry":[', ",".join(entries), "]}"))  # the entries are most of it: copied twice at most
