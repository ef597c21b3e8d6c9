"""Entries as SQLite itself writes the JSON that is hashed: that takes less time than to take each column out of it.

A leaf leaves out columns without a value, and no function of SQLite does. But most entries of a trail are alike in
which columns these are: for each such shape that was met there is a JSON of its own, and an entry of another has none.
An entry whose JSON is not byte for byte what was hashed is looked at column by column, so that nothing depends on how
a version of SQLite writes JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hub.audit.rules import COLUMNS

_MOST = 16  # shapes: as many as a trail needs, and a forger is not to make the statement grow


class Shapes:
    def __init__(self, *, of_now: bool) -> None:
        self._columns = [name for name in COLUMNS if of_now or name != "members"]
        self._members = "members" if of_now else "NULL"
        self._met: dict[frozenset[str], None] = {}  # the columns that are empty
        self.sql = ""  # id, leaf, members and JSON of entries; empty while there is no shape

    def learn(self, rows: Iterable[Sequence[Any]]) -> None:
        """From rows in the order of `COLUMNS`."""
        empty = {tuple(value is None for value in row) for row in rows}
        met = {frozenset(name for name, none in zip(COLUMNS, one, strict=True) if none) for one in empty}
        new = [shape for shape in met if shape not in self._met]
        if not new:
            return
        self._met.update(dict.fromkeys(new))
        while len(self._met) > _MOST:
            del self._met[next(iter(self._met))]
        # An entry gets the JSON of the first shape whose columns are empty: so that with more of them comes before.
        shapes = sorted(self._met, key=len, reverse=True)
        self.sql = f"SELECT id, leaf, {self._members}, CASE {' '.join(map(self._json, shapes))} END FROM audit_entry"

    def _json(self, shape: frozenset[str]) -> str:
        empty = " AND ".join(f"{name} IS NULL" for name in self._columns if name in shape) or "TRUE"
        held = ", ".join(f"'{name}', {name}" for name in self._columns if name not in shape)
        return f"WHEN {empty} THEN json_object({held})"
