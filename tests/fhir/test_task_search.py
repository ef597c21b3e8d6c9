"""A partner's system looks for its Tasks by their statuses, page by page."""

from __future__ import annotations

from typing import Any

from hub.db.engine import fetch, is_sqlite
from hub.referrals.actions.desk import take_step
from hub.referrals.rules import Event
from tests.cast import Cast
from tests.fhir.api import Api, system_of
from tests.referrals.build import agree, referral_from_county, referral_from_plan


async def pages(api: Api, query: str) -> list[list[str]]:
    """The ids of the Tasks on each page, by following the links."""
    found, path = [], f"/Task?{query}"
    while path:
        bundle = (await api.get(path)).json()
        found.append([one["resource"]["id"] for one in bundle.get("entry", ()) if one["search"]["mode"] == "match"])
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        path = following[0].partition("/fhir")[2] if following else ""
    return found


async def test_tasks_of_several_statuses_come_in_one_order_over_all_pages(cast: Cast, web: Any) -> None:
    poppy = await system_of(web, cast.poppy)
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    own = [await referral_from_plan(cast) for _ in range(4)]
    theirs = [await referral_from_county(cast) for _ in range(3)]
    await take_step(cast.marisol, own[0], Event.ACCEPT, version=1)
    await take_step(cast.marisol, own[2], Event.ACCEPT, version=1)
    await take_step(cast.marisol, own[3], Event.DECLINE, version=1, reason="Not in our county.")

    rows = await fetch("SELECT id FROM task WHERE status <> 'rejected' ORDER BY updated_at DESC, id DESC")
    newest_first = [row["id"] for row in rows]
    accepted = [one for one in newest_first if one in (own[0], own[2])]
    assert sorted(newest_first) == sorted([*own[:3], *theirs])
    several = await pages(poppy, "status=requested,accepted&_sort=-_lastUpdated&_count=2")
    assert several == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert await pages(poppy, "status=accepted,requested,accepted&_sort=-_lastUpdated") == [newest_first]
    assert await pages(poppy, "status=accepted,accepted&_sort=-_lastUpdated") == [accepted]
    assert await pages(poppy, "status=requested,accepted&status=accepted,rejected&_sort=-_lastUpdated") == [accepted]
    assert await pages(poppy, "status:not=requested,accepted") == [[own[3]]]
    every = "draft,requested,received,accepted,rejected,ready,in-progress,on-hold,cancelled,completed"
    (found,) = await pages(poppy, f"status={every}&_sort=-_lastUpdated")
    assert [one for one in found if one != own[3]] == newest_first and own[3] in found
    assert await pages(poppy, "status=completed,cancelled") == [[]]


async def test_a_page_with_what_it_leads_to_is_one_question_to_postgresql(
    cast: Cast, web: Any, sent_alone: list[str]
) -> None:
    poppy = await system_of(web, cast.poppy)
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    tasks = [await referral_from_county(cast), await referral_from_plan(cast)]
    sent_alone.clear()
    found = (await poppy.get("/Task?_include=Task:focus")).json()["entry"]
    kinds = [one["resource"]["resourceType"] for one in found]
    assert kinds == ["Task", "Task", "ServiceRequest", "ServiceRequest"]
    assert {one["resource"]["id"] for one in found[:2]} == set(tasks)
    if not is_sqlite():  # there a question goes nowhere
        about_rows = [sql for sql in sent_alone if "access_token" not in sql]
        assert len(about_rows) == 1
