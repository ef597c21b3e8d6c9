"""The order in which a search has its rows, and the place of a row in it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from hub.fhir.description import Date, Param, Resource, String, Token
from hub.fhir.query import Condition, all_of, any_of, column_of, is_day, parameter, refuse
from hub.kernel.jsontext import decode, encode

_PLACE = "place"  # where rows of several ranges stand in their order


@dataclass(frozen=True, slots=True)
class SortKey:
    column: str
    descending: bool
    kind: str  # text | instant | day
    name: str
    nulls: bool = False  # whether there may be rows without it

    @property
    def order(self) -> str:
        # An index serves the order only where nothing is said of nulls.
        return f"{self.column} {'DESC' if self.descending else 'ASC'}{' NULLS LAST' if self.nulls else ''}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page. `selected` and `order`: its columns of the order, as it says them itself."""

    condition: Condition
    selected: tuple[str, ...]
    order: str


@dataclass(frozen=True, slots=True)
class Lead:
    """A filter whose index leads to the rows, and the order in which it has them."""

    condition: Condition
    key: SortKey
    rank: int


def sortable(param: Param) -> bool:
    """By a column of the row itself; not by an expression, and not where there may be several values."""
    if param.within is not None:
        return False
    if isinstance(param, Token):
        own_column = not param.column or param.column.isidentifier()
        return own_column and not param.systems and param.values is None and not param.boolean
    if isinstance(param, String):
        return not param.columns
    return isinstance(param, Date)


def sort_key(resource: Resource, text: str) -> SortKey:
    name = text.removeprefix("-")
    param = parameter(resource, "_lastUpdated" if name == "_lastupdated" else name)
    if param is None or not sortable(param):
        raise refuse("_sort", f"{resource.name} cannot be sorted by {name[:64]}.", "not-supported")
    kind = "text"
    if isinstance(param, Date):
        kind = "day" if is_day(resource, param) else "instant"
    column = column_of(param)
    if isinstance(param, String) and param.folded is not None:
        column = f"{column}_key"  # whatever the case, and by an index
    return SortKey(column, text.startswith("-"), kind, param.name, _may_be_null(resource, column))


def _may_be_null(resource: Resource, column: str) -> bool:
    try:
        return bool(resource.table._meta.get_column_by_name(column)._meta.null)
    except ValueError:
        return True


def leading(resource: Resource, param: Param, found: Condition) -> Lead | None:
    """A range that an index serves. One day is narrower than the beginning of a name, that than a span of time."""
    if not isinstance(param, Date | String) or not found.each:
        return None
    if isinstance(param, String):
        rank, kind = 1, "text"
    elif param.in_order:
        rank = 0 if all(one.sql == f"r.{one.place} = {{}}" for one in found.each) else 2
        kind = "day" if is_day(resource, param) else "instant"
    else:
        return None
    places = {one.place for one in found.each}
    return Lead(found, SortKey(places.pop() if len(places) == 1 else _PLACE, False, kind, param.name), rank)


def ranges(
    sort: Sequence[SortKey], one: Condition, others: list[Condition], after: Sequence[Any] | None
) -> Iterator[Part]:
    """What these conditions find behind a place in the order. `one` may be a range of a column that stands for the
    order's own.

    Of two conditions that say where a walk begins SQLite takes the first: so the one that begins later stands first.
    """
    first, place, conditions = sort[0], one.place, [one, *others]
    ahead = bool(place) and after is not None and after[0] is not None and after[0] < one.args[0]
    keys = [replace(first, column=place), *sort[1:]] if place and first.column == _PLACE else sort
    columns = tuple([key.column for key in sort])
    if keys is not sort:
        columns = (f"{place} AS {_PLACE}", *columns[1:])
    if not first.nulls:
        later = [behind(keys, after)] if after is not None else []
        yield Part(all_of([*conditions, *later] if ahead else [*later, *conditions]), columns, _order(keys))
        return
    # Those with a value and those without are two ranges of the index, on either database.
    known = [replace(first, nulls=False), *sort[1:]]
    if after is None or after[0] is not None:
        later = [behind(known, after)] if after is not None else []
        yield Part(all_of([*later, *conditions, Condition(f"r.{first.column} IS NOT NULL")]), columns, _order(known))
    later = [behind(keys[1:], after[1:])] if after is not None and after[0] is None else []
    yield Part(all_of([*conditions, Condition(f"r.{first.column} IS NULL"), *later]), columns, _order(known))


def _order(keys: Sequence[SortKey]) -> str:
    return ", ".join(f"r.{key.order}" for key in keys)


def cursor_of(values: Sequence[Any]) -> str:
    texts = [one.isoformat() if isinstance(one, datetime | date) else one for one in values]
    return base64.urlsafe_b64encode(encode(texts).encode()).decode().rstrip("=")


def behind(keys: Sequence[SortKey], values: Sequence[Any]) -> Condition:
    """What comes after a place in the order, as a comparison that an index can serve."""
    if not any(key.nulls for key in keys) and len({key.descending for key in keys}) == 1:
        columns, marks = ", ".join(f"r.{key.column}" for key in keys), ", ".join(["{}"] * len(values))
        return Condition(f"({columns}) {'<' if keys[0].descending else '>'} ({marks})", tuple(values))
    alternatives: list[Condition] = []
    same: list[Condition] = []
    for key, value in zip(keys, values, strict=True):
        if value is not None:
            sign = "<" if key.descending else ">"
            later = Condition(f"r.{key.column} {sign} {{}}", (value,))
            if key.nulls:
                later = any_of([later, Condition(f"r.{key.column} IS NULL")])
            alternatives.append(all_of([*same, later]))
        same.append(
            Condition(f"r.{key.column} IS NULL") if value is None else Condition(f"r.{key.column} = {{}}", (value,))
        )
    return any_of(alternatives)


def placed(keys: Sequence[SortKey], cursor: str) -> list[Any]:
    """The place that a cursor names. ValueError, TypeError, OverflowError, RecursionError: it names none of this
    order.
    """
    texts = decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if not isinstance(texts, list) or len(texts) != len(keys):
        raise ValueError
    return [_typed(key, text) for key, text in zip(keys, texts, strict=True)]


def _typed(key: SortKey, text: Any) -> Any:
    if text is None:
        return None
    if not isinstance(text, str) or "\x00" in text:  # PostgreSQL takes none
        raise ValueError
    if key.kind == "instant":
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    return date.fromisoformat(text) if key.kind == "day" else text
