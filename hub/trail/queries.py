"""Reading the trail: each organization its own part of it, newest first, by keyset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from hub.db.engine import fetch
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.trail.rules import sentence

PAGE = 50
_CHUNK = 1000
_WHO_SAW = 200
_COLUMNS = (
    "id, happened_at, action, outcome, actor_kind, actor_id, actor_name, organization, subject_type, subject_id, "
    "member, counterpart, basis, detail"
)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry, in words."""

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
        return f"{self.happened_at.astimezone(UTC).isoformat(timespec='microseconds')}|{self.id}"


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
    before: tuple[datetime, str] | None = None
    while rows := await _read(actor.home, wanted, before, _CHUNK):
        for row in rows:
            yield row
        before = (rows[-1].happened_at, rows[-1].id)


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


def _key(text: str | None) -> tuple[datetime, str] | None:
    """Raises nothing: an address that somebody cut short shows the first page."""
    at, _, entry = (text or "").partition("|")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (instant, entry) if entry and instant.tzinfo else None


async def _read(organization: str, wanted: LogFilter, before: tuple[datetime, str] | None, size: int) -> list[LogRow]:
    """Two reads by index, the organization's own acts and those of others towards it, merged."""
    conditions, args = _conditions(wanted, before)
    tail = f"{conditions} ORDER BY happened_at DESC, id DESC LIMIT {int(size)}"
    sql = (
        f"SELECT * FROM (SELECT {_COLUMNS} FROM audit_entry WHERE organization = {{}}{tail}) own UNION ALL "
        f"SELECT * FROM (SELECT {_COLUMNS} FROM audit_entry WHERE counterpart = {{}} "
        f"AND COALESCE(organization, '') <> {{}}{tail}) others "
        f"ORDER BY happened_at DESC, id DESC LIMIT {int(size)}"
    )
    found = await fetch(sql, organization, *args, organization, organization, *args)
    names = await _names({row[of] for row in found for of in ("organization", "counterpart") if row[of]})
    return [_row(row, names) for row in found]


def _conditions(wanted: LogFilter, before: tuple[datetime, str] | None) -> tuple[str, list[Any]]:
    parts: list[tuple[str, list[Any]]] = []
    if wanted.since:
        parts.append(("happened_at >= {}", [clock.start_of(wanted.since)]))
    if wanted.until:
        parts.append(("happened_at < {}", [clock.end_of(wanted.until)]))
    if wanted.action:
        tag = wanted.action if ":" in wanted.action else f"{wanted.action}:"
        parts.append(("SUBSTR(action, 1, {}) = {}", [len(tag), tag]))
    if wanted.person:
        parts.append(("LOWER(actor_name) LIKE {} ESCAPE '\\'", [_containing(wanted.person)]))
    if wanted.outcome:
        parts.append(("outcome = {}", [wanted.outcome]))
    if wanted.member:
        parts.append(("member = {}", [wanted.member]))
    if before:
        parts.append(("(happened_at < {} OR (happened_at = {} AND id < {}))", [before[0], before[0], before[1]]))
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
