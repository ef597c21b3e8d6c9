"""SQL with `{}` for each argument, in each database's own writing. Each text is taken apart once."""

from __future__ import annotations

import re
from functools import lru_cache
from string import Formatter

_READS = re.compile(r"\s*(SELECT|VALUES|EXPLAIN|PRAGMA)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*WITH\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def compiled(sql: str, engine_type: str) -> str:
    """`?` for each argument on SQLite, `$1`, `$2`, … on PostgreSQL."""
    numbered, parts, number = engine_type == "postgres", [], 0
    for text, field, _, _ in Formatter().parse(sql):
        parts.append(text)
        if field is not None:
            number += 1
            parts.append(f"${number}" if numbered else "?")
    return "".join(parts)


@lru_cache(maxsize=4096)
def only_reads(sql: str) -> bool:
    """Whether a statement on SQLite changes nothing. In doubt it does."""
    if _READS.match(sql):
        return True
    return bool(_WITH.match(sql)) and not _CHANGES.search(sql)


@lru_cache(maxsize=1024)
def insert(table: str, columns: tuple[str, ...]) -> str:
    """For SQLite's `executemany`."""
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
