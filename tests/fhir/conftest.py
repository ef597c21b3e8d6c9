"""A toy hub whose client is Golden Poppy's system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from hub.db.transaction import on_refusal
from tests.fhir.toy import Toy, toy_hub


async def _kept(audit: Any) -> None:
    """The toy's refusals carry words only; the hub's own recorder may still be set by a test before this one."""


@pytest_asyncio.fixture
async def toy(cast: Any) -> AsyncIterator[Toy]:
    on_refusal(_kept)
    async with toy_hub(cast.poppy_system) as one:
        yield one
