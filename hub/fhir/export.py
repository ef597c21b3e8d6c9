"""Everything of a type that somebody may have, for files: page by page, each row decided before it leaves.

The statement joins terms and grants, so that hardly anything is read that may not be told. It sees one moment; the
decision function is asked for each page when its turn comes, and so a consent that is revoked while an export runs
ends it for the member's rows that have not left yet.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hub.db.stream import PAGE, stream
from hub.fhir.description import Resource, Row, WriteContext, all_ways
from hub.fhir.query import Condition, all_of
from hub.kernel.actor import Actor

EVERYTHING = Condition("1 = 1")
_CONTEXT = WriteContext(channel="export")
_AT_A_TIME = 500  # rows decided in one go: the rest of the hub waits as long


@asynccontextmanager
async def joined(
    actor: Actor, resource: Resource, columns: tuple[str, ...], narrowed: Condition = EVERYTHING, size: int = PAGE
) -> AsyncIterator[AsyncIterator[list[Any]]]:
    """The store's part: columns of all rows that terms and grants let through. Not yet decided: not to be told."""
    sql, args = all_ways(resource.ways, actor, whole=True) if resource.ways else resource.visible(actor)
    seen = all_of([Condition(sql, tuple(args)), narrowed])
    named = ", ".join(f"r.{column}" for column in columns)
    async with stream(f"SELECT {named} FROM {resource.table_name} r WHERE {seen.sql}", *seen.args, size=size) as pages:
        yield pages


@asynccontextmanager
async def export(
    actor: Actor, resource: Resource, narrowed: Condition = EVERYTHING, size: int = PAGE
) -> AsyncIterator[AsyncIterator[list[Row]]]:
    """Everything of a type that may leave for the actor's organization, in pages:

        async with export(actor, TASK) as pages:
            async for page in pages:
                for row in page: …write(row["document"])

    Rows have `id`, `version`, the `document` as stored, the columns of the description, and the `basis` for the audit
    trail. `narrowed` asks for less, such as what the scopes of a token leave, or what was updated since.

    What goes wrong comes out as an error, however far the pages have got: what was taken so far is not the whole.
    """
    columns = _columns(resource)

    async def decided(pages: AsyncIterator[list[Any]]) -> AsyncIterator[list[Row]]:
        async for page in pages:
            for start in range(0, len(page), _AT_A_TIME):
                some = [dict(zip(columns, row, strict=True)) for row in page[start : start + _AT_A_TIME]]
                if rows := await _permitted(actor, resource, some):
                    yield rows

    async with joined(actor, resource, columns, narrowed, size) as pages:
        yield decided(pages)


def _columns(resource: Resource) -> tuple[str, ...]:
    """What a decision looks at, and no more: each column costs as much as the rest of a row's way."""
    own = ("id", "version", "document", resource.member or "id", *resource.parties, *resource.columns)
    return tuple(dict.fromkeys(own))


async def _permitted(actor: Actor, resource: Resource, rows: list[Row]) -> list[Row]:
    if resource.permit is None:
        return rows
    found = resource.permit(actor, rows, _CONTEXT)
    return await found if inspect.isawaitable(found) else found
