"""Several look-ups at once: on PostgreSQL they are one statement, and so one round trip.

An action that knows what it will ask says so first, each question where its answer belongs, and asks them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, overload

from hub.db.engine import engine, look_up
from hub.db.postgres import PooledPostgresEngine
from hub.db.sqltext import compiled

Rows = list[dict[str, Any]]
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


async def _in_one(bound: PooledPostgresEngine, texts: tuple[str, ...], args: list[Any]) -> list[Rows]:
    sql = _joined(texts)
    transaction = bound.current_transaction.get()
    records = await (bound.alone(sql, args) if transaction is None else transaction.fetch(sql, args))
    parts: list[Rows] = [[] for _ in texts]
    if records:
        names = tuple(records[0].keys())
        for record in records:
            values = tuple(record)
            for number, (start, end) in enumerate(_places(names)):
                if values[start] is not None:
                    parts[number].append(dict(zip(names[start + 1 : end], values[start + 1 : end], strict=True)))
                    break
    return parts


@lru_cache(maxsize=512)
def _places(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Where the columns of each question begin and end."""
    starts = [place for place, name in enumerate(names) if name == _PART]
    return tuple(zip(starts, [*starts[1:], len(names)], strict=True))


_PART = "asked_part"


@lru_cache(maxsize=512)
def _joined(texts: tuple[str, ...]) -> str:
    """One statement whose rows are those of the first, then those of the second, …: each row holds the columns of all,
    and only those of its own question are filled. (Joined in full on what is never equal, with every type as it is.)
    """
    parts, before = [], 0
    for number, text in enumerate(texts):
        sql = compiled(text, "postgres")
        count = max((int(found) for found in _NUMBERED.findall(sql)), default=0)
        sql = _NUMBERED.sub(lambda found, moved=before: f"${int(found[1]) + moved}", sql)  # type: ignore[misc]
        parts.append(f"(SELECT {number} AS {_PART}, q{number}.* FROM ({sql}) q{number}) p{number}")
        before += count
    columns = ", ".join(f"p{number}.*" for number in range(len(parts)))
    joined = parts[0] + "".join(
        f" FULL JOIN {part} ON p0.{_PART} = p{number}.{_PART}" for number, part in enumerate(parts) if number
    )
    return f"SELECT {columns} FROM {joined}"
