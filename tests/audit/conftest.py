from __future__ import annotations

from pathlib import Path

import pytest

from hub.audit.keys import Keys
from hub.audit.sealing import Sealer


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@pytest.fixture
def sealer(keys: Keys) -> Sealer:
    return Sealer(keys)
