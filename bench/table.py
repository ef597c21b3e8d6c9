"""The table: on the terminal, and between its markers in docs/performance.md. The text around them is a person's."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Line, shown

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_COLUMNS = ("what", "against", "measured", "spread", "medians", "peak", "target", "reached")


def marks(mode: str) -> tuple[str, str]:
    return f"<!-- bench:{mode}:begin -->", f"<!-- bench:{mode}:end -->"


def _reached(line: Line) -> str:
    if line.target is None:
        return "–"
    if not line.applies:
        return "not on this machine"
    return "yes" if line.reached else "**no**"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown(lines: Sequence[Line]) -> str:
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    for line in lines:
        spread = line.figure
        cells = [
            line.what,
            line.against or "–",
            shown(spread.middle, line.unit),
            f"{shown(spread.low, '')}–{shown(spread.high, '')} ({spread.repeats})" if spread.repeats > 1 else "–",
            line.medians + (f"; {line.note}" if line.note else ""),
            shown(line.peak, "MiB") if line.peak else "–",
            line.target.words if line.target else "–",
            _reached(line),
        ]
        rows.append(_row(cells))
    return "\n".join(rows)


def heading(mode: str, data: str, at: datetime | None = None) -> str:
    """What the figures were measured on. No name of a machine."""
    day = (at or datetime.now(UTC)).date().isoformat()
    cores = f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    call = "make bench FAST=1" if mode == "fast" else "make bench"
    return f"`{call}`, {day}: {cores}, PostgreSQL 16 beside it. Data: {data}."


def write(mode: str, text: str, document: Path = DOCUMENT) -> None:
    """Put the text between the mode's markers; all else stays as it is."""
    begin, end = marks(mode)
    whole = document.read_text("utf-8")
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{document.name} has no markers {begin} … {end}")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
