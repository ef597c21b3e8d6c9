"""The access log: in words, each organization its own, filtered, paged, as CSV, and itself on record."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from hub.audit.actions import Entry, record
from hub.db.engine import fetch
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.errors import Forbidden, NotFound
from hub.trail.actions import open_log, open_who_saw
from hub.trail.queries import LogFilter, access_log, who_saw
from hub.trail.rules import past, safe_cell, sentence


def test_an_entry_reads_as_a_sentence() -> None:
    assert sentence("Marisol Vega", "referrals:task:read", "Task", "permitted") == "Marisol Vega read referral"
    assert sentence("X", "mou:agreement:execute", "Agreement", "permitted") == "X executed MOU"
    assert sentence("X", "fhir:bundle:create", "Bundle", "refused") == "X was not permitted to create bundle"
    assert sentence("X", "auth:session:sign-in", "Session", "failed") == "X tried to sign in session and failed"
    assert [past(verb) for verb in ("apply", "reply", "close-out", "retry")] == [
        "applied", "replied", "closed out", "retried",
    ]  # fmt: skip


def test_a_cell_that_a_spreadsheet_would_compute_is_text() -> None:
    assert [safe_cell(text) for text in ("=1+1", "+1", "-1", "@x", "plain", "")] == [
        "'=1+1", "'+1", "'-1", "'@x", "plain", "",
    ]  # fmt: skip


def _lately(**wanted: Any) -> LogFilter:
    """This week: without the entries of January, when the cast was recorded."""
    return LogFilter(**{"since": clock.today() - timedelta(days=7), **wanted})


async def _some(cast: Any) -> None:
    read = Entry("referrals:task:read", "Task", "t-1", member=cast.rosa, counterpart=cast.poppy, basis="closed loop")
    with clock.set_to(clock.now() - timedelta(days=2)):
        await record(cast.marisol, read)
    await record(cast.poppy_system, Entry("fhir:task:search", "Task", member=cast.rosa, counterpart=cast.alameda))
    await record(cast.priya, Entry("mou:agreement:read", "Agreement", cast.mou, outcome="refused"))
    await record(cast.sam, Entry("members:member:read", "Member", cast.henry, member=cast.henry))
    await record(HUB, Entry("duties:duty:escalate", "Duty", "d-1", counterpart=cast.alameda))


async def test_an_organization_sees_its_acts_and_those_of_others_towards_it(cast: Any) -> None:
    await _some(cast)
    rows = (await access_log(cast.arturo, _lately())).rows
    assert [(row.actor_name, row.organization_name) for row in rows] == [
        ("The hub", "The hub"),
        ("Golden Poppy care management", "Golden Poppy Health Plan"),
        ("Marisol Vega", "Alameda County"),
    ]
    assert rows[2].counterpart_name == "Golden Poppy Health Plan"
    assert {row.actor_name for row in (await access_log(cast.grace, _lately())).rows} == {
        "Golden Poppy care management", "Priya Raman", "Marisol Vega",
    }  # fmt: skip


async def test_the_log_is_not_for_everybody(cast: Any) -> None:
    with pytest.raises(Forbidden):
        await access_log(cast.marisol, LogFilter())


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 3),
        ({"action": "referrals"}, 1),
        ({"action": "fhir:task:search"}, 1),
        ({"action": "ref"}, 0),
        ({"person": "MARISOL"}, 1),
        ({"person": "%"}, 0),
        ({"outcome": "refused"}, 0),
        ({"outcome": "permitted"}, 3),
    ],
)
async def test_the_log_is_filtered(cast: Any, wanted: dict[str, str], count: int) -> None:
    await _some(cast)
    assert len((await access_log(cast.arturo, _lately(**wanted))).rows) == count


async def test_the_days_of_a_filter_are_legal_dates_and_both_count(cast: Any) -> None:
    await _some(cast)
    today, then = clock.today(), clock.today() - timedelta(days=2)
    assert len((await access_log(cast.arturo, LogFilter(since=today))).rows) == 2
    assert len((await access_log(cast.arturo, LogFilter(since=then, until=then))).rows) == 1


async def test_pages_follow_one_another_without_a_gap(cast: Any) -> None:
    """All in one instant, so that only the id tells them apart; half of them are the other side's."""
    for n in range(7):
        await record(cast.marisol, Entry("a:b:read", "Task", f"own-{n}"))
        await record(cast.priya, Entry("a:b:read", "Task", f"other-{n}", counterpart=cast.alameda))
    seen: list[str] = []
    before, pages = None, 0
    while True:
        page = await access_log(cast.arturo, _lately(), before, size=4)
        seen += [row.subject_id or "" for row in page.rows]
        pages += 1
        if page.next is None:
            break
        before = page.next
    assert (len(seen), len(set(seen)), pages) == (14, 14, 4)
    assert len((await access_log(cast.arturo, _lately(), "nonsense")).rows) == 14


async def test_opening_the_log_is_itself_on_record_without_the_name_that_was_typed(cast: Any) -> None:
    await open_log(cast.arturo, LogFilter(person="Rosa", outcome="refused"))
    rows = await fetch("SELECT action, actor_id, detail FROM audit_entry WHERE action LIKE 'trail:%'")
    assert [(row["action"], row["actor_id"]) for row in rows] == [("trail:log:read", cast.arturo.id)]
    assert "Rosa" not in rows[0]["detail"]
    assert "refused" in rows[0]["detail"]


async def test_who_saw_a_member_is_shown_to_those_who_serve_the_member(cast: Any) -> None:
    await _some(cast)
    rows = await who_saw(cast.marisol, cast.rosa)
    assert [row.actor_name for row in rows] == ["Golden Poppy care management", "Marisol Vega"]
    with pytest.raises(NotFound):
        await who_saw(cast.sam, cast.rosa)
    await open_who_saw(cast.marisol, cast.rosa)
    assert (await who_saw(cast.marisol, cast.rosa))[0].action == "trail:member-log:read"


async def test_the_page_shows_the_log_in_words(cast: Any, web: Any) -> None:
    await _some(cast)
    arturo = await web.sign_in(cast.arturo)
    text = await arturo.text("/access-log")
    assert "Access log" in text
    assert "Marisol Vega read referral" in text
    assert "closed loop" in text
    assert "Priya" not in text
    assert "No entry matches this filter" in await arturo.text("/access-log?person=nobody")
    wrong = await arturo.get("/access-log?since=2026-13-45")
    assert wrong.status_code == 422
    assert "Error: Access log" in wrong.text
    assert "2026-13-45" in wrong.text


async def test_the_page_is_refused_to_who_may_not_read_the_trail(cast: Any, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    assert (await marisol.get("/access-log")).status_code == 403
    assert (await marisol.get("/access-log.csv")).status_code == 403


async def test_the_log_as_csv_holds_what_the_filter_lets_through(cast: Any, web: Any) -> None:
    await _some(cast)
    await record(cast.marisol, Entry("a:b:read", "Task", "t-2", basis="=HYPERLINK()"))
    arturo = await web.sign_in(cast.arturo)
    answer = await arturo.get("/access-log.csv?person=marisol")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert len(rows) == 3
    assert rows[1][9] == "'=HYPERLINK()"
    assert (await arturo.get("/access-log.csv?since=x")).status_code == 422


async def test_the_page_of_a_member_shows_who_saw_them(cast: Any, web: Any) -> None:
    await _some(cast)
    marisol = await web.sign_in(cast.marisol)
    assert "Golden Poppy care management searched referral" in await marisol.text(f"/members/{cast.rosa}/access")
    sam = await web.sign_in(cast.sam)
    assert (await sam.get(f"/members/{cast.rosa}/access")).status_code == 404
