"""What a search asks for, read from its parameters: conditions, order, page, includes. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from hub.fhir.description import Date, Param, Reference, Resource, String, Token
from hub.fhir.query import Condition, all_of, any_of, column_of, condition, is_day, parameter, refuse, sql_of
from hub.fhir.wiring import Call
from hub.kernel.errors import BadRequest, Issue
from hub.kernel.jsontext import decode, encode

DEFAULT_COUNT = 50
MAX_COUNT = 500
CURSOR = "_cursor"

_INCLUDE = re.compile(r"([A-Z][A-Za-z]+):([A-Za-z][A-Za-z\-]*|\*)(:([A-Z][A-Za-z]+))?")
_RESULT = ("_sort", "_count", "_total", "_summary", "_include", "_revinclude", CURSOR)
_NEVER_NULL = ("_id", "_lastUpdated")
_ONE = ("identifier", "_id")  # of another resource: it is one
_OWN = ("patient", "subject")  # whose column each has, with an index
_MOST_VALUES = 8  # that are looked for one by one
_IGNORED = ("_format", "_pretty")
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
class Follow:
    """An `_include` (or, reversed, a `_revinclude`): from rows of `source` along `param` to rows of `target`."""

    source: Resource
    param: Reference
    target: str
    iterate: bool


@dataclass(frozen=True, slots=True)
class Lead:
    """A filter whose index leads to the rows, and the order in which it has them."""

    condition: Condition
    key: SortKey
    rank: int


@dataclass(slots=True)
class Asked:
    resource: Resource
    conditions: list[Condition] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    sort: list[SortKey] = field(default_factory=list)
    includes: list[Follow] = field(default_factory=list)
    reverse: list[Follow] = field(default_factory=list)
    count: int = DEFAULT_COUNT
    total: str = ""
    counts_only: bool = False
    after: list[Any] | None = None
    wanted: dict[str, frozenset[str]] = field(default_factory=dict)  # columns of references, and the ids they may hold
    each: Condition | None = None  # the one that is looked for value by value
    lead: Lead | None = None  # to the rows, and the order in which they come
    pinned: bool = False  # to few rows
    named: bool = False  # by a column of theirs: an index of their own leads to them
    sifted: bool = False  # by what may let few of many rows through

    @property
    def condition(self) -> Condition:
        return all_of(self.conditions)

    def over(self, ways: Sequence[Condition], after: Sequence[Any] | None) -> list[Part]:
        """The parts of a page, so that each is a range of an index: a status of one side's, names with a beginning."""
        split = self.lead.condition if self.lead else self.each
        shared = [one for one in self.conditions if one is not split]
        return [
            part
            for way in ways
            for value in (split.each if split else (None,))
            for part in self._ranges([way, *([value] if value else []), *shared], value.place if value else "", after)
        ]

    def _ranges(self, conditions: list[Condition], place: str, after: Sequence[Any] | None) -> Iterator[Part]:
        first = self.sort[0]
        keys = [replace(first, column=place), *self.sort[1:]] if place and first.column == _PLACE else self.sort
        columns = tuple(
            [f"{own.column} AS {_PLACE}" if own is not key else key.column for own, key in zip(keys, self.sort, strict=True)]
        )
        if not first.nulls:
            later = [behind(keys, after)] if after is not None else []
            yield Part(all_of([*conditions, *later]), columns, _order(keys))
            return
        # Those with a value and those without are two ranges of the index, on either database.
        known = [replace(first, nulls=False), *self.sort[1:]]
        if after is None or after[0] is not None:
            later = [behind(known, after)] if after is not None else []
            yield Part(all_of([*conditions, Condition(f"r.{first.column} IS NOT NULL"), *later]), columns, _order(known))
        later = [behind(keys[1:], after[1:])] if after is not None and after[0] is None else []
        yield Part(all_of([*conditions, Condition(f"r.{first.column} IS NULL"), *later]), columns, _order(known))

    @property
    def ordered(self) -> bool:
        """Whether the rows come by another index than that of their change."""
        return self.lead is not None or self.sort[0].name not in _NEVER_NULL

    @property
    def few(self) -> bool:
        """Whether an index leads to the page, so that hardly a row is looked at in vain."""
        return self.pinned or (not self.sifted and all(key.name in _NEVER_NULL for key in self.sort))


def read(call: Call, resource: Resource, pairs: Sequence[tuple[str, str]]) -> Asked:
    """Raises BadRequest: a bad value, an unsupported modifier; with `Prefer: handling=strict` an unknown parameter."""
    asked = Asked(resource)
    cursor = None
    for name, value in pairs:
        plain, _, modifier = name.partition(":")
        if plain in _IGNORED:
            continue
        if plain == CURSOR:
            cursor = value
        elif plain in _RESULT:
            _result(call, asked, plain, modifier, value)
        elif value:
            _filter(call, asked, name, plain, modifier, value)
    _complete_sort(asked)
    if cursor is not None:
        asked.after = _after(asked, cursor)
    return asked


def conditions(call: Call, resource: Resource, pairs: Sequence[tuple[str, str]]) -> Condition:
    """Only the filters: of If-None-Exist, a conditional reference, a scope's constraint. Each must be known."""
    asked = Asked(resource)
    for name, value in pairs:
        plain, _, modifier = name.partition(":")
        if plain in _RESULT or not value or not _filter(call, asked, name, plain, modifier, value):
            raise refuse(name, f"cannot be used here to find a {resource.name}.", "not-supported")
    if not asked.conditions:
        raise BadRequest(f"A search for a {resource.name} needs at least one parameter here.")
    return asked.condition


def _filter(call: Call, asked: Asked, name: str, plain: str, modifier: str, value: str) -> bool:
    resource, base = asked.resource, call.wiring.fhir_base
    if plain == "_lastupdated":
        plain = "_lastUpdated"
        asked.warnings.append(
            Issue("", "The parameter is written _lastUpdated; _lastupdated was taken for it.", "value", "warning")
        )
    param = None if "." in modifier else parameter(resource, plain)
    if param is not None:
        found = condition(resource, param, modifier, value, base)
        asked.conditions.append(found)
        _note(asked, param, modifier, found)
    elif chained := _chained(call, resource, name, value):
        asked.conditions.append(chained)
        asked.sifted = True
        asked.named = asked.named or (name.rpartition(".")[2] in _ONE and name.partition(".")[0] in _OWN)
    else:
        words = f"{resource.name} has no search parameter {name[:64]}"
        if call.strict:
            raise BadRequest(f"{words}.", issues=[Issue("", f"{words}.", "not-supported")])
        asked.warnings.append(Issue("", f"{words}; it was ignored.", "not-supported", "warning"))
        return False
    asked.applied.append((f"{plain}:{modifier}" if modifier and param else name if param is None else plain, value))
    return True


def _note(asked: Asked, param: Param, modifier: str, found: Condition) -> None:
    """What a filter says of the way to the rows."""
    if isinstance(param, Reference) and modifier != "missing":
        column, ids = column_of(param), frozenset(found.args)
        if param.within is None and column.isidentifier():
            asked.wanted[column] = asked.wanted.get(column, ids) & ids
        if "Organization" not in param.targets:
            asked.pinned = True
            asked.named = asked.named or param.within is None
            return
    if param.name == "_id" and not modifier:
        asked.pinned = asked.named = True
    elif isinstance(param, Token) and param.in_order and not modifier:
        if found.each and (asked.each is not None or len(found.each) > _MOST_VALUES):
            asked.sifted = True
        elif found.each:
            asked.each = found
    elif param.name != "_lastUpdated":
        asked.sifted = True
        lead = _leading(asked.resource, param, found)
        if lead is not None and (asked.lead is None or lead.rank < asked.lead.rank):
            asked.lead = lead


def _leading(resource: Resource, param: Param, found: Condition) -> Lead | None:
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


def _chained(call: Call, resource: Resource, name: str, value: str) -> Condition | None:
    """`patient.identifier=…`, `subject:Patient.identifier=…`: one step, through what the asker may see there."""
    head, dot, tail = name.partition(".")
    if not dot:
        return None
    plain, _, kind = head.partition(":")
    param = resource.param(plain)
    inner_name, _, modifier = tail.partition(":")
    if not isinstance(param, Reference) or (kind and kind not in param.targets):
        return None
    found = []
    for target_name in (kind,) if kind else param.targets:
        target = call.wiring.by_name.get(target_name)
        inner = parameter(target, inner_name) if target else None
        if target is None or inner is None:
            continue
        seen = Condition(*_as_pair(target.visible(call.actor)))
        both = all_of([seen, condition(target, inner, modifier, value, call.wiring.fhir_base)])
        rows = f"SELECT r.id FROM {target.table_name} r WHERE {both.sql}"
        column = sql_of(column_of(param))
        if param.within:
            found.append(Condition(f"EXISTS (SELECT 1 FROM {param.within} AND {column} IN ({rows}))", both.args))
        else:
            found.append(Condition(f"{column} IN ({rows})", both.args))
    return any_of(found) if found else None


def _as_pair(visible: tuple[str, Sequence[Any]]) -> tuple[str, tuple[Any, ...]]:
    return visible[0], tuple(visible[1])


def _result(call: Call, asked: Asked, name: str, modifier: str, value: str) -> None:
    applied = True
    if name == "_count":
        asked.count = _count(value)
        asked.counts_only = asked.counts_only or asked.count == 0
        value = str(asked.count)
    elif name == "_total":
        if value not in ("none", "estimate", "accurate"):
            raise refuse(name, "takes none, estimate or accurate.")
        asked.total = value
    elif name == "_summary":
        if value not in ("true", "false", "text", "data", "count"):
            raise refuse(name, "takes true, text, data, count or false.")
        if value == "count":
            asked.counts_only = True
        elif value != "false":
            applied = _ignored(call, asked, f"_summary={value}")
    elif name == "_sort":
        asked.sort = [key for one in value.split(",") if one for key in [_sort_key(asked.resource, one)]]
    else:
        if modifier not in ("", "iterate", "recurse"):
            raise refuse(name, f"the modifier :{modifier[:32]} is not supported.", "not-supported")
        applied = _follow(call, asked, name, value, bool(modifier))
    if applied:
        asked.applied.append((f"{name}:{modifier}" if modifier else name, value))


def _ignored(call: Call, asked: Asked, what: str) -> bool:
    if call.strict:
        raise BadRequest(f"{what[:80]} is not supported.", issues=[Issue("", f"{what[:80]}: no.", "not-supported")])
    asked.warnings.append(Issue("", f"{what[:80]} is not supported; it was ignored.", "not-supported", "warning"))
    return False


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise refuse("_count", "takes a whole number, 0 or more.")
    return min(int(value), MAX_COUNT)


def _follow(call: Call, asked: Asked, name: str, value: str, iterate: bool) -> bool:
    match = _INCLUDE.fullmatch(value)
    wiring = call.wiring
    source = wiring.by_name.get(match[1]) if match else None
    if match is None or source is None or (name == "_include" and source is not asked.resource and not iterate):
        return _ignored(call, asked, f"{name}={value}")
    found = False
    for param in source.search:
        if not isinstance(param, Reference) or not param.include or match[2] not in ("*", param.name):
            continue
        for target in param.targets:
            if match[4] not in (None, target) or target not in wiring.by_name:
                continue
            if name == "_revinclude" and target != asked.resource.name and not iterate:
                continue
            follow = Follow(source, param, target, iterate)
            (asked.includes if name == "_include" else asked.reverse).append(follow)
            found = True
    return found or _ignored(call, asked, f"{name}={value}")


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


def _sort_key(resource: Resource, text: str) -> SortKey:
    name = text.removeprefix("-")
    param = parameter(resource, "_lastUpdated" if name == "_lastupdated" else name)
    if param is None or not sortable(param):
        raise refuse("_sort", f"{resource.name} cannot be sorted by {name[:64]}.", "not-supported")
    kind = "text"
    if isinstance(param, Date):
        kind = "day" if is_day(resource, param) else "instant"
    column = column_of(param)
    return SortKey(column, text.startswith("-"), kind, param.name, _may_be_null(resource, column))


def _may_be_null(resource: Resource, column: str) -> bool:
    try:
        return bool(resource.table._meta.get_column_by_name(column)._meta.null)
    except ValueError:
        return True


def _complete_sort(asked: Asked) -> None:
    """Ends with the id, so that each row has its place. Without a wish: the order of what leads to the rows; where
    nothing does, or where it is asked for what has changed, the order of change, so that who pages through while
    others write misses nothing.
    """
    if asked.sort or asked.named or asked.pinned or any(name == "_lastUpdated" for name, _ in asked.applied):
        asked.lead = None
    if asked.lead is not None:
        asked.sort = [asked.lead.key]
    elif not asked.sort:
        asked.sort = [_sort_key(asked.resource, "_lastUpdated")]
    if all(key.name != "_id" for key in asked.sort):
        asked.sort.append(SortKey("id", asked.sort[-1].descending, "text", "_id"))


def _order(keys: Sequence[SortKey]) -> str:
    return ", ".join(f"r.{key.order}" for key in keys)


def cursor_of(values: Sequence[Any]) -> str:
    texts = [one.isoformat() if isinstance(one, datetime | date) else one for one in values]
    return base64.urlsafe_b64encode(encode(texts).encode()).decode().rstrip("=")


def _after(asked: Asked, cursor: str) -> list[Any]:
    try:
        texts = decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(texts, list) or len(texts) != len(asked.sort):
            raise ValueError
        return [_typed(key, text) for key, text in zip(asked.sort, texts, strict=True)]
    except (ValueError, TypeError, binascii.Error):
        raise refuse(CURSOR, "is not from a link that the hub gave for this search.") from None


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


def _typed(key: SortKey, text: Any) -> Any:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError
    if key.kind == "instant":
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
        return found
    return date.fromisoformat(text) if key.kind == "day" else text
