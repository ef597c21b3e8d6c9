"""Several look-ups at once: on PostgreSQL they are one statement, and so one round trip.

An action that knows what it will ask says so first, each question where its answer belongs, and asks them together. So
does who knows that more will be asked of the rows that a first question finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, TypeVar, overload

from hub.db.engine import engine, fetch, look_up
from hub.db.postgres import PooledPostgresEngine
from hub.db.sqltext import compiled

Rows = list[dict[str, Any]]
Values = tuple[str, Sequence[str]]  # what follows `IN`, with its arguments
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
_NUMBERED = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Asked(Generic[A]):
    """A SELECT with `{}` for each argument, and what its rows mean. In which order they come is not kept."""

    sql: str
    args: Sequence[Any]
    read: Callable[[Rows], A]


@overload
async def ask_together(one: Asked[A], /) -> tuple[A]: ...
@overload
async def ask_together(one: Asked[A], two: Asked[B], /) -> tuple[A, B]: ...
@overload
async def ask_together(one: Asked[A], two: Asked[B], three: Asked[C], /) -> tuple[A, B, C]: ...
@overload
async def ask_together(one: Asked[A], two: Asked[B], three: Asked[C], four: Asked[D], /) -> tuple[A, B, C, D]: ...
@overload
async def ask_together(*asked: Asked[Any]) -> tuple[Any, ...]: ...
async def ask_together(*asked: Asked[Any]) -> tuple[Any, ...]:
    """The answer to each."""
    bound = engine()
    if not isinstance(bound, PooledPostgresEngine) or len(asked) < 2:
        return tuple([one.read(await look_up(one.sql, *one.args)) for one in asked])
    found = await _in_one(bound, tuple([one.sql for one in asked]), [arg for one in asked for arg in one.args])
    return tuple([one.read(rows) for one, rows in zip(asked, found, strict=True)])


class Among:
    """The rows of a first question, as other questions speak of them before they are found."""

    def __init__(self) -> None:
        self.rows: Rows = []

    def values(self, column: str, unless: tuple[str, str] | None = None) -> Values:
        """What the column holds, but not where another holds this value."""
        if unless is None:
            return f"SELECT f.{column} FROM {_FIRST} f", ()
        return f"SELECT f.{column} FROM {_FIRST} f WHERE f.{unless[0]} <> {{}}", (unless[1],)

    def held(self, column: str, unless: tuple[str, str] | None = None) -> frozenset[str]:
        """The same, once the rows are there."""
        if unless is None:
            return frozenset([row[column] for row in self.rows])
        but, value = unless
        return frozenset([row[column] for row in self.rows if row[but] != value])


async def ask_of_found(first: Asked[Rows], *foreseen: Callable[[Among], Asked[Any]], few: bool = True) -> Rows:
    """The rows of the first question, in their order. What will be asked of them is answered with them where that saves
    a round trip; elsewhere it is asked when it is needed.

    `few`: an index leads to the rows, so that nobody has to wait while they are looked up.
    """
    bound = engine()
    if not isinstance(bound, PooledPostgresEngine) or not foreseen:
        return await (look_up if few else fetch)(first.sql, *first.args)
    among = Among()
    asked = [one(among) for one in foreseen]
    args = [*first.args, *[arg for one in asked for arg in one.args]]
    rows, *answers = await _in_one(bound, (_OF_FIRST, *[one.sql for one in asked]), args, first.sql)
    rows.sort(key=_place_of)
    for row in rows:
        del row[_PLACE]
    among.rows = rows
    for one, answer in zip(asked, answers, strict=True):
        one.read(answer)
    return rows


async def _in_one(
    bound: PooledPostgresEngine, texts: tuple[str, ...], args: list[Any], first: str | None = None
) -> list[Rows]:
    sql = _joined(texts, first)
    transaction = bound.current_transaction.get()
    records = await (bound.alone(sql, args) if transaction is None else transaction.fetch(sql, args))
    parts: list[Rows] = [[] for _ in texts]
    if records:
        places = _places(tuple(records[0].keys()))
        number, (mark, columns, names) = 0, places[0]
        for record in records:
            if record[mark] is None:  # the rows of a question come one after another
                number = next(one for one, place in enumerate(places) if record[place[0]] is not None)
                mark, columns, names = places[number]
            parts[number].append(dict(zip(names, record[columns], strict=True)))
    return parts


@lru_cache(maxsize=512)
def _places(names: tuple[str, ...]) -> tuple[tuple[int, slice, tuple[str, ...]], ...]:
    """Of each question: where it is marked, where its columns are, and their names."""
    starts = [place for place, name in enumerate(names) if name == _PART]
    ends = [*starts[1:], len(names)]
    return tuple(
        (start, slice(start + 1, end), names[start + 1 : end]) for start, end in zip(starts, ends, strict=True)
    )


_PART = "asked_part"
_FIRST = "found_first"
_PLACE = "found_place"
_OF_FIRST = f"SELECT row_number() OVER () AS {_PLACE}, f.* FROM {_FIRST} f"
_place_of = itemgetter(_PLACE)


@lru_cache(maxsize=512)
def _joined(texts: tuple[str, ...], first: str | None = None) -> str:
    """One statement whose rows are those of the first, then those of the second, …: each row holds the columns of all,
    and only those of its own question are filled. (Joined in full on what is never equal, with every type as it is.)

    `first`: a SELECT whose rows the texts may speak of; its arguments come before theirs.
    """
    parts, before, given = [], 0, ""
    if first is not None:
        sql = compiled(first, "postgres")
        before, given = _count(sql), f"WITH {_FIRST} AS MATERIALIZED ({sql}) "
    for number, text in enumerate(texts):
        sql = compiled(text, "postgres")
        count = _count(sql)
        sql = _NUMBERED.sub(lambda found, moved=before: f"${int(found[1]) + moved}", sql)  # type: ignore[misc]
        parts.append(f"(SELECT {number} AS {_PART}, q{number}.* FROM ({sql}) q{number}) p{number}")
        before += count
    columns = ", ".join(f"p{number}.*" for number in range(len(parts)))
    joined = parts[0] + "".join(
        f" FULL JOIN {part} ON p0.{_PART} = p{number}.{_PART}" for number, part in enumerate(parts) if number
    )
    return f"{given}SELECT {columns} FROM {joined}"


def _count(sql: str) -> int:
    return max((int(found) for found in _NUMBERED.findall(sql)), default=0)
