"""A toy hub whose client is Golden Poppy's system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.fhir.toy import Toy, toy_hub


@pytest_asyncio.fixture
async def toy(cast: Any) -> AsyncIterator[Toy]:
    async with toy_hub(cast.poppy_system) as one:
        yield one
