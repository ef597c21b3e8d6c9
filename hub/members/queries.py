"""Reading members: only those whom the actor's organization serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.db.engine import fetch
from hub.db.together import Asked, ask_together
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.members.rules import CLAIMED, fold, normal_cin


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as lists and headings show them. `source` is the organization whose record it is."""

    id: str
    cin: str
    given: str
    family: str
    birth_date: date
    case_number: str | None
    source: str

    @property
    def short_name(self) -> str:
        """`Rosa M.`: enough for a heading, and no more."""
        return f"{self.given} {self.family[:1]}."

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


_SERVED = """EXISTS (SELECT 1 FROM member_organization mo WHERE mo.member = r.id AND mo.organization = {}
    AND mo.until_date IS NULL)"""
_COLUMNS = "r.id, r.cin, r.given, r.family, r.birth_date, r.case_number, r.source"


def asked_member(actor: Actor, member_id: str) -> Asked[MemberRow | None]:
    """None also for a member whom the asker may not know of."""
    actor.require("member.read")
    return Asked(
        f"SELECT {_COLUMNS} FROM member r WHERE r.id = {{}} AND {_SERVED}",
        [member_id, actor.home],
        lambda rows: MemberRow(**rows[0]) if rows else None,
    )


async def member(actor: Actor, member_id: str) -> MemberRow:
    """Raises `NotFound` also for a member whom the asker may not know of."""
    (found,) = await ask_together(asked_member(actor, member_id))
    if found is None:
        raise NotFound("There is no such member among those whom your organization serves.")
    return found


@dataclass(frozen=True, slots=True)
class Match:
    """A member found, and why."""

    member: MemberRow
    reason: str


async def search(actor: Actor, words: str, limit: int = 50) -> list[Match]:
    """By CIN, case number or name, with the reason of each match."""
    actor.require("member.read")
    words = words.strip()
    if not words:
        return []
    cin = normal_cin(words)
    found: dict[str, Match] = {}
    if cin:
        for row in await fetch(f"SELECT {_COLUMNS} FROM member r WHERE r.cin = {{}} AND {_SERVED}", cin, actor.home):
            found[row["id"]] = Match(MemberRow(**row), "CIN")
    for row in await fetch(
        f"SELECT {_COLUMNS} FROM member r WHERE r.case_number = {{}} AND {_SERVED}", words, actor.home
    ):
        found.setdefault(row["id"], Match(MemberRow(**row), "case number"))
    for part in dict.fromkeys([fold(words), *fold(words).split()]):
        rows = await fetch(
            f"SELECT {_COLUMNS} FROM member r WHERE r.family_key LIKE {{}} ESCAPE '!' AND {_SERVED} "
            f"ORDER BY r.family_key, r.given, r.id LIMIT {int(limit)}",
            part.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%",
            actor.home,
        )
        rest = [w for w in fold(words).split() if w != part]
        for row in rows:
            if all(fold(row["given"]).startswith(w) for w in rest) or part == fold(words):
                found.setdefault(row["id"], Match(MemberRow(**row), "name"))
    return list(found.values())[:limit]


async def recent(actor: Actor, limit: int = 50) -> list[MemberRow]:
    """Members whom the organization serves, by family name."""
    actor.require("member.read")
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM member r WHERE {_SERVED} ORDER BY r.family_key, r.given, r.id LIMIT {int(limit)}",
        actor.home,
    )
    return [MemberRow(**row) for row in rows]


async def served_by(actor: Actor, member_id: str) -> dict[str, str]:
    """`county` and `plan`, each with the short names of those who serve the member now: for one who may know them."""
    await member(actor, member_id)
    rows = await fetch(
        "SELECT mo.relation, o.short_name FROM member_organization mo JOIN organization o ON o.id = mo.organization "
        "WHERE mo.member = {} AND mo.until_date IS NULL AND mo.relation <> {} ORDER BY mo.relation, o.short_name",
        member_id,
        CLAIMED,
    )
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row["relation"], []).append(row["short_name"])
    return {relation: ", ".join(known) for relation, known in names.items()}
