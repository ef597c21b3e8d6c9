"""What a SMART scope lets its holder do: `system/Task.rs`, `system/*.cruds`, `system/Patient.read`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_V2 = re.compile(r"(system|user)/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?)(\?[^\s]+)?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V1_FORM = re.compile(r"(system|user)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*)")


@dataclass(frozen=True, slots=True)
class Scope:
    resource_type: str
    letters: str
    constraint: str | None = None  # a search query that narrows the scope

    def covers(self, resource_type: str, letter: str) -> bool:
        return self.resource_type in ("*", resource_type) and letter in self.letters


@lru_cache(maxsize=1024)
def parse(text: str) -> Scope | None:
    """None for what is malformed: letters must stand in the order c r u d s."""
    if old := _V1_FORM.fullmatch(text):
        return Scope(old[2], _V1[old[3]])
    new = _V2.fullmatch(text)
    if new is None or not new[3]:
        return None
    return Scope(new[2], new[3], new[4][1:] if new[4] else None)


def granted(scopes: Iterable[str], resource_type: str, letter: str) -> tuple[str, ...] | None:
    """None: not at all. Empty: without limit. Otherwise the queries, any of which a resource must match."""
    return _granted(tuple(scopes), resource_type, letter)


@lru_cache(maxsize=1024)
def _granted(scopes: tuple[str, ...], resource_type: str, letter: str) -> tuple[str, ...] | None:
    found = [one for one in map(parse, scopes) if one is not None and one.covers(resource_type, letter)]
    if not found:
        return None
    limits = tuple(one.constraint for one in found if one.constraint is not None)
    return limits if len(limits) == len(found) else ()


def narrow(allowed: Iterable[str], wanted: str) -> list[str]:
    """The part of a scope asked for that lies within those registered: itself where it lies within one of them."""
    ask = parse(wanted)
    if ask is None:
        return []
    have = [one for one in map(parse, allowed) if one is not None]
    if any(_inside(ask, one) for one in have):
        return [wanted]
    found = (_common(ask, one) for one in have)
    return list(dict.fromkeys(one for one in found if one is not None))


def _inside(ask: Scope, have: Scope) -> bool:
    return (
        have.resource_type in ("*", ask.resource_type)
        and set(ask.letters) <= set(have.letters)
        and have.constraint in (None, ask.constraint)
    )


def _common(ask: Scope, have: Scope) -> str | None:
    types = {ask.resource_type, have.resource_type} - {"*"}
    letters = "".join(one for one in ask.letters if one in have.letters)
    limits = {one for one in (ask.constraint, have.constraint) if one is not None}
    if len(types) > 1 or not letters or len(limits) > 1:
        return None
    limit = f"?{limits.pop()}" if limits else ""
    return f"system/{types.pop() if types else '*'}.{letters}{limit}"
