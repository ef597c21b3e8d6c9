"""Spreads, targets and the table: what a run's figures become. No time is measured here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import Line, Spread, Target, percentile, shown
from bench.table import markdown, marks, write


def line(figure: float, target: Target | None, **more: object) -> Line:
    return Line("row", "what", "", Spread.of([figure]), "×", target, "1 / 2", **more)  # type: ignore[arg-type]


def test_a_ratio_is_taken_pair_by_pair_so_that_a_drifting_machine_drops_out() -> None:
    slow_machine_in_the_middle = Spread.of_pairs([2.0, 20.0, 2.2], [1.0, 10.0, 1.0])
    assert (slow_machine_in_the_middle.middle, slow_machine_in_the_middle.repeats) == (2.0, 3)
    assert (slow_machine_in_the_middle.low, slow_machine_in_the_middle.high) == (2.0, 2.2)


@pytest.mark.parametrize(
    ("values", "part", "found"),
    [([5.0], 0.99, 5.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([float(n) for n in range(1, 101)], 0.99, 99.0)],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], part: float, found: float
) -> None:
    assert percentile(values, part) == found


def test_a_target_is_reached_at_its_limit_and_not_beyond() -> None:
    assert line(3.5, Target(3.5, "×")).reached is True
    assert line(3.51, Target(3.5, "×")).reached is False
    assert line(1.7, Target(1.7, "×", at_least=True)).reached is True
    assert line(1.69, Target(1.7, "×", at_least=True)).reached is False


def test_what_this_machine_cannot_show_is_neither_reached_nor_missed() -> None:
    two_workers = line(1.1, Target(1.7, "×", at_least=True), applies=False)
    assert two_workers.reached is None
    assert "not on this machine" in markdown([two_workers])


def test_a_figure_is_shown_with_as_many_digits_as_mean_something() -> None:
    figures = [(3.456, "×"), (11.24, "ms"), (12345.6, "rows/s"), (0.00083, "×"), (0, "errors")]
    assert [shown(*one) for one in figures] == [
        "3.46×", "11.2 ms", "12,346 rows/s", "0.00083×", "0 errors",
    ]  # fmt: skip


def test_the_table_goes_between_its_markers_and_the_text_around_stays(tmp_path: Path) -> None:
    document, (begin, end) = tmp_path / "performance.md", marks("tiny")
    document.write_text(f"# Before\n{begin}\nold\n{end}\n\nAfter, by hand.\n", "utf-8")
    write("tiny", "new", document)
    assert document.read_text("utf-8") == f"# Before\n{begin}\nnew\n{end}\n\nAfter, by hand.\n"


def test_a_document_without_markers_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("by hand", "utf-8")
    with pytest.raises(ValueError, match="markers"):
        write("tiny", "new", document)
    assert document.read_text("utf-8") == "by hand"
