"""Reads of the rules: public, so without an actor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from hub.db.engine import fetch
from hub.db.lists import marks
from hub.db.together import Asked, Rows
from hub.directory.queries import holidays_from
from hub.duties.rules import SUFFIXES, limit_in_words


class UnknownRule(LookupError):
    """A fault of the installation, never of the person who asks: the rules come with the schema."""

    def __init__(self, rule: str, on: date) -> None:
        super().__init__(f"No version of the rule {rule} is in force on {on}: run `hub migrate`.")


@dataclass(frozen=True, slots=True)
class RuleRow:
    id: str
    rule: str
    version: int
    trigger: str
    words: str
    owed_by: str
    limit_count: int | None
    limit_unit: str | None
    authority: str
    effective_from: date
    verified: bool
    shared: bool
    note: str | None

    @property
    def limit(self) -> str:
        return limit_in_words(self.limit_count, self.limit_unit)


RULE = (
    "SELECT id, rule, version, trigger, words, owed_by, limit_count, limit_unit, authority, effective_from,"
    " verified, shared, note FROM rule_version"
)


def rule_row(row: Mapping[str, Any]) -> RuleRow:
    return RuleRow(**{**row, "verified": bool(row["verified"]), "shared": bool(row["shared"])})


async def rules_in_force(rule: str, on: date) -> dict[str, RuleRow]:
    """A rule, and the rules that hang on it by name (escalation, agenda, not before), as of a day."""
    names = [rule, *(rule + suffix for suffix in SUFFIXES)]
    marks = ", ".join("{}" for _ in names)
    rows = await fetch(
        f"{RULE} WHERE rule IN ({marks}) AND effective_from <= {{}} ORDER BY effective_from, version",
        *names,
        on,
    )
    return {row["rule"]: rule_row(row) for row in rows}  # the latest of each comes last


class Limit(NamedTuple):
    """What a rule's version says about when."""

    id: str
    limit_count: int | None
    limit_unit: str | None
    authority: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """All that opening a duty asks of what is on record."""

    opened: bool  # the same duty is there already
    rules: Mapping[str, Limit]  # of the rules that `rules_in_force` gives
    kind: str  # of the owing organization
    identifier: str
    holidays: frozenset[date]  # its own and the State's, from the first day that counts


def asked_terms(rule: str, unique_key: str, organization: str, on: date, first: date) -> Asked[Terms | None]:
    """The terms of a duty; None if there is no such organization. `first`: the day from which working days count."""
    names = [rule, *(rule + suffix for suffix in SUFFIXES)]
    holidays, args = holidays_from(organization, first)
    return Asked(
        "SELECT r.id, r.limit_count, r.limit_unit, r.authority, r.shared, r.rule, r.effective_from, r.version,"
        f" o.kind, o.identifier, d.id AS opened, {holidays} AS holidays FROM organization o"
        f" LEFT JOIN rule_version r ON r.rule IN ({marks(names)}) AND r.effective_from <= {{}}"
        " LEFT JOIN duty d ON d.unique_key = {} WHERE o.id = {}",
        [*args, *names, on, unique_key, organization],
        _terms,
    )


def _terms(rows: Rows) -> Terms | None:
    if not rows:
        return None
    one, found = rows[0], [row for row in rows if row["rule"] is not None]
    found.sort(key=itemgetter("effective_from", "version"))  # the latest of each comes last
    return Terms(
        one["opened"] is not None,
        {row["rule"]: Limit(*[row[name] for name in Limit._fields]) for row in found},
        one["kind"],
        one["identifier"],
        _days(one["holidays"] or ""),
    )


@lru_cache(maxsize=256)
def _days(text: str) -> frozenset[date]:
    return frozenset(map(date.fromisoformat, text.split()))


async def rule_in_force(rule: str, on: date) -> RuleRow:
    """The version of a rule that is effective on a day. Raises `UnknownRule`."""
    found = (await rules_in_force(rule, on)).get(rule)
    if found is None:
        raise UnknownRule(rule, on)
    return found


async def has_rules() -> bool:
    return bool(await fetch("SELECT 1 AS one FROM rule_version LIMIT 1"))


async def all_rules() -> list[RuleRow]:
    """Every version of every rule: the rules are public."""
    return [rule_row(row) for row in await fetch(f"{RULE} ORDER BY rule, effective_from DESC, version DESC")]
