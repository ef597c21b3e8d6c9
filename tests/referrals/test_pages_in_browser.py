"""Step 4 of the story in a real Chromium, and how the pages of referrals, members and consents look to everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from hub.db.engine import fetch, fetch_value
from hub.kernel import clock
from hub.kernel.ids import new_id
from hub.members.tables import Member
from hub.referrals import drafts
from hub.referrals.actions import desk
from hub.referrals.rules import Event
from hub.referrals.tables import Task
from tests.cast import Cast
from tests.conftest import NOW
from tests.referrals.build import agree, referral_from_county, referral_from_plan
from tests.web_client import check_page, text_of

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # what a browser shows does not hang on the database
LONG = ("Հասմիկ Սրբուհի", "Տեր-Հովհաննիսյան-Մարտիրոսյան")


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.browser
async def test_the_liaison_finds_the_referral_in_the_work_list_accepts_works_and_closes_it_with_an_outcome(
    cast: Cast, chromium: Any
) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_plan(cast)
    page = await chromium.open(cast.marisol, "/")
    first = page.locator("main .hub-table tbody tr").filter(has=page.locator("td")).first
    await expect(first).to_contain_text("Answer the referral for IHSS application")
    await expect(first).to_contain_text("Golden Poppy")
    await expect(first).to_contain_text("working days")
    await first.get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Referral for Rosa M. to IHSS for an application")
    await press(page, "Accept referral")
    await expect(page.locator("main")).to_contain_text("You accepted the referral.")
    await press(page, "Start work")
    await page.get_by_role("link", name="Record outcome and complete").click()
    await press(page, "Record outcome and complete")
    assert (await page.title()).startswith("Error: ")
    assert await page.evaluate("document.activeElement.classList.contains('hub-errors')")
    await page.get_by_label("What was done").fill("40 hours a month authorized")
    await press(page, "Record outcome and complete")
    await expect(page.locator("main")).to_contain_text("40 hours a month authorized")
    assert await fetch_value("SELECT status FROM task WHERE id = {}", task) == "completed"
    assert await fetch_value("SELECT COUNT(*) AS n FROM duty WHERE state = 'met'") == 3  # answered, and moved on twice


@pytest.mark.browser
async def test_a_whole_referral_is_sent_without_javascript(cast: Cast, chromium: Any) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    page = await chromium.open(cast.marisol, "/referrals", javascript=False)
    await page.get_by_role("button", name="New referral").click()
    await page.get_by_role("link", name="Member", exact=True).click()
    await page.get_by_label("CIN, case number or name").fill("mendoza")
    await press(page, "Find member")
    await page.get_by_role("button", name="Choose").click()
    await page.get_by_role("link", name="Partner and service").click()
    await page.get_by_text("Community Supports", exact=True).click()
    await press(page, "Save and go back")
    await page.get_by_role("link", name="Reason and need").click()
    await page.get_by_label("What the member needs and why").fill("Meals at home.")
    await press(page, "Save and go back")
    await page.get_by_role("link", name="Check and send").click()
    await press(page, "Send referral")
    await expect(page.locator("main")).to_contain_text("The referral is sent.")
    assert "mendoza" not in page.url.lower()
    assert await fetch_value("SELECT COUNT(*) AS n FROM task WHERE status = 'requested'") == 1


@pytest.mark.browser
async def test_the_pages_are_accessible_and_fit_on_a_phone_with_long_words_too(cast: Cast, chromium: Any) -> None:
    await Member.update({"given": LONG[0], "family": LONG[1]}).where(Member.id == cast.rosa)
    consent = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    draft = await drafts.start(cast.marisol, cast.rosa)
    await drafts.save(cast.marisol, draft, 1, partner=cast.poppy, service="community-supports", need="Comidas " * 40)
    incoming, outgoing = await referral_from_plan(cast), await referral_from_county(cast)
    ended = await referral_from_county(cast)
    await desk.take_step(cast.priya, ended, Event.DECLINE, version=1, reason="Desafortunadamente, " * 20)
    page = await chromium.open(cast.marisol, "/referrals")
    paths = [
        "/referrals", "/referrals?state=ended", "/referrals?side=incoming&state=closing", "/referrals/new",
        f"/referrals/new/{draft}",
        *(f"/referrals/new/{draft}/{part}" for part in ("member", "to", "need", "consent", "check")),
        f"/referrals/{incoming}", f"/referrals/{outgoing}?sent", f"/referrals/{ended}",
        *(f"/referrals/{incoming}/{event}" for event in ("decline", "cancel")), f"/referrals/{outgoing}/void",
        "/members", "/members/new", f"/members/{cast.rosa}", f"/members/{cast.rosa}/consents/new",
        f"/consents/{consent}", f"/consents/{consent}/revoke",
    ]  # fmt: skip
    for path in paths:
        await page.goto(path)
        await check_page(page)


@pytest.mark.browser
async def test_the_slash_key_goes_to_the_search_and_j_walks_the_rows(cast: Cast, chromium: Any) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    await referral_from_plan(cast)
    page = await chromium.open(cast.marisol, "/members")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.name") == "words"
    await page.goto("/referrals")
    await page.keyboard.press("j")
    assert "/referrals/" in await page.evaluate("document.activeElement.getAttribute('href')")


async def test_ten_thousand_referrals_show_a_page_at_a_time(cast: Cast, web: Any) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_plan(cast)
    row = (await fetch("SELECT * FROM task WHERE id = {}", task))[0]
    start = clock.now() - timedelta(days=300)
    many = [Task(**{**row, "id": new_id(), "updated_at": start + timedelta(minutes=n)}) for n in range(10_000)]
    for at in range(0, len(many), 500):
        await Task.insert(*many[at : at + 500])
    marisol = await web.sign_in(cast.marisol)
    page = await marisol.get("/referrals?page=3")
    assert "101–150 of 10,001" in text_of(page) and page.text.count("<tr>") == 51
    assert "10,001–10,001 of 10,001" in await marisol.text("/referrals?page=99999")


async def test_a_list_that_fails_to_load_says_that_it_is_not_empty(
    cast: Cast, web: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise OSError("the disk is gone")

    marisol = await web.sign_in(cast.marisol)
    monkeypatch.setattr("hub.referrals.pages.lists.open_list", broken)
    answer = await marisol.get("/referrals")
    assert answer.status_code == 503
    assert "could not be loaded" in text_of(answer) and "the disk is gone" not in answer.text


async def test_a_form_that_outlives_its_session_comes_back_as_it_was(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    at = (await marisol.post_form("/referrals/new", {"member": cast.rosa}, follow=False)).headers["location"]
    with clock.set_to(NOW + timedelta(hours=20)):
        answer = await marisol.post_form(f"{at}/need", {"need": "Meals at home.", "version": 1})
        assert answer.status_code == 401
        assert "Your session has ended. What you typed is kept" in text_of(answer)
        assert "Meals at home." in answer.text
