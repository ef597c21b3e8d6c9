"""The list of referrals: what it shows, what it counts, and how the database finds it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.consent.queries import granted
from hub.db.engine import Engine, fetch
from hub.kernel.actor import Actor
from hub.mou.rules import DataElement
from hub.referrals.actions.desk import take_step
from hub.referrals.queries.lists import Filter, partners, referral_list, tally
from hub.referrals.rules import Event, Status
from tests.cast import Cast
from tests.fhir.test_plans import Asked, asked
from tests.referrals.build import agree, referral_from_county, referral_from_plan

__all__ = ["asked"]  # the fixture
STATES = ("open", "ended", "closing", "all", *Status)


async def some(cast: Cast) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    own = [await referral_from_plan(cast) for _ in range(5)]
    for _ in range(3):
        await referral_from_county(cast)
    await take_step(cast.marisol, own[0], Event.ACCEPT, version=1)
    await take_step(cast.marisol, own[1], Event.DECLINE, version=1, reason="Not in our county.")


async def by_hand(actor: Actor, filter: Filter) -> list[str]:
    """All rows, looked at one by one."""
    found = []
    for row in await fetch("SELECT * FROM task ORDER BY updated_at DESC, id DESC"):
        status, side = Status(row["status"]), "requester" if row["requester"] == actor.home else "owner"
        other = row["owner"] if side == "requester" else row["requester"]
        if actor.home not in (row["requester"], row["owner"]) or (side == "owner" and status is Status.DRAFT):
            continue
        ended = status in (Status.REJECTED, Status.CANCELLED, Status.FAILED, Status.COMPLETED)
        fits = {
            "open": not ended and status not in (Status.VOID, Status.DRAFT),
            "ended": ended or status is Status.VOID,
            "closing": ended and row["loop_closed_on"] is None,
            "all": True,
        }.get(filter.state, status == filter.state)
        if (
            fits
            and filter.side in ("", side)
            and filter.partner in ("", other)
            and filter.member in ("", row["member"])
        ):
            found.append(row["id"])
    return found


@pytest.mark.parametrize("narrow", ["", "partner", "member", "stranger"])
async def test_each_list_shows_and_counts_what_a_look_at_every_row_finds(cast: Cast, narrow: str) -> None:
    await some(cast)
    for actor in (cast.marisol, cast.priya):
        other = cast.poppy if actor is cast.marisol else cast.alameda
        more: dict[str, Any] = {
            "": {},
            "partner": {"partner": other},
            "member": {"member": cast.rosa},
            "stranger": {"partner": cast.laurel},
        }[narrow]
        numbers = await tally(actor, Filter(**more))
        for side in ("", "requester", "owner"):
            for state in STATES:
                filter = Filter(side=side, state=state, **more)
                expected = await by_hand(actor, filter)
                rows, following = await referral_list(actor, filter)
                assert ([row.id for row in rows], following) == (expected, False), filter
                assert numbers.of(filter) == len(expected), filter


async def test_partners_are_those_with_whom_there_was_a_referral(cast: Cast) -> None:
    assert await partners(cast.marisol) == []
    await some(cast)
    assert [one for one, _ in await partners(cast.marisol)] == [cast.poppy]
    assert [one for one, _ in await partners(cast.priya)] == [cast.alameda]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_list_is_read_out_of_indexes_in_its_order(cast: Cast, database: Engine, asked: list[Asked]) -> None:
    one, other = {"partner": cast.poppy}, {"member": cast.rosa}
    for state in ("open", "ended", "closing", "all"):
        for more, index in (({}, "task_"), (one, "task_"), (other, "task_member")):
            asked.clear()
            filter = Filter(state=state, **more)
            await referral_list(cast.marisol, filter)
            await tally(cast.marisol, filter)
            for sql, args in [each for each in asked if " FROM task r " in each[0]]:
                steps = [row["detail"] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", args)]
                reads = [step for step in steps if step.startswith(("SEARCH r", "SCAN r"))]
                assert reads and all(f"INDEX {index}" in step and "=?" in step for step in reads), (sql, steps)
                if not more:
                    assert not [step for step in steps if "ORDER BY" in step], (sql, steps)


@pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_postgresql_asks_for_terms_and_grants_row_by_row_so_that_a_page_stops_early(
    cast: Cast, database: Engine
) -> None:
    condition, args = granted("r.member", "r.requester", DataElement.REFERRAL, cast.poppy)

    async def plan(condition: str) -> str:
        sql = f"EXPLAIN SELECT r.id FROM task r WHERE r.owner = {{}} AND {condition} ORDER BY r.updated_at LIMIT 21"
        return "\n".join(next(iter(row.values())) for row in await fetch(sql, cast.poppy, *args))

    assert "Semi Join" not in await plan(condition)
    assert "Semi Join" in await plan(condition.replace("LIMIT 1 OFFSET 0", ""))
