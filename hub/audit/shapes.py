"""Entries as the database itself puts their columns together: that takes less time than to take each out of it.

A leaf leaves out columns without a value, and no function of a database does. But most entries of a trail are alike in
which columns these are: for each such shape that was met the database has a text of its own, and an entry of another
has none. An entry whose text does not hash to its leaf is looked at column by column, so that nothing depends on how
a database writes a text: only that no two entries have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hub.audit.rules import COLUMNS

_MOST = 16  # shapes: as many as a trail needs, and a forger is not to make the statement grow
_NEVER_EMPTY = frozenset({"id", "happened_at", "recorded_at"})  # an entry without one was changed


class Shapes:
    """`write` says in SQL how a shape of so many columns with a value becomes a text; it has the shape's number too."""

    def __init__(self, write: Callable[[int, Sequence[str]], str], *, of_now: bool) -> None:
        self._write = write
        self._columns = [name for name in COLUMNS if of_now or name != "members"]
        self._met: dict[frozenset[str], None] = {}  # the columns that are empty
        self.held: list[list[str]] = []  # of each shape by its number: the columns that are not
        self.text = ""  # in SQL; empty while there is no shape

    def learn(self, rows: Iterable[Sequence[Any]]) -> None:
        """From rows in the order of `COLUMNS`."""
        empty = {tuple(value is None for value in row) for row in rows}
        met = {frozenset(name for name, none in zip(COLUMNS, one, strict=True) if none) for one in empty}
        new = [shape for shape in met if shape not in self._met and not shape & _NEVER_EMPTY]
        if not new:
            return
        self._met.update(dict.fromkeys(new))
        while len(self._met) > _MOST:
            del self._met[next(iter(self._met))]
        # An entry gets the text of the first shape whose columns are empty: so that with more of them comes before.
        shapes = sorted(self._met, key=len, reverse=True)
        self.held = [[name for name in self._columns if name not in shape] for shape in shapes]
        self.text = f"CASE {' '.join(self._when(number, shape) for number, shape in enumerate(shapes))} END"

    def _when(self, number: int, shape: frozenset[str]) -> str:
        empty = " AND ".join(f"{name} IS NULL" for name in self._columns if name in shape) or "TRUE"
        return f"WHEN {empty} THEN {self._write(number, self.held[number])}"
