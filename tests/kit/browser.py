"""Chromium for the tests: the system's own, driven by playwright, and what axe says about a page.

async with open_browser() as browser:
    page = await browser.new_page()
    await page.goto(address)
    assert await axe_violations(page) == []
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium must not try to reach its makers: the tests run on closed networks.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]


def browser_path() -> str:
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise RuntimeError("No Chromium on the PATH: run `make browser`.")


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    # Its own sandbox refuses to work for root, which is who runs the tests in a container.
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS + as_root)
        try:
            yield browser
        finally:
            await browser.close()


async def axe_violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands, a line for each element: rule, impact, element, what to do.

    The source goes in through the debugging protocol, so a strict Content-Security-Policy does not stop it.
    """
    if not await page.evaluate("'axe' in window"):  # at a second width the page still has it
        await page.evaluate(_axe_source())
    result = await page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", TAGS
    )
    return [
        f"{rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: "
        f"{rule['help']}. {' '.join(node['failureSummary'].split())}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


@cache
def _axe_source() -> str:
    if not AXE.exists():
        raise RuntimeError("tests/vendor/axe.min.js is missing: run `make setup-dev`.")
    return AXE.read_text("utf-8") + "\n;undefined"  # no result to send back
