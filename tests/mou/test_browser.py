"""Step 1 of the story in a real Chromium: a county user records an MOU, and it is executed only when all is there.

On SQLite alone: what the database does is tested elsewhere on both; here it is the pages that count.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from hub.mou import queries
from hub.mou.rules import SECTION_NAMES, Section, State
from tests.mou import build
from tests.web_client import check_page

pytestmark = pytest.mark.browser


@pytest.fixture
def database_kind(any_database_kind: str) -> str:
    return any_database_kind


async def _record(page: Page) -> None:
    await page.get_by_role("link", name="Record an MOU").first.click()
    await page.get_by_label("Managed care plan").select_option(label="Bay Laurel Care")
    await page.get_by_label("Takes effect on (optional)").fill("2026-11-01")
    await page.get_by_label("Ends on (optional)").fill("2027-10-31")
    await page.get_by_text("Ends on its end date").click()
    await page.get_by_role("button", name="Record MOU").click()


async def _fill_sections(page: Page) -> None:
    for section in Section:
        await page.get_by_role("main").get_by_role("link", name=SECTION_NAMES[section], exact=True).click()
        await page.get_by_label("Terms").fill("As the template asks.")
        await page.get_by_text("This section is complete").click()
        await page.get_by_role("button", name="Save section").click()


async def _agree_elements(page: Page) -> None:
    await page.get_by_role("link", name="Agree data elements").click()
    for box in await page.locator("label:has-text('(needed)')").all():
        await box.click()
    await page.get_by_role("button", name="Save data elements").click()


async def _name_people(page: Page, ruth: str) -> None:
    await page.get_by_role("link", name="IHSS Responsible Person").click()
    await page.get_by_label("Person", exact=True).select_option(ruth)
    await page.get_by_role("button", name="Name this person").click()
    await page.get_by_role("link", name="MCP Responsible Person").click()
    await page.get_by_text("Somebody who is not in the list").click()
    for label, value in (("Given name", "Noor"), ("Family name", "Ellis"), ("E-mail", "noor.ellis@example.org"),
                         ("Telephone", "(707) 555-0133")):  # fmt: skip
        await page.get_by_label(label).fill(value)
    await page.get_by_role("button", name="Name this person").click()


async def test_an_mou_is_recorded_and_executed_in_the_browser_only_when_all_is_there(cast: Any, chromium: Any) -> None:
    page = await chromium.open(cast.sam, "/mous")
    await _record(page)
    mou = page.url.rsplit("/", 1)[1]

    await page.get_by_role("link", name="missing before it can be executed").click()
    missing = page.get_by_role("main")
    for words in ("“Referrals” is empty", "named no MCP Responsible Person", "Sonoma County has not signed"):
        assert await missing.get_by_text(words).count() == 1
    assert await page.get_by_role("button", name="Execute the MOU").count() == 0
    await page.goto(f"/mous/{mou}")

    await _fill_sections(page)
    assert await page.get_by_text("10 of 10 complete").count() == 1
    await _agree_elements(page)
    await _name_people(page, cast.ruth.id)
    await page.get_by_role("link", name="Send for signature").click()
    await page.get_by_role("button", name="Send for signature").click()

    page = await chromium.open(cast.ruth, f"/mous/{mou}")
    for party in ("Bay Laurel Care", "Sonoma County"):
        await page.get_by_role("link", name=party, exact=True).click()
        await page.get_by_label("Who signs for").fill("The director")
        await page.get_by_label("Signed on").fill("2026-11-16")
        await page.get_by_role("button", name="Record signature").click()
    await page.get_by_role("link", name="Check and execute").click()
    await check_page(page)
    await page.get_by_role("button", name="Execute the MOU").click()
    assert await page.get_by_role("status").get_by_text("Executed").count() == 1
    assert (await queries.agreement(cast.lena, mou)).state is State.EXECUTED


async def test_every_page_of_an_mou_is_accessible_and_fits_a_phone(cast: Any, chromium: Any) -> None:
    mou = await build.draft(cast)
    await build.fill(cast, mou)
    older = await build.draft(cast, title="Un acuerdo anterior de coordinación interinstitucional sociosanitaria")
    page = await chromium.open(cast.sam, "/mous")
    await check_page(page)
    party = (await queries.agreement(cast.sam, mou)).parties[0].id
    paths = ["", "/details", "/sections/referrals", "/elements", "/positions/mcp_responsible_person", "/parties",
             f"/parties/{party}", "/execute", "/steps/negotiate", "/efforts", f"/compare?with={older}"]  # fmt: skip
    for path in ["/mous/new", "/directory", *(f"/mous/{mou}{path}" for path in paths), f"/mous/{older}"]:
        await page.goto(path)
        await check_page(page)
