"""Steps 7 and 8 in a real Chromium: the quarterly meeting from its agenda to its action item, and the compliance
officer's report from a figure to its rows and files.

On SQLite alone: what the database does is tested elsewhere on both; here it is the pages that count.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.async_api import Page, expect

from hub.db.engine import fetch, fetch_value
from hub.duties.actions import escalate_overdue
from hub.kernel import clock
from hub.referrals.actions.desk import Outcome, close_loop, take_step
from hub.referrals.rules import Event
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_county, referral_from_plan
from tests.web_client import Chromium, check_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("database_kind", ["sqlite"])]


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_step_7_the_meeting_is_scheduled_invited_held_and_minuted_and_its_action_item_carries_over(
    cast: Cast, chromium: Chromium
) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    with clock.set_to(clock.now() - timedelta(days=30)):
        stuck = await referral_from_plan(cast)
    await escalate_overdue(clock.today())

    page: Any = await chromium.open(cast.marisol, "/meetings")
    await page.get_by_role("link", name="Schedule").first.click()
    await page.get_by_label("Date").fill("2026-12-09")
    await page.get_by_label("Starts at").fill("10:00")
    await page.get_by_label("Length in minutes").fill("60")
    await page.get_by_label("Place").fill("Video call")
    await press(page, "Schedule meeting")
    meeting = page.url.split("?")[0].rsplit("/", 1)[1]
    main = page.get_by_role("main")
    for words in ("Care coordination", "Systemic concerns", "IHSS application"):  # standing items, and what is stuck
        await expect(main).to_contain_text(words)
    await check_page(page)

    with clock.set_to(clock.now() + timedelta(minutes=1)):
        await page.get_by_role("button", name="Send").first.click()
        invited = await fetch("SELECT to_address, calendar FROM mail WHERE calendar IS NOT NULL")
        assert {row["to_address"].split("@")[0] for row in invited} >= {"marisol.vega", "priya.raman", "thomas.okafor"}
        assert all("METHOD:REQUEST" in row["calendar"] for row in invited)

    with clock.set_to(datetime(2026, 12, 9, 20, 0, tzinfo=UTC)):
        page = await chromium.open(cast.marisol, f"/meetings/{meeting}/hold")
        for name in ("Marisol Vega", "Priya Raman"):
            await page.locator("main label").filter(has_text=name).first.click()
        await press(page, "Record the meeting")
        await page.goto(f"/meetings/{meeting}/minutes")
        await page.get_by_label("Summary of the meeting").fill("We agreed how to answer faster.")
        await press(page, "Save and add an action item")
        await page.get_by_label("What is to be done").fill("Share the intake telephone list")
        await page.get_by_label("Who does it").select_option(cast.priya.id)
        await page.get_by_label("Due on").fill("2027-01-15")
        await press(page, "Record action item")
        await page.goto(f"/meetings/{meeting}/minutes")
        await press(page, "Finish and send the update")
        assert await fetch_value("SELECT state FROM meeting WHERE id = {}", meeting) == "held"
        updates = await fetch("SELECT to_address FROM mail WHERE calendar IS NULL")
        assert {"grace.lindqvist@example.org", "daniel.kim@example.org"} <= {row["to_address"] for row in updates}

    with clock.set_to(datetime(2027, 1, 20, 20, 0, tzinfo=UTC)):
        page = await chromium.open(cast.marisol, "/meetings")
        await page.get_by_role("link", name="Schedule").first.click()
        await page.get_by_label("Date").fill("2027-02-03")
        await page.get_by_label("Starts at").fill("10:00")
        await page.get_by_label("Length in minutes").fill("60")
        await page.get_by_label("Place").fill("Video call")
        await press(page, "Schedule meeting")
        await expect(page.get_by_role("main")).to_contain_text("Share the intake telephone list")
    assert await fetch_value("SELECT agenda_proposed_on FROM duty WHERE subject_id = {}", stuck) is not None


async def test_step_8_the_compliance_officer_opens_a_figure_and_takes_the_same_bytes_twice(
    cast: Cast, chromium: Chromium, tmp_path: Path
) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    with clock.set_to(datetime(2026, 8, 3, 18, 0, tzinfo=UTC)):
        task = await referral_from_county(cast)
        await referral_from_county(cast)
    with clock.set_to(datetime(2026, 8, 5, 18, 0, tzinfo=UTC)):
        await take_step(cast.priya, task, Event.ACCEPT, version=1)
    with clock.set_to(datetime(2026, 8, 13, 18, 0, tzinfo=UTC)):
        await take_step(cast.priya, task, Event.COMPLETE, version=2, outcome=Outcome("Meals", clock.today()))
        await close_loop(cast.marisol, task)

    page: Any = await chromium.open(cast.grace, "/reports")
    await page.goto(f"/reports/{cast.poppy}/2026-Q3")
    await check_page(page)
    table = page.locator("table").filter(has_text="Sent").first
    row = table.locator("tbody tr").first
    await expect(row).to_contain_text("2")
    await row.get_by_role("link", name="2").first.click()
    rows = page.locator("main table tbody tr")
    assert await rows.count() == 2
    await expect(page.get_by_role("main")).not_to_contain_text("Mendoza")
    await check_page(page)

    await page.goto(f"/reports/{cast.poppy}/2026-Q3")
    files = []
    for number in range(2):
        for name in ("Download XLSX", "CSV"):
            async with page.expect_download() as download:
                await page.get_by_role("link", name=name).click()
            path = tmp_path / f"{name}-{number}"
            await (await download.value).save_as(path)
            files.append(path.read_bytes())
    assert files[0] == files[2] and files[1] == files[3]
    sheets = load_workbook(io.BytesIO(files[0]))
    assert sheets.sheetnames
    assert b"Community" in files[1] or b"Alameda" in files[1]
