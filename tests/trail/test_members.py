"""The trail of an act on the data of several members: whole for each of them, and nothing of the others."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from hub.audit.actions import Entry, record, record_for_each
from hub.db.engine import engine, fetch, is_sqlite
from hub.db.sqltext import compiled
from hub.kernel import clock
from hub.trail.queries import LogFilter, LogRow, access_log, all_rows, read_sql, who_saw

SEARCH = Entry("fhir:task:search-type", "Task", detail={"query": "_id=a,b&_count=20"})


def _lately(**wanted: Any) -> LogFilter:
    return LogFilter(**{"since": clock.today() - timedelta(days=7), **wanted})


async def _page(cast: Any) -> None:
    """Golden Poppy's system reads three members' referrals at once; of two the county is the other side."""
    sides = {
        cast.rosa: (cast.alameda, "consent of Rosa"),
        cast.henry: (None, "own record"),
        "m-3": (cast.alameda, "consent of the third"),
    }
    await record_for_each(cast.poppy_system, SEARCH, sides)


def _told(rows: Sequence[LogRow]) -> list[tuple[str | None, str | None, str]]:
    return [(row.member, row.counterpart, row.basis) for row in rows]


async def test_a_members_trail_shows_the_page_with_what_it_rested_on_for_this_member_alone(cast: Any) -> None:
    await _page(cast)
    rows = await who_saw(cast.marisol, cast.rosa)
    assert _told(rows) == [(cast.rosa, cast.alameda, "consent of Rosa")]
    assert rows[0].words == "Golden Poppy care management searched referral"
    said = str(rows)
    for other in (cast.henry, "m-3", "own record", "consent of the third", "_id=a"):
        assert other not in said


async def test_a_member_page_without_the_organization_in_it_is_not_in_its_trail(cast: Any) -> None:
    """The county serves Rosa; that another plan and another county read of her is not theirs to see."""
    sides = {cast.rosa: (cast.poppy, "x"), "m-3": (cast.alameda, "y")}
    await record_for_each(cast.poppy_system, SEARCH, sides)
    assert await who_saw(cast.marisol, cast.rosa) == []


async def test_an_organization_accounts_for_each_member_of_its_own_pages(cast: Any) -> None:
    await _page(cast)
    rows = (await access_log(cast.grace, _lately())).rows
    assert sorted(_told(rows), key=str) == sorted(
        [
            (cast.rosa, cast.alameda, "consent of Rosa"),
            (cast.henry, None, "own record"),
            ("m-3", cast.alameda, "consent of the third"),
        ],
        key=str,
    )
    assert len({row.id for row in rows}) == 1, "one act"


async def test_the_other_side_sees_of_a_page_the_members_whose_data_were_its_own(cast: Any) -> None:
    await _page(cast)
    rows = (await access_log(cast.arturo, _lately())).rows
    assert {row.member for row in rows} == {cast.rosa, "m-3"}
    assert cast.henry not in str(rows)
    assert "_id=a" not in str(rows), "the search may have named others"


async def test_pages_of_the_log_follow_one_another_through_the_members_of_one_act(cast: Any) -> None:
    """All in one instant; acts on one member and on several, own and others'."""
    for n in range(2):
        await record(cast.marisol, Entry("a:b:read", "Task", f"own-{n}", member="m-0"))
        await record_for_each(cast.marisol, SEARCH, {f"m-{k}": (cast.poppy, None) for k in range(5)})
        await record_for_each(cast.priya, SEARCH, {f"m-{k}": (cast.alameda, None) for k in range(5)})
        await record(cast.priya, Entry("a:b:read", "Task", f"other-{n}", counterpart=cast.alameda))
    for size in (1, 3, 4, 100):
        seen: list[tuple[str, str | None]] = []
        before = None
        while True:
            page = await access_log(cast.arturo, _lately(), before, size=size)
            seen += [(row.id, row.member) for row in page.rows]
            if page.next is None:
                break
            before = page.next
        assert (len(seen), len(set(seen))) == (24, 24)
    assert len([row async for row in all_rows(cast.arturo, _lately())]) == 24


@pytest.mark.parametrize(
    ("wanted", "count"), [({"action": "fhir"}, 2), ({"person": "GOLDEN"}, 2), ({"outcome": "refused"}, 0)]
)
async def test_the_filter_of_the_log_holds_for_the_members_of_a_page(
    cast: Any, wanted: dict[str, str], count: int
) -> None:
    await _page(cast)
    assert len((await access_log(cast.arturo, _lately(**wanted))).rows) == count


async def test_the_csv_has_a_line_for_each_member_of_a_page(cast: Any, web: Any) -> None:
    await _page(cast)
    arturo = await web.sign_in(cast.arturo)
    answer = await arturo.get("/access-log.csv?action=fhir")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))[1:]
    assert {(row[6], row[9]) for row in rows} == {(cast.rosa, "consent of Rosa"), ("m-3", "consent of the third")}
    page = await arturo.text("/access-log?action=fhir")
    assert page.count("consent of") == 2


@pytest.mark.parametrize("member", ["", "m-1"])
@pytest.mark.parametrize("before", [None, (clock.now(), "e-1", "m-1")])
async def test_the_trail_is_read_by_index_however_long_it_is(cast: Any, member: str, before: Any) -> None:
    sql, args = read_sql(cast.poppy, LogFilter(member=member), before, 51)
    bound = engine()
    text = compiled(sql, bound.engine_type)
    if is_sqlite():
        plan = [row["detail"] for row in await bound.fetch(f"EXPLAIN QUERY PLAN {text}", args)]
        assert not [step for step in plan if step.startswith("SCAN") and " part" not in step], plan
        sorted_ = [step for step, then in pairwise(plan) if then == "USE TEMP B-TREE FOR ORDER BY"]
        assert not [step for step in sorted_ if not step.startswith("SCAN part")], plan  # what is merged is short
        return
    await fetch(
        "INSERT INTO audit_entry (id, recorded_at, happened_at, action, outcome, actor_kind, actor_id, actor_name,"
        " organization, subject_type, member, counterpart, leaf) SELECT 'e-' || n, now(), now() - n * interval '1 s',"
        " 'a:b:c', 'permitted', 'system', 's', 's', 'o-' || n % 50, 'Task', 'm-' || n % 500, 'o-' || n % 49, 'x'"
        " FROM generate_series(1, 5000) n"
    )
    await fetch(
        "INSERT INTO audit_member (entry, member, counterpart, happened_at) SELECT 'e-' || n,"
        " 'm-' || (n * k) % 5000, 'o-' || n % 47, now() - n * interval '1 s'"
        " FROM generate_series(1, 5000) n, generate_series(1, 8) k ON CONFLICT DO NOTHING"
    )
    await fetch("ANALYZE audit_entry")
    await fetch("ANALYZE audit_member")
    plan = [row["QUERY PLAN"] for row in await bound.fetch(f"EXPLAIN {text}", args)]
    assert not [step for step in plan if "Seq Scan on audit" in step], plan
