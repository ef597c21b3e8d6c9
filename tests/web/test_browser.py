"""The kit in Chromium: axe, a phone's width, keys, focus, and no script at all. One database is enough for that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web_client import PASSWORD, Chromium, account_for, check_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)]


async def test_every_page_of_the_kit_passes_axe_and_fits_a_phone(cast: Any, kit_chromium: Chromium) -> None:
    for actor, path in [
        (None, "/sign-in"), (None, "/help"), (None, "/nope"), (None, "/sign-in?next=/stub"),
        (cast.marisol, "/help"), (cast.marisol, "/stub"), (cast.marisol, "/stub/case"), (cast.marisol, "/stub/form"),
    ]:  # fmt: skip
        page = await kit_chromium.open(actor, path)
        stopped: list[str] = []
        page.on("console", lambda message, stopped=stopped: stopped.append(message.text))
        await page.reload()
        await check_page(page)
        assert [text for text in stopped if "Content Security Policy" in text] == [], path
        await page.context.close()


async def test_ten_rows_of_work_stand_on_the_first_screen(cast: Any, kit_chromium: Chromium) -> None:
    page = await kit_chromium.open(cast.marisol, "/stub")
    tenth = await page.locator("tbody tr").nth(9).bounding_box()
    header = await page.locator(".hub-header").bounding_box()
    assert tenth and tenth["y"] + tenth["height"] < 768
    assert header and header["height"] <= 48


async def test_the_error_summary_has_the_focus_and_leads_to_the_field(cast: Any, kit_chromium: Chromium) -> None:
    page = await kit_chromium.open(cast.marisol, "/stub/form")
    await page.get_by_role("button", name="Record MOU").click()
    assert (await page.title()).startswith("Error: Record an MOU")
    assert await page.evaluate("document.activeElement.classList.contains('hub-errors')")
    await check_page(page)
    await page.get_by_role("link", name="Enter the title").click()
    assert await page.evaluate("document.activeElement.id") == "f-title"


async def test_the_keys_walk_rows_go_to_places_and_stay_out_of_fields(cast: Any, kit_chromium: Chromium) -> None:
    page = await kit_chromium.open(cast.marisol, "/stub")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    assert await page.evaluate("document.activeElement.textContent") == "Referral for Rosa Mendoza"
    await page.keyboard.press("?")
    assert await page.get_by_role("dialog").is_visible()
    await check_page(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    async with page.expect_navigation(url="**/referrals"):
        await page.keyboard.press("r")
    await page.goto("/stub/form")
    await page.locator("#f-title").press_sequentially("j?gr")
    assert page.url.endswith("/stub/form")
    assert await page.locator("#f-title").input_value() == "j?gr"
    assert not await page.get_by_role("dialog").is_visible()


async def test_the_keys_can_be_switched_off(cast: Any, kit_chromium: Chromium) -> None:
    page = await kit_chromium.open(cast.marisol, "/help")
    await page.get_by_role("button", name="Switch the keys off").click()
    await page.goto("/stub")
    await page.keyboard.press("?")
    assert await page.get_by_role("dialog").count() == 0


async def test_signing_in_works_without_a_script(cast: Any, kit_chromium: Chromium) -> None:
    await account_for(cast.marisol)
    page = await kit_chromium.open(None, "/stub", javascript=False)
    await page.get_by_label("User name").fill("marisol.vega")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    assert page.url.endswith("/stub")
    assert await page.get_by_role("heading", level=1).inner_text() == "My work"
    await page.get_by_role("button", name="Sign out").click()
    assert "You are signed out" in await page.locator("main").inner_text()


async def test_a_printed_page_says_who_when_and_from_where(cast: Any, kit_chromium: Chromium) -> None:
    page = await kit_chromium.open(cast.marisol, "/stub/case")
    await page.emulate_media(media="print")
    printed = await page.locator(".hub-print").inner_text()
    assert "by Marisol Vega" in printed and "/stub/case" in printed and "Nov 18, 2026" in printed
    assert not await page.locator(".hub-header").is_visible()
    assert not await page.get_by_role("button", name="Accept referral").is_visible()


async def test_every_target_is_large_enough_for_a_finger(cast: Any, kit_chromium: Chromium) -> None:
    for path in ("/stub", "/stub/case", "/stub/form"):
        page = await kit_chromium.open(cast.marisol, path)
        small = await page.evaluate(
            """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
                .filter(e => e.offsetParent && !e.closest("p") && !e.classList.contains("usa-skipnav")
                             && !/checkbox|radio/.test(e.type || ""))
                .map(e => [e, e.getBoundingClientRect()])
                .filter(([e, r]) => r.height < 23.5)
                .map(([e, r]) => `${e.textContent.trim()} ${r.height}`)"""
        )
        assert small == [], path
        await page.context.close()
