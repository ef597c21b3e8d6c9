"""What a SMART scope lets its holder do: `system/Task.rs`, `system/*.cruds`, `system/Patient.read`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

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
    found = [one for one in map(parse, scopes) if one is not None and one.covers(resource_type, letter)]
    if not found:
        return None
    limits = tuple(one.constraint for one in found if one.constraint is not None)
    return limits if len(limits) == len(found) else ()


def includes(allowed: Iterable[str], wanted: str) -> bool:
    """Whether a scope that is asked for lies within those that were registered."""
    ask = parse(wanted)
    if ask is None:
        return False
    have = [one for one in map(parse, allowed) if one is not None]
    return all(
        any(
            one.resource_type in ("*", ask.resource_type)
            and letter in one.letters
            and one.constraint in (None, ask.constraint)
            for one in have
        )
        for letter in ask.letters
    )
