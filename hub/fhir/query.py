"""Search parameters as SQL. Pure: texts in, conditions with `{}` for each argument out.

A value never becomes part of the SQL; columns come from the descriptions alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from piccolo.columns import Date as DateColumn

from hub.fhir.codes import SYSTEMS
from hub.fhir.dates import bounds
from hub.fhir.description import Date, Param, Reference, Resource, String, Token
from hub.kernel import clock
from hub.kernel.errors import BadRequest, Issue

MAX_ALTERNATIVES = 500
MAX_RANGES = 8  # that are walked one by one
_DEEPEST = 200  # conditions in a row: to SQLite each is a level deeper, of a thousand
_LAST_SIGN = "\U0010ffff"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_TYPED = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_BARE = re.compile(r"[A-Za-z0-9\-.]{1,64}")

_ID = Token("_id", column="id")
_LAST_UPDATED = Date("_lastUpdated", column="updated_at", day=False)


class Condition(msgspec.Struct, frozen=True):
    sql: str
    args: tuple[Any, ...] = ()
    each: tuple[Condition, ...] = ()  # of several values: a condition for each, no row under two of them
    place: str = ""  # of one value: the column of which it is a range


NEVER = Condition("1 = 0")


def refuse(name: str, words: str, code: str = "value") -> BadRequest:
    return BadRequest(f"Parameter {name[:64]}: {words}", issues=[Issue("", f"Parameter {name[:64]}: {words}", code)])


def all_of(conditions: Iterable[Condition]) -> Condition:
    return _joined(list(conditions), " AND ", "1 = 1")


def any_of(conditions: Iterable[Condition]) -> Condition:
    return _joined(list(conditions), " OR ", "1 = 0")


def _joined(conditions: list[Condition], word: str, empty: str) -> Condition:
    if not conditions:
        return Condition(empty)
    if len(conditions) == 1:
        return conditions[0]
    if len(conditions) > _DEEPEST:
        half = len(conditions) // 2
        return _joined([_joined(part, word, empty) for part in (conditions[:half], conditions[half:])], word, empty)
    args = tuple(arg for one in conditions for arg in one.args)
    return Condition("(" + word.join(f"({one.sql})" for one in conditions) + ")", args)


def split(value: str, mark: str) -> list[str]:
    r"""Split at an unescaped mark: `a\,b,c` at commas gives `a\,b` and `c`."""
    parts, current, escaped = [], "", False
    for sign in value:
        if escaped or sign != mark:
            current += sign
            escaped = sign == "\\" and not escaped
        else:
            parts.append(current)
            current = ""
    return [*parts, current]


def unescape(value: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", value)


def sql_of(column: str) -> str:
    """A plain column belongs to the resource's table; anything else is an expression of the description."""
    return f"r.{column}" if _PLAIN.fullmatch(column) else column


def column_of(param: Param) -> str:
    return param.column or param.name.replace("-", "_").lower()


def condition(resource: Resource, param: Param, modifier: str, value: str, base: str) -> Condition:
    """One parameter with its value: alternatives parted by commas. Raises BadRequest."""
    if "\x00" in value:
        raise refuse(param.name, "holds a NUL.")  # PostgreSQL takes none
    if modifier == "missing":
        return _missing(param, value)
    alternatives = [one for one in split(value, ",") if one]
    if not alternatives:
        raise refuse(param.name, "has no value.")
    if len(alternatives) > MAX_ALTERNATIVES:
        raise refuse(param.name, f"takes at most {MAX_ALTERNATIVES} values at once.", "too-costly")
    if isinstance(param, Token):
        if param.system is None and "|" in value:
            param = replace(param, system=SYSTEMS.get(f"{resource.name}.{param.name}"))
        return _token(param, modifier, alternatives)
    if isinstance(param, Reference):
        return _reference(param, modifier, alternatives, base)
    if isinstance(param, String):
        return _string(param, modifier, alternatives)
    return _date(resource, param, modifier, alternatives)


def _unsupported(param: Param, modifier: str) -> BadRequest:
    return refuse(param.name, f"the modifier :{modifier[:32]} is not supported.", "not-supported")


def _within(param: Param, inner: Condition) -> Condition:
    if param.within is None:
        return inner
    return Condition(f"EXISTS (SELECT 1 FROM {param.within} AND ({inner.sql}))", inner.args)


def _columns(param: Param) -> Sequence[str]:
    if isinstance(param, Token) and param.systems:
        return [sql_of(one) for one in param.systems.values()]
    if isinstance(param, String) and param.columns:
        return [sql_of(one) for one in param.columns]
    return [sql_of(column_of(param))]


def _missing(param: Param, value: str) -> Condition:
    if value not in ("true", "false"):
        raise refuse(param.name, "the modifier :missing takes true or false.")
    if param.within is not None:
        some = _within(param, any_of(Condition(f"{one} IS NOT NULL") for one in _columns(param)))
        return some if value == "false" else Condition(f"NOT {some.sql}")
    none = all_of(Condition(f"{one} IS NULL") for one in _columns(param))
    return none if value == "true" else Condition(f"NOT ({none.sql})")


def _in(column: str, values: Sequence[Any]) -> Condition:
    if not values:
        return NEVER
    if len(values) == 1:
        return Condition(f"{column} = {{}}", tuple(values))
    each = tuple([Condition(f"{column} = {{}}", (value,)) for value in values])
    return Condition(f"{column} IN ({', '.join(['{}'] * len(values))})", tuple(values), each)


def _token(param: Token, modifier: str, alternatives: list[str]) -> Condition:
    if modifier not in ("", "not"):
        raise _unsupported(param, modifier)
    wanted: dict[str, list[Any]] = {}
    for alternative in alternatives:
        for column, value in _token_values(param, alternative):
            wanted.setdefault(column, []).append(value)
    if "" in wanted:  # any value
        some = any_of(Condition(f"{one} IS NOT NULL") for one in _columns(param))
    else:
        some = any_of(_in(sql_of(column), list(dict.fromkeys(values))) for column, values in wanted.items())
    some = _within(param, some)
    if modifier != "not":
        return some
    if param.within is not None:
        return Condition(f"NOT {some.sql}" if some is not NEVER else "1 = 1", some.args)
    unknown = [Condition(f"{sql_of(one)} IS NULL") for one in wanted if one]
    return any_of([*unknown, Condition(f"NOT ({some.sql})", some.args)])


def _token_values(param: Token, text: str) -> list[tuple[str, Any]]:
    """(column, value) pairs, any of which may match. The column `""` stands for: any value at all."""
    parts = [unescape(one) for one in split(text, "|")]
    if len(parts) > 2:
        raise refuse(param.name, "is written code or system|code.")
    system, code = (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])
    if not system and not code:
        raise refuse(param.name, "has no code.")
    if param.systems:
        columns = [column for one, column in param.systems.items() if system in (None, one)]
        return [(column, code) for column in columns] if code else [("", None)] if columns else []
    column = column_of(param)
    if param.values is not None:
        return [(column, one) for one in param.values(system or None, code)]
    if param.boolean:
        if code not in ("true", "false"):
            raise refuse(param.name, "takes true or false.")
        return [(column, code == "true")]
    if system not in (None, param.system or ""):
        return []
    return [(column, code)] if code else [("", None)]


def _reference(param: Reference, modifier: str, alternatives: list[str], base: str) -> Condition:
    if modifier and modifier not in param.targets:
        raise _unsupported(param, modifier)
    ids = [found for one in alternatives if (found := _reference_id(param, modifier, unescape(one), base))]
    return _within(param, _in(sql_of(column_of(param)), list(dict.fromkeys(ids))))


def _reference_id(param: Reference, modifier: str, text: str, base: str) -> str | None:
    """The id that is meant; None where no resource of ours can be meant."""
    own = text.removeprefix(f"{base}/") if text.startswith(f"{base}/") else text
    if match := _TYPED.fullmatch(own):
        allowed = (modifier,) if modifier else param.targets
        return match[2] if match[1] in allowed else None
    if "://" in own or own.startswith("urn:"):
        return None
    if not _BARE.fullmatch(own):
        raise refuse(param.name, "is written as an id, Type/id or a URL.")
    return own


def _string(param: String, modifier: str, alternatives: list[str]) -> Condition:
    if modifier not in ("", "exact", "contains"):
        raise _unsupported(param, modifier)
    found = []
    for alternative in alternatives:
        value = unescape(alternative)
        if param.folded is not None and not param.folded(value):  # blanks: every name would begin with them
            raise refuse(param.name, "has no value.")
        for column in _columns(param):
            if param.folded is not None:
                found.append(_folded(column, param.folded, modifier, value))
            elif modifier == "exact":
                found.append(Condition(f"{column} = {{}}", (value,)))
            else:
                start = "%" if modifier == "contains" else ""
                found.append(
                    Condition(f"lower({column}) LIKE {{}} ESCAPE '!'", (f"{start}{_literal(value.lower())}%",))
                )
    return _within(param, _ranges(found))


def _literal(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)


def _folded(column: str, fold: Callable[[str], str], modifier: str, value: str) -> Condition:
    """A text by its key, as a range: an index serves it, and in its order."""
    key, folded = f"{column}_key", fold(value)
    if modifier == "contains":
        return Condition(f"{key} LIKE {{}} ESCAPE '!'", (f"%{_literal(folded)}%",))
    if modifier == "exact":
        return Condition(f"{key} = {{}} AND {column} = {{}}", (folded, value), place=key)
    return Condition(f"{key} >= {{}} AND {key} < {{}}", (folded, folded + _LAST_SIGN), place=key)


def _ranges(found: list[Condition]) -> Condition:
    """Any of these; if all are ranges, each without what an earlier one has, to be walked one by one."""
    some = any_of(found)
    if not all(one.place for one in found) or len(found) > MAX_RANGES:
        return Condition(some.sql, some.args)
    each = []
    for number, one in enumerate(found):
        before = [Condition(f"NOT ({other.sql})", other.args) for other in found[:number]]
        alone = all_of([one, *before])
        each.append(Condition(alone.sql, alone.args, place=one.place.removeprefix("r.")))
    return Condition(some.sql, some.args, tuple(each))


def _date(resource: Resource, param: Date, modifier: str, alternatives: list[str]) -> Condition:
    if modifier:
        raise _unsupported(param, modifier)
    column, by_day = sql_of(column_of(param)), is_day(resource, param)
    found = []
    for alternative in alternatives:
        match = _PREFIX.fullmatch(alternative)
        prefix, text = (match[1] or "eq", match[2]) if match else ("eq", alternative)
        try:
            low, high = bounds(text)
            if prefix == "ap":
                prefix, slack = "eq", max(timedelta(days=1), abs(clock.now() - low) / 10)
                low, high = low - slack, high + slack
            one = _by_day(column, prefix, low, high) if by_day else _by_instant(column, prefix, low, high)
            found.append(one if prefix == "ne" else Condition(one.sql, one.args, place=column))
        except (ValueError, OverflowError):
            raise refuse(param.name, "is not a date such as 2026-11-18 or ge2026-11-18T10:00:00Z.") from None
    return _within(param, _ranges(found))


def is_day(resource: Resource, param: Date) -> bool:
    if param.day is not None:
        return param.day
    try:
        return isinstance(resource.table._meta.get_column_by_name(column_of(param)), DateColumn)
    except ValueError:
        return False


def _by_instant(column: str, prefix: str, low: datetime, high: datetime) -> Condition:
    if prefix in ("eq", "ne"):
        within = Condition(f"{column} >= {{}} AND {column} < {{}}", (low, high))
        return within if prefix == "eq" else Condition(f"({column} < {{}} OR {column} >= {{}})", (low, high))
    sign, value = {
        "gt": (">=", high), "sa": (">=", high), "ge": (">=", low),
        "lt": ("<", low), "eb": ("<", low), "le": ("<", high),
    }[prefix]  # fmt: skip
    return Condition(f"{column} {sign} {{}}", (value,))


def _by_day(column: str, prefix: str, low: datetime, high: datetime) -> Condition:
    first, last = clock.legal_date(low), clock.legal_date(high - timedelta(microseconds=1))
    if prefix == "eq" and first == last:
        return Condition(f"{column} = {{}}", (first,))
    if prefix in ("eq", "ne"):
        within = Condition(f"{column} >= {{}} AND {column} <= {{}}", (first, last))
        return within if prefix == "eq" else Condition(f"({column} < {{}} OR {column} > {{}})", (first, last))
    sign, value = {
        "gt": (">", last), "sa": (">", last), "ge": (">=", first),
        "lt": ("<", first), "eb": ("<", first), "le": ("<=", last),
    }[prefix]  # fmt: skip
    return Condition(f"{column} {sign} {{}}", (value,))


def parameter(resource: Resource, name: str) -> Param | None:
    """A parameter of the type, or one that every type has."""
    if name == "_id":
        return _ID
    if name == "_lastUpdated":
        return _LAST_UPDATED
    return resource.param(name)
