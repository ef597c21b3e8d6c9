"""What `hub simulate` says while it builds, to somebody who looks."""

from __future__ import annotations

import re
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hub.settings import Settings
from hub.simulate import command
from tests.simulate.build import TODAY

STAGES = {"members": 60, "consents": 60, "referrals": 100}


def test_on_a_terminal_a_bar_says_of_each_stage_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = StringIO()

    def terminal(**_: Any) -> Console:
        return Console(file=screen, force_terminal=True, width=100, highlight=False)

    monkeypatch.setattr(command, "Console", terminal)
    own = Settings(data=tmp_path, database_url=f"sqlite:///{tmp_path / 'hub.sqlite'}")
    command.run_simulate(
        own, counties=2, plans=2, members=60, referrals=100, seed=7, today=datetime.combine(TODAY, datetime.min.time())
    )
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    for stage, count in STAGES.items():
        assert re.search(rf"^{stage} .*\b{count}/{count}\b", shown, re.M), shown
    assert re.search(r"^indexes .*\b(\d+)/\1\b", shown, re.M), shown
    said = capsys.readouterr()
    assert "Built 2 counties, 2 plans" in said.out
    assert not said.err, "where there is a bar, no lines are written beside it"
