"""Small States, and their rows in one form, wherever they come from."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import holidays as public_holidays

from hub.db.engine import Engine, fetch
from hub.directory.queries import load_user, system_actor
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.simulate.build import State, build_state
from hub.simulate.rows import COLUMNS
from hub.simulate.rules import Size
from hub.simulate.world import World, build
from tests.conftest import NOW

TODAY = clock.legal_date(NOW)
SMALL = {"counties": 3, "plans": 4, "members": 400, "referrals": 500, "seed": 7}


@lru_cache
def small_world(**changes: int) -> World:
    days = public_holidays.country_holidays("US", subdiv="CA", years=range(2023, 2029))
    return build(Size(**(SMALL | changes), today=TODAY), frozenset(days))


async def small_state(engine: Engine, **changes: Any) -> State:
    return await build_state(engine, **(SMALL | {"today": TODAY} | changes))


def plain(value: Any) -> Any:
    """As the State writes it: texts and numbers."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, bool) else value


async def stored(table: str, where: str = "", *args: Any) -> list[tuple[Any, ...]]:
    """Rows of a table with the columns that the State fills, in the order of their ids."""
    rows = await fetch(f"SELECT {', '.join(COLUMNS[table])} FROM {table} {where}", *args)
    return sorted(tuple(plain(value) for value in row.values()) for row in rows)


async def user(person: str) -> Actor:
    found = await load_user(person)
    assert found is not None
    return found


async def actor(who: str) -> Actor:
    """A person or a system of the State by its id."""
    return await load_user(who) or await system_actor(who)
