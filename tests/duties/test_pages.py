"""My work, a duty and the rules, as people see them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from hub.db.engine import Engine, fetch
from hub.duties import actions
from hub.duties.queries import PAGE as PAGE_SIZE
from hub.kernel.actor import HUB
from tests.duties.test_work import TODAY, owes
from tests.web_client import check_page, sideways


async def referral(cast: Any, title: str = "Answer the referral to IHSS", start: date = TODAY) -> str:
    duty = await actions.open_duty(
        cast.priya, "referral-answer", subject=("Task", title), organization=cast.alameda, counterpart=cast.poppy,
        position="ihss_liaison", title=title, why="Golden Poppy Health Plan sent it and waits for an answer",
        start=start, member=cast.rosa,
    )  # fmt: skip
    assert duty
    return duty


async def test_the_liaison_sees_an_incoming_referral_on_top_with_its_reason_clause_and_date(
    cast: Any, web: Any
) -> None:
    await owes(cast, "Something for this week", TODAY + timedelta(days=2))
    await referral(cast)
    marisol = await web.sign_in(cast.marisol)
    text = await marisol.text("/")
    assert "Golden Poppy Health Plan sent it and waits for an answer" in text
    assert "Product default" in text and "(not verified)" in text
    assert "Due in 5 working days" in text and "Wednesday November 25, 2026" in text


async def test_a_name_is_told_only_once_it_is_on_record(
    cast: Any, web: Any, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await referral(cast)
    marisol = await web.sign_in(cast.marisol)
    listed = "SELECT COUNT(*) AS n FROM audit_entry WHERE action = 'members:member:list'"
    assert "Rosa M." in await marisol.text("/")
    assert [row["n"] for row in await fetch(listed)] == [1]

    async def broken(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("hub.audit.batching._add_prompt", broken)
    answer = await marisol.get("/")
    assert answer.status_code >= 500 and "Rosa" not in answer.text
    assert [row["n"] for row in await fetch(listed)] == [1]


async def test_counts_are_links_to_the_same_filtered_list(cast: Any, web: Any) -> None:
    await referral(cast, "An overdue referral", date(2026, 10, 1))
    await owes(cast, "Something far away", TODAY + timedelta(days=60))
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.get("/")
    assert 'href="/?show=overdue"' in answer.text
    overdue = await marisol.text("/?show=overdue")
    assert "An overdue referral" in overdue and "Something far away" not in overdue
    assert "Overdue by" in overdue


async def test_each_empty_list_says_why_it_is_empty(cast: Any, web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    marisol, arturo = await web.sign_in(cast.marisol), await web.sign_in(cast.arturo)
    nothing = await marisol.text("/")
    assert "Nothing to do" in nothing
    from hub.directory.tables import Appointment

    await Appointment.delete().where(Appointment.person == cast.arturo.id)
    nobody = await arturo.text("/")
    assert "You hold no position" in nobody
    await owes(cast, "far", TODAY + timedelta(days=60))
    filtered = await marisol.text("/?show=overdue")
    assert "Nothing here is overdue" in filtered and "Show all work" in filtered

    async def broken(*_: Any) -> None:
        raise OSError("the database is gone")

    monkeypatch.setattr("hub.duties.queries.work_of", broken)
    answer = await marisol.get("/")
    assert answer.status_code == 503
    assert "could not be loaded" in answer.text and "database is gone" not in answer.text


async def test_a_filter_that_nobody_knows_shows_everything_and_a_page_too_far_the_last(cast: Any, web: Any) -> None:
    for n in range(PAGE_SIZE + 2):
        await owes(cast, f"task {n:03}", TODAY + timedelta(days=n + 1))
    marisol = await web.sign_in(cast.marisol)
    first = await marisol.text("/?show=nonsense&partner=")
    assert "task 000" in first and f"task {PAGE_SIZE + 1:03}" not in first
    assert f"1–{PAGE_SIZE} of {PAGE_SIZE + 2}" in first
    last = await marisol.text("/?page=9999")
    assert f"task {PAGE_SIZE + 1:03}" in last


async def test_a_duty_explains_its_rule_its_calendar_and_its_history(cast: Any, web: Any) -> None:
    duty = await referral(cast, start=date(2026, 10, 1))
    await actions.escalate_overdue(TODAY)
    text = await (await web.sign_in(cast.marisol)).text(f"/duties/{duty}")
    for words in (
        "referral-answer, version 1", "5 working days", "Product default", "not verified", "county-01",
        "IHSS Responsible Person on", "Escalated", "On agenda", "Opened", "The IHSS Liaison is told.",
    ):  # fmt: skip
        assert words in text, words


async def test_a_duty_of_others_is_not_found(cast: Any, web: Any) -> None:
    duty = await referral(cast)
    sam = await web.sign_in(cast.sam)
    assert (await sam.get(f"/duties/{duty}")).status_code == 404
    assert (await sam.get("/duties/no-such-duty")).status_code == 404


async def test_the_rules_show_every_version_with_its_authority_and_whether_it_was_verified(cast: Any, web: Any) -> None:
    await actions.seed_rules(HUB)
    await actions.add_rule_version(
        HUB, "referral-answer", effective_from=TODAY, authority="A new law", limit_count=3,
        limit_unit="working_day", verified=True,
    )  # fmt: skip
    text = await (await web.sign_in(cast.grace)).text("/rules")
    assert "referral-answer version 2, in force" in text
    assert "referral-answer version 1, replaced" in text
    assert "3 working days A new law" in text


async def test_a_stranger_is_asked_to_sign_in(cast: Any, web: Any) -> None:
    for path in ("/", "/rules", "/duties/x"):
        answer = await web.visitor().get(path, follow=False)
        assert answer.status_code in (302, 303, 401)


@pytest.mark.browser
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_ten_rows_stand_on_the_first_screen_and_the_pages_hold_for_everybody(cast: Any, chromium: Any) -> None:
    await fill(cast)
    page = await chromium.open(cast.marisol)
    rows = page.locator("table.hub-work tbody tr:not(.hub-group)")
    box = await rows.nth(9).bounding_box()
    assert box is not None and box["y"] + box["height"] <= 768
    await check_page(page)
    await page.goto("/rules")
    await check_page(page)
    await page.goto(f"/duties/{await referral(cast, 'One more')}")
    await check_page(page)
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await sideways(page) == []


async def fill(cast: Any) -> None:
    """A morning's work list, as the demonstration would have it."""
    await referral(cast, "Answer the referral to personal care services", date(2026, 10, 29))
    await referral(cast, "Answer the referral to respite", date(2026, 11, 10))
    await referral(cast, "Answer the referral to protective supervision")
    progress = "Accepted, and nothing was reported for 30 days"
    for days in (-2, 0, 1, 2, 5, 9, 12, 20, 33):
        await actions.open_duty(
            HUB, "referral-progress", subject=("Task", f"progress {days}"), organization=cast.alameda,
            counterpart=cast.poppy, position="ihss_liaison", why=progress, start=date(2026, 10, 1),
            title="Report progress on the referral to home modifications", due_on=TODAY + timedelta(days=days),
        )  # fmt: skip
    await actions.open_duty(
        HUB, "meeting-quarterly", subject=("Agreement", cast.mou), organization=cast.alameda,
        counterpart=cast.poppy, position="ihss_liaison", title="Hold the quarterly meeting", start=TODAY,
        why="Each quarter of an executed MOU has one; none is held in quarter 4 yet", period="2026-Q4",
    )  # fmt: skip
    await actions.open_duty(
        HUB, "referral-answer", subject=("Task", "theirs"), organization=cast.poppy, counterpart=cast.alameda,
        position="mcp_ihss_liaison", title="Answer the referral to Community Supports",
        why="Alameda County sent it and waits for an answer", start=date(2026, 11, 12),
    )  # fmt: skip
    await actions.escalate_overdue(TODAY)
