"""The kit alone: the sign-in pages and the stub's, no feature."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from hub.db.engine import Engine
from tests.web.stub import ROUTES
from tests.web_client import Chromium, Live, Web, open_chromium, open_live, open_web


@pytest_asyncio.fixture
async def kit(database: Engine, tmp_path: Path) -> AsyncIterator[Web]:
    async with open_web(database, tmp_path, ROUTES) as opened:
        yield opened


@pytest_asyncio.fixture
async def kit_live(database: Engine, tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(database, tmp_path, ROUTES) as opened:
        yield opened


@pytest_asyncio.fixture
async def kit_chromium(kit_live: Live) -> AsyncIterator[Chromium]:
    async with open_chromium(kit_live) as opened:
        yield opened
