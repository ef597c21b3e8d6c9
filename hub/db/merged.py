"""The first rows in an order, out of several ranges of indexes.

Each part walks its own index and stops; together they are as quick as one, where an OR would have to collect everything
and sort it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.db.engine import is_sqlite

ROW_BY_ROW = "LIMIT 1 OFFSET 0"
"""Ends an EXISTS that is to be asked with each row. Without, PostgreSQL makes a join of it and sorts all that it finds,
in a State a hundred thousand rows, where a page needs the first twenty of an index.
"""


def merged(parts: Sequence[tuple[str, str]], whole: str, limit: int, skip: int = 0) -> str:
    """One SELECT over all `parts`: SELECTs of the same columns, no row in two of them, each with the order as it says
    it itself. `whole`: the same by the names of the columns.
    """
    page = f"LIMIT {limit} OFFSET {skip}" if skip else f"LIMIT {limit}"
    if len(parts) == 1:
        return f"{parts[0][0]} ORDER BY {parts[0][1]} {page}"
    if is_sqlite():  # merges them by itself
        return f"{' UNION ALL '.join([part for part, _ in parts])} ORDER BY {whole} {page}"
    cut = [f"({part} ORDER BY {order} LIMIT {limit + skip})" for part, order in parts]
    return f"{' UNION ALL '.join(cut)} ORDER BY {whole} {page}"
