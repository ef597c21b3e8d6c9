"""What a search asks for, read from its parameters: conditions, order, page, includes. Pure."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.fhir.description import Param, Reference, Resource, Token
from hub.fhir.order import Lead, Part, SortKey, leading, placed, ranges, sort_key
from hub.fhir.query import Condition, all_of, any_of, column_of, condition, parameter, refuse, sql_of
from hub.fhir.wiring import Call
from hub.kernel.errors import BadRequest, Issue

DEFAULT_COUNT = 50
MAX_COUNT = 500
CURSOR = "_cursor"

_INCLUDE = re.compile(r"([A-Z][A-Za-z]+):([A-Za-z][A-Za-z\-]*|\*)(:([A-Z][A-Za-z]+))?")
_RESULT = ("_sort", "_count", "_total", "_summary", "_include", "_revinclude", CURSOR)
_ONE = ("identifier", "_id")  # of another resource: it is one
_OWN = ("patient", "subject")  # whose column each has, with an index
_MOST_VALUES = 8  # that are looked for one by one
_MOST_REPEATED = 800  # values that each part of a page says again: a statement has room for 32766
_MOST_IN_ALL = 5000
_IGNORED = ("_format", "_pretty")
_ALL = Condition("1 = 1")


@dataclass(frozen=True, slots=True)
class Follow:
    """An `_include` (or, reversed, a `_revinclude`): from rows of `source` along `param` to rows of `target`."""

    source: Resource
    param: Reference
    target: str
    iterate: bool


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

    @property
    def values(self) -> int:
        return sum(len(one.args) for one in self.conditions)

    def over(self, ways: Sequence[Condition], after: Sequence[Any] | None) -> list[Part]:
        """The parts of a page, so that each is a range of an index: a status of one side's, names with a beginning."""
        split = self.lead.condition if self.lead else self.each
        shared = [one for one in self.conditions if one is not split]
        found: list[Part] = []
        for way in ways:
            for one in split.each if split else (_ALL,):
                found += ranges(self.sort, one, [way, *shared], after)
        return found

    @property
    def few(self) -> bool:
        """Whether an index leads to the page, so that hardly a row is looked at in vain."""
        by_change = [key.name for key in self.sort] == ["_lastUpdated", "_id"]
        one_way = len({key.descending for key in self.sort}) == 1
        return self.pinned or (not self.sifted and by_change and one_way)


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
    if asked.values > _MOST_REPEATED:
        asked.lead, asked.each, asked.sifted = None, None, True
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
        asked.named = asked.named or (name.rpartition(".")[2] in _ONE and re.split("[.:]", name)[0] in _OWN)
    else:
        words = f"{resource.name} has no search parameter {name[:64]}"
        if call.strict:
            raise BadRequest(f"{words}.", issues=[Issue("", f"{words}.", "not-supported")])
        asked.warnings.append(Issue("", f"{words}; it was ignored.", "not-supported", "warning"))
        return False
    if asked.values > _MOST_IN_ALL:
        raise refuse(name, f"the search takes at most {_MOST_IN_ALL} values in all.", "too-costly")
    asked.applied.append((f"{plain}:{modifier}" if modifier and param else name if param is None else plain, value))
    return True


def _note(asked: Asked, param: Param, modifier: str, found: Condition) -> None:
    """What a filter says of the way to the rows."""
    if isinstance(param, Reference) and modifier != "missing":
        column, ids = column_of(param), frozenset(found.args)
        if param.within is None and column.isidentifier():
            asked.wanted[column] = asked.wanted.get(column, ids) & ids
        if "Organization" not in param.targets and param.within is None:
            asked.pinned = asked.named = True
            return
    again = any(name == param.name for name, _ in asked.applied)  # an index serves one of them
    if param.name == "_id" and not modifier:
        asked.pinned = asked.named = True
    elif isinstance(param, Token) and param.in_order and not modifier:
        if again or (found.each and (asked.each is not None or len(found.each) > _MOST_VALUES)):
            asked.sifted = True
        elif found.each:
            asked.each = found
    elif param.name != "_lastUpdated" or again or len(found.each) != 1:  # ne, :missing and several are no range
        asked.sifted = True
        lead = leading(asked.resource, param, found)
        if lead is not None and (asked.lead is None or lead.rank < asked.lead.rank):
            asked.lead = lead


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
        asked.sort = [key for one in value.split(",") if one for key in [sort_key(asked.resource, one)]]
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
        asked.sort = [sort_key(asked.resource, "_lastUpdated")]
    if all(key.name != "_id" for key in asked.sort):
        asked.sort.append(SortKey("id", asked.sort[-1].descending, "text", "_id"))


def _after(asked: Asked, cursor: str) -> list[Any]:
    try:
        return placed(asked.sort, cursor)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise refuse(CURSOR, "is not from a link that the hub gave for this search.") from None
