"""The bench itself, on very little data: it runs, and says of each row what was measured. No time is asserted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.rows import ROWS
from bench.table import DOCUMENT, marks

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "decisions" / "0008-figures-not-reached.md"
ROWS_OF_THE_ISSUE = 14


def rows_of(text: str, mode: str) -> list[list[str]]:
    """The cells of the table between a mode's markers."""
    begin, end = marks(mode)
    block = text.partition(begin)[2].partition(end)[0]
    lines = [line for line in block.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


@pytest.mark.postgres
def test_the_bench_measures_a_row_on_both_databases_and_writes_the_table(tmp_path: Path) -> None:
    document, figures = tmp_path / "performance.md", tmp_path / "figures.json"
    document.write_text("\n".join(["By hand.", *marks("tiny"), "Also by hand.", ""]), "utf-8")
    asked = ["--mode", "tiny", "--only", "get-task", "--only", "post-task", "--write"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *asked, "--json", str(figures), "--document", str(document)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = document.read_text("utf-8")
    assert text.startswith("By hand.\n") and text.endswith("Also by hand.\n")
    found = rows_of(text, "tiny")
    assert [cells[0] for cells in found] == [
        "GET Task by id, SQLite",
        "GET Task by id, PostgreSQL",
        "POST Task, SQLite",
        "POST Task, PostgreSQL",
    ]
    for cells in found:
        assert re.fullmatch(r"[\d.,]+×", cells[2]), cells
    assert "GET Task by id, SQLite" in done.stdout and '"row": "get-task"' in figures.read_text("utf-8")


@pytest.mark.parametrize("mode", ["full", "fast"])
def test_every_row_of_the_document_has_a_figure_and_a_target(mode: str) -> None:
    found = rows_of(DOCUMENT.read_text("utf-8"), mode)
    with_target = [cells for cells in found if cells[6] != "–"]
    assert len(with_target) >= ROWS_OF_THE_ISSUE
    for cells in found:
        assert re.search(r"\d", cells[2]), cells
    for cells in with_target:
        assert re.match(r"[≤≥] \d", cells[6]), cells
        assert cells[7] in ("yes", "**no**", "not on this machine"), cells


def test_what_is_not_reached_has_its_reason_in_a_decision_record() -> None:
    text = DOCUMENT.read_text("utf-8")
    missed = [cells[0] for mode in ("full", "fast") for cells in rows_of(text, mode) if cells[7] == "**no**"]
    by_hand = text.partition("## What is not reached")[2]
    reasons = [name.partition(", ")[0] for name in re.findall(r"^- \*\*(.+?)\*\*:", RECORD.read_text("utf-8"), re.M)]
    for what in missed:
        row = what.partition(", ")[0]
        assert row in by_hand, f"{row} is not reached: say so by hand below the table"
        assert any(row.startswith(name) for name in reasons), f"{row} is not reached: say why in {RECORD.name}"


def test_each_row_of_the_bench_has_a_file_of_its_own() -> None:
    files = {path.stem.replace("_", "-") for path in (ROOT / "bench" / "rows").glob("*.py")} - {"--init--"}
    assert files == set(ROWS)
