"""The kit alone: the sign-in pages and the stub's, no feature."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from hub.auth import accounts
from hub.db.engine import Engine
from tests.web.stub import ROUTES
from tests.web_client import Chromium, Live, Web, open_chromium, open_live, open_web


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id with little memory: a test signs in a dozen times, and the work as such is not what it looks at."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(accounts, "_hasher", quick)
    accounts._nobodys_hash.cache_clear()


@pytest_asyncio.fixture
async def kit(database: Engine, data_folder: Path) -> AsyncIterator[Web]:
    async with open_web(database, data_folder, ROUTES) as opened:
        yield opened


@pytest_asyncio.fixture
async def kit_live(database: Engine, data_folder: Path) -> AsyncIterator[Live]:
    async with open_live(database, data_folder, ROUTES) as opened:
        yield opened


@pytest_asyncio.fixture
async def kit_chromium(kit_live: Live) -> AsyncIterator[Chromium]:
    async with open_chromium(kit_live) as opened:
        yield opened
