"""The writes of a unit of work on PostgreSQL, kept until its end and then sent as one statement where that is possible.

Several writes become one data-modifying `WITH`. Its parts see one and the same snapshot: none sees what another wrote.
So a write joins those before it only where it could not notice: a plain INSERT always (foreign keys between rows are
checked when all of them are in, unique keys as the parts run, which is in their order); anything else only where none
of them writes its table or one that it names. A DELETE stands alone, because it may cascade. What cannot go together is
sent one after the other, between BEGIN and COMMIT. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

Sent = tuple[str, Sequence[Any]]
Types = Mapping[str, str]
"""For each column of a table its type, as it is written in a cast."""

MAX_ARGUMENTS = 32_000  # the protocol's own limit is 32,767
MAX_PARTS = 100
FEW = 4  # rows of one table that go each by itself: making arrays of them costs more
MAX_KEPT = 10_000  # rows and statements; whoever writes more has them sent in between

_READ = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE|SHOW|EXPLAIN)\b", re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(FOR\s+(NO\s+KEY\s+)?UPDATE|FOR\s+(KEY\s+)?SHARE|INSERT|UPDATE|DELETE|MERGE|INTO|ANALYZE|pg_advisory\w*)\b",
    re.IGNORECASE,
)
_TARGET = re.compile(r'\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?"?(\w+)"?', re.IGNORECASE)
_NOT_PLAIN = re.compile(r"\b(SELECT(?! \* from unnest\(\$1::| \(r->>0\)::)|CONFLICT|RETURNING)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"\$(\d+)")
_SHORT = frozenset({"text", "character varying", "timestamp with time zone", "date", "integer", "bigint", "boolean"})
"""Types whose values JSON says as they are."""
_json = msgspec.json.Encoder()


@lru_cache(maxsize=4096)
def reads_only(sql: str) -> bool:
    """Whether a statement changes and locks nothing, so that it needs no transaction. In doubt it does."""
    return bool(_READ.match(sql)) and not _CHANGES.search(sql)


@dataclass(frozen=True, slots=True)
class _Kind:
    table: str | None  # what it writes; None: not known, so it stands alone
    plain: bool  # an INSERT of given values that nothing turns into something else
    rest: str  # where other tables may be named


@lru_cache(maxsize=4096)
def _kind(sql: str) -> _Kind:
    found = _TARGET.match(sql)
    if found is None or found[1].upper().startswith("DELETE"):
        return _Kind(None, False, sql)
    rest = sql[found.end() :].lower()
    plain = found[1].upper().startswith("INSERT") and not _NOT_PLAIN.search(rest)
    return _Kind(found[2].lower(), plain, rest)


@dataclass(slots=True)
class _Rows:
    """Rows that are inserted by column names. Later ones for the same columns join them."""

    table: str
    columns: tuple[str, ...]
    rows: list[Sequence[Any]]

    def sent(self, types: Types) -> list[Sent]:
        if len(self.rows) > FEW:
            casts = tuple([types.get(column, "[]") for column in self.columns])
            if "document" not in self.columns and _SHORT.issuperset(casts):
                return [(insert_short_sql(self.table, self.columns, casts), [_json.encode(self.rows).decode()])]
            if not any(cast.endswith("[]") for cast in casts):  # unnest would flatten an array
                return [(insert_many_sql(self.table, self.columns, casts), list(zip(*self.rows, strict=True)))]
        return [(insert_sql(self.table, self.columns), row) for row in self.rows]


class Queue:
    """What waits to be sent, in its order."""

    __slots__ = ("_arguments", "_joinable", "_orderly", "_size", "_tables", "_waiting")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._waiting: list[_Rows | Sent] = []
        self._joinable: dict[tuple[str, tuple[str, ...]], _Rows] = {}
        self._tables: set[str] = set()
        self._orderly = True  # plain INSERTs alone
        self._size = self._arguments = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def full(self) -> bool:
        """Time to send what is there: one statement holds no more."""
        return self._size >= MAX_KEPT or len(self._waiting) >= MAX_PARTS - 1 or self._arguments >= MAX_ARGUMENTS // 2

    def add(self, sql: str, args: Sequence[Any]) -> None:
        kind = _kind(sql)
        if not kind.plain:
            self._orderly = False
            self._joinable = {}  # this one may be meant to miss the rows that come after it
        if kind.table is not None:
            self._tables.add(kind.table)
        self._waiting.append((sql, args))
        self._size += 1
        self._arguments += len(args)

    def add_rows(self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        found = self._joinable.get((table, columns))
        if found is None:
            found = self._joinable[table, columns] = _Rows(table, columns, [])
            self._waiting.append(found)
            self._tables.add(table)
            self._arguments += len(columns)
        found.rows.extend(rows)
        self._size += len(rows)

    def hides_from(self, sql: str) -> bool:
        """Whether a read has to wait until this is sent: it may look at a table that is written, or a write may be
        meant to lock. (No view or function of the schema reads a table that its name does not tell.)
        """
        if not self._waiting:
            return False
        lowered = sql.lower()
        return not self._orderly or any(table in lowered for table in self._tables)

    def tables_of_many(self) -> set[str]:
        """The tables whose columns' types `take` wants to know."""
        return {one.table for one in self._waiting if isinstance(one, _Rows) and len(one.rows) > FEW}

    def take(self, types: Mapping[str, Types]) -> list[Sent]:
        """Everything queued as statements to send in this order, as few as can be; afterwards nothing is queued."""
        sent: list[Sent] = []
        for one in self._waiting:
            if isinstance(one, _Rows):
                sent += one.sent(types.get(one.table, {}))
            else:
                sent.append(one)
        self._clear()
        return [_one(group) for group in _groups(sent)]


def _groups(sent: list[Sent]) -> list[list[Sent]]:
    groups: list[list[Sent]] = []
    tables: set[str] = set()  # what the last group writes
    arguments = 0
    for one in sent:
        kind = _kind(one[0])
        arguments += len(one[1])
        together = (
            bool(groups)
            and bool(tables)
            and kind.table is not None
            and arguments <= MAX_ARGUMENTS
            and len(groups[-1]) < MAX_PARTS
            and (kind.plain or not (kind.table in tables or any(table in kind.rest for table in tables)))
        )
        if together:
            groups[-1].append(one)
        else:
            groups.append([one])
            tables, arguments = set(), len(one[1])
        if kind.table is not None:
            tables.add(kind.table)
    return groups


def _one(group: list[Sent]) -> Sent:
    if len(group) == 1:
        return group[0]
    text = _compose(tuple(sql for sql, _ in group), tuple(len(args) for _, args in group))
    return text, [arg for _, args in group for arg in args]


@lru_cache(maxsize=1024)
def _compose(texts: tuple[str, ...], counts: tuple[int, ...]) -> str:
    """One statement of several. PostgreSQL runs the parts of a WITH that nobody reads from the last to the first; put
    in backwards they take their locks in the order in which the action wrote.
    """
    parts, before = [], 0
    for n, (text, count) in enumerate(zip(texts, counts, strict=True)):
        parts.append(f"w{n} AS ({_renumbered(text, before)})")
        before += count
    return f"WITH {', '.join(reversed(parts))} SELECT 1"


def _renumbered(sql: str, before: int) -> str:
    return _NUMBERED.sub(lambda found: f"${int(found[1]) + before}", sql) if before else sql


@lru_cache(maxsize=1024)
def insert_sql(table: str, columns: tuple[str, ...]) -> str:
    values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({_names(columns)}) VALUES ({values})"


@lru_cache(maxsize=1024)
def insert_many_sql(table: str, columns: tuple[str, ...], types: tuple[str, ...]) -> str:
    """The same text for any number of rows: each column comes as one array."""
    arrays = ", ".join(f"${n}::{one}[]" for n, one in enumerate(types, 1))
    return f"INSERT INTO {table} ({_names(columns)}) SELECT * FROM unnest({arrays})"


@lru_cache(maxsize=1024)
def insert_short_sql(table: str, columns: tuple[str, ...], types: tuple[str, ...]) -> str:
    """The same for rows without documents, which come as one JSON text: half of what arrays cost on either side."""
    values = ", ".join(f"(r->>{n})::{one}" for n, one in enumerate(types))
    return f"INSERT INTO {table} ({_names(columns)}) SELECT {values} FROM jsonb_array_elements($1::jsonb) r"


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
