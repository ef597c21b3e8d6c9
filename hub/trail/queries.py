"""Reading the trail: each organization its own part of it, newest first, by keyset.

An act on the data of several members is one entry with a row for each of them beside it. It is read as one row for each
member, with what it rested on for this one; whoever looks at one member's trail sees nothing of the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from hub.db.engine import fetch
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.trail.rules import sentence

PAGE = 50
_CHUNK = 1000
_WHO_SAW = 200
_ENTRY = (
    "e.id, e.happened_at, e.action, e.outcome, e.actor_kind, e.actor_id, e.actor_name, e.organization,"
    " e.subject_type, e.subject_id"
)
_ALONE = f"{_ENTRY}, e.member, e.counterpart, e.basis, e.detail"
_BESIDE = f"{_ENTRY}, m.member, m.counterpart, m.basis, NULL AS detail"  # the query may name others
_EITHER = (
    f"{_ENTRY}, COALESCE(m.member, e.member) AS member, COALESCE(m.counterpart, e.counterpart) AS counterpart,"
    " COALESCE(m.basis, e.basis) AS basis, e.detail"
)
_ORDER = "happened_at DESC, id DESC, member DESC"


Key = tuple[datetime, str, str]
"""When it happened, the entry, and the member."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry, or what it says of one of its members, in words."""

    id: str
    happened_at: datetime
    action: str
    outcome: str
    actor_kind: str
    actor_id: str
    actor_name: str
    organization: str | None
    organization_name: str
    subject_type: str
    subject_id: str | None
    member: str | None
    counterpart: str | None
    counterpart_name: str
    basis: str
    detail: str
    words: str

    @property
    def key(self) -> str:
        """Where the next page begins."""
        at = self.happened_at.astimezone(UTC).isoformat(timespec="microseconds")
        return f"{at}|{self.id}|{self.member or ''}"


class _Part(NamedTuple):
    """A read by index, and in which aliases it finds what is asked of every row."""

    columns: str
    tables: str
    where: str
    args: tuple[str, ...]
    at: str
    entry: str
    member: str  # where an entry may give several rows


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`action` is a feature or a whole tag, `person` part of a name; both legal dates are included."""

    since: date | None = None
    until: date | None = None
    action: str = ""
    person: str = ""
    outcome: str = ""
    member: str = ""

    @property
    def used(self) -> bool:
        return self != LogFilter()


@dataclass(frozen=True, slots=True)
class LogPage:
    rows: list[LogRow]
    next: str | None  # the key of the page after this one


async def access_log(actor: Actor, wanted: LogFilter, before: str | None = None, size: int = PAGE) -> LogPage:
    """The entries of the actor's organization, newest first, from the key `before` on."""
    actor.require("audit.read")
    rows = await _read(actor.home, wanted, _key(before), size + 1)
    more = len(rows) > size
    return LogPage(rows[:size], rows[size - 1].key if more else None)


async def all_rows(actor: Actor, wanted: LogFilter) -> AsyncIterator[LogRow]:
    """The whole filtered log, for an export."""
    actor.require("audit.read")
    before: Key | None = None
    while rows := await _read(actor.home, wanted, before, _CHUNK):
        for row in rows:
            yield row
        before = (rows[-1].happened_at, rows[-1].id, rows[-1].member or "")


async def who_saw(actor: Actor, member: str) -> list[LogRow]:
    """Who saw or changed what the hub holds of a member, as far as the actor's organization is concerned in it.

    Raises `NotFound` for a member whom the organization does not serve.
    """
    if not actor.can("audit.read"):
        actor.require("member.read")
    today = clock.today()
    served = await fetch(
        "SELECT 1 FROM member_organization WHERE member = {} AND organization = {} "
        "AND from_date <= {} AND (until_date IS NULL OR until_date >= {}) LIMIT 1",
        member,
        actor.home,
        today,
        today,
    )
    if not served:
        raise NotFound("There is no such member among those whom your organization serves.")
    return await _read(actor.home, LogFilter(member=member), None, _WHO_SAW)


def _key(text: str | None) -> Key | None:
    """Raises nothing: an address that somebody cut short shows the first page."""
    at, _, rest = (text or "").partition("|")
    entry, _, member = rest.partition("|")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (instant, entry, member) if entry and instant.tzinfo else None


_ENTRIES = "audit_entry e"
_MEMBERS = "audit_member m JOIN audit_entry e ON e.id = m.entry"


def _parts(organization: str, member: str) -> list[_Part]:
    """The organization's own acts and those of others towards it; or of both what is on one member."""
    alone, beside = ("e.happened_at", "e.id", ""), ("m.happened_at", "m.entry", "m.member")
    if member:
        three = (member, organization, organization)
        return [
            _Part(_ALONE, _ENTRIES, "e.member = {} AND (e.organization = {} OR e.counterpart = {})", three, *alone),
            _Part(_BESIDE, _MEMBERS, "m.member = {} AND (e.organization = {} OR m.counterpart = {})", three, *beside),
        ]
    own = f"{_ENTRIES} LEFT JOIN audit_member m ON m.entry = e.id"
    others = "COALESCE(e.organization, '') <> {}"
    two = (organization, organization)
    return [
        _Part(_EITHER, own, "e.organization = {}", (organization,), "e.happened_at", "e.id", "m.member"),
        _Part(_ALONE, _ENTRIES, f"e.counterpart = {{}} AND {others}", two, *alone),
        _Part(_BESIDE, _MEMBERS, f"m.counterpart = {{}} AND {others}", two, *beside),
    ]  # fmt: skip


def read_sql(organization: str, wanted: LogFilter, before: Key | None, size: int) -> tuple[str, list[Any]]:
    """Each part walks an index in the order of the log and stops; together they are merged."""
    found, args = [], []
    for number, part in enumerate(_parts(organization, wanted.member)):
        conditions, values = _conditions(wanted, part, before)
        order = " DESC, ".join(filter(None, (part.at, part.entry, part.member)))
        found.append(
            f"SELECT * FROM (SELECT {part.columns} FROM {part.tables} WHERE {part.where}{conditions}"
            f" ORDER BY {order} DESC LIMIT {int(size)}) part{number}"
        )
        args += [*part.args, *values]
    return f"{' UNION ALL '.join(found)} ORDER BY {_ORDER} LIMIT {int(size)}", args


async def _read(organization: str, wanted: LogFilter, before: Key | None, size: int) -> list[LogRow]:
    sql, args = read_sql(organization, wanted, before, size)
    found = await fetch(sql, *args)
    names = await _names({row[of] for row in found for of in ("organization", "counterpart") if row[of]})
    return [_row(row, names) for row in found]


def _conditions(wanted: LogFilter, part: _Part, before: Key | None) -> tuple[str, list[Any]]:
    at = part.at
    parts: list[tuple[str, list[Any]]] = []
    if wanted.since:
        parts.append((f"{at} >= {{}}", [clock.start_of(wanted.since)]))
    if wanted.until:
        parts.append((f"{at} < {{}}", [clock.end_of(wanted.until)]))
    if wanted.action:
        tag = wanted.action if ":" in wanted.action else f"{wanted.action}:"
        parts.append(("SUBSTR(e.action, 1, {}) = {}", [len(tag), tag]))
    if wanted.person:
        parts.append(("LOWER(e.actor_name) LIKE {} ESCAPE '\\'", [_containing(wanted.person)]))
    if wanted.outcome:
        parts.append(("e.outcome = {}", [wanted.outcome]))
    if before:
        instant, entry, member = before
        rest, values = f"{part.entry} < {{}}", [entry]
        if part.member:
            rest, values = f"({rest} OR ({part.entry} = {{}} AND {part.member} < {{}}))", [entry, entry, member]
        parts.append((f"({at} < {{}} OR ({at} = {{}} AND {rest}))", [instant, instant, *values]))
    return "".join(f" AND {sql}" for sql, _ in parts), [value for _, values in parts for value in values]


def _containing(text: str) -> str:
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def _names(ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    places = ", ".join("{}" for _ in ids)
    rows = await fetch(f"SELECT id, name FROM organization WHERE id IN ({places})", *ids)
    return {row["id"]: row["name"] for row in rows}


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _row(row: dict[str, Any], names: dict[str, str]) -> LogRow:
    return LogRow(
        **{
            **row,
            "happened_at": _instant(row["happened_at"]),
            "basis": row["basis"] or "",
            "detail": row["detail"] or "",
        },
        organization_name=names.get(row["organization"] or "", "The hub" if not row["organization"] else ""),
        counterpart_name=names.get(row["counterpart"] or "", ""),
        words=sentence(row["actor_name"], row["action"], row["subject_type"], row["outcome"]),
    )
