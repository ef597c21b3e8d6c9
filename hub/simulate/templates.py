"""Documents as the hub's own builders make them, with gaps: filling one costs a microsecond, building one fifty.

A builder is called once with marks in place of what differs from row to row; its text, stored as `hub.db.documents`
stores it, is cut at the marks. What is filled in has nothing that JSON would escape; a test compares the texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from hub.db.documents import instant_text, stored_text


def gap(name: str) -> str:
    """What stands in the document for a text that differs."""
    return f"@{name}@"


class Gaps:
    """Marks for the fields of a document: texts by their names, instants and days as values that builders take."""

    def __init__(self, *names: str) -> None:
        self._instants = {name: datetime(1801 + n, 1, 1, tzinfo=UTC) for n, name in enumerate(names)}
        self._days = {name: date(1701 + n, 1, 1) for n, name in enumerate(names)}

    def instant(self, name: str) -> datetime:
        return self._instants[name]

    def day(self, name: str) -> date:
        return self._days[name]

    def marked(self, text: str) -> str:
        for name, instant in self._instants.items():
            text = text.replace(instant_text(instant), gap(name))
        for name, day in self._days.items():
            text = text.replace(day.isoformat(), gap(name))
        return text


class Template:
    """A stored document with gaps. `fill` takes the values in the order of `names`."""

    def __init__(self, document: Mapping[str, Any], version: int, names: Sequence[str], gaps: Gaps) -> None:
        """`names` begins with the fields `id` and `at` of the stored document: its id, and when it was stored."""
        text = gaps.marked(stored_text(document, gap("id"), version, gaps.instant("at")))
        places = {name: place for place, name in enumerate(names)}
        found = [places[name] for name in re.findall(r"@([a-z_]+)@", text)]
        if set(found) != set(places.values()):
            raise ValueError(f"The document does not use all of {', '.join(names)}.")
        self._text = re.sub(r"@[a-z_]+@", "%s", text.replace("%", "%%"))
        self._pick = itemgetter(*found)

    def fill(self, *values: str) -> str:
        filled: str = self._text % self._pick(values)
        return filled
