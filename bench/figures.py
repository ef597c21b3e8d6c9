"""A figure with its spread, what it has to reach, and one line of the table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements, and between what it varied."""

    middle: float
    low: float
    high: float
    repeats: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values), len(values))

    @classmethod
    def of_pairs(cls, ours: Sequence[float], base: Sequence[float]) -> Spread:
        """The ratios of what was measured in turn, pair by pair: the machine's speed drops out."""
        return cls.of([one / other for one, other in zip(ours, base, strict=True)])


@dataclass(frozen=True, slots=True)
class Target:
    limit: float
    unit: str  # ×, ms, MiB, s, rows/s, …
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def words(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {shown(self.limit, self.unit)}"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `target` is None only for what stands beside the issue's table, for comparison."""

    row: str  # the name of the row that measured it
    what: str
    against: str
    figure: Spread
    unit: str
    target: Target | None
    medians: str  # the absolute medians behind a ratio
    peak: float | None = None  # MiB: the largest memory of the process that was measured
    applies: bool = True  # False where this machine cannot show it, such as two workers on two cores
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.target is None or not self.applies:
            return None
        return self.target.met_by(self.figure.middle)


def shown(value: float, unit: str) -> str:
    """`3.46×`, `118 ms`, `12,300 rows/s`, `71 %`: as many figures as mean something."""
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    text = f"{value:,.{digits}f}"
    if digits == 2 and value != 0 and abs(value) < 0.1:
        text = f"{value:.2g}"
    return f"{text}{unit}" if unit in ("×", "") else f"{text} {unit}"


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of the values that at least this part of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1))]
