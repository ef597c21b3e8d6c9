"""Writing to the audit trail: part of the caller's unit of work, so that nothing happens without its entry.

What is only read has no unit of work. Its entry is written together with those of all who read at the same moment, and
nothing is told before it is committed (`batching`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from hub.audit.batching import NOBODY, MemberRow, Row, add_entries, add_with_others
from hub.audit.rules import OUTCOMES, TAG, Leaf, encode_leaf, instant_text, members_digest
from hub.db.engine import is_sqlite
from hub.db.transaction import in_unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.ids import new_id
from hub.kernel.jsontext import canonical

_CODE_LENGTH = 128


@lru_cache(maxsize=1024)
def _is_tag(text: str) -> bool:
    return TAG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `action` is a tag `feature:noun:verb`; `detail` holds ids, names of elements, queries, never data."""

    action: str
    subject_type: str
    subject_id: str | None = None
    outcome: str = "permitted"  # permitted | refused | failed
    member: str | None = None
    counterpart: str | None = None
    basis: str | None = None
    detail: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not _is_tag(self.action):
            raise ValueError(f"{self.action!r} is not a tag such as mou:agreement:execute")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"{self.outcome!r} is not one of {', '.join(OUTCOMES)}")


@dataclass(frozen=True, slots=True)
class Pending:
    """The entry of a refusal: `Refusal(…, audit=Pending(actor, entry))`. Written after the rollback."""

    actor: Actor
    entry: Entry


async def record(actor: Actor, entry: Entry) -> None:
    """Write one entry in the caller's unit of work; outside of one, with what others write at this moment."""
    await record_many(actor, [entry])


async def record_pending(pending: Pending) -> None:
    """Write the entry that a refusal carried, after the rollback."""
    entry = pending.entry
    if entry.outcome == "permitted":
        entry = replace(entry, outcome="refused")
    await record_many(pending.actor, [entry])


async def record_many(actor: Actor, entries: Iterable[Entry]) -> None:
    """Write several entries of one actor, in their order."""
    rows = [_sealed(*_row(actor, entry)) for entry in entries]
    if rows:
        await _write(rows)


async def record_for_each(actor: Actor, entry: Entry, members: Mapping[str, tuple[str | None, str | None]]) -> None:
    """One act on the data of several members: one entry, and beside it a row for each of them, so that every member's
    trail is whole. With each member the other organization, and on what it rested for this member: ids and words of
    the hub's own. What was refused is an entry for each: refusals are counted by their entries.
    """
    if len(members) <= 1 or entry.outcome != "permitted":
        each = members.items()
        await record_many(
            actor, [replace(entry, member=member, counterpart=other, basis=basis) for member, (other, basis) in each]
        )
        return
    row, times = _row(actor, replace(entry, member=None, counterpart=None, basis=None))
    of, at = row["id"], row["happened_at"]
    row["members"] = members_digest([(member, other, basis, at) for member, (other, basis) in members.items()])
    at = times.get("happened_at", at)
    beside = [(of, member, other, basis, at) for member, (other, basis) in members.items()]
    await _write([_sealed(row, times)], beside)


async def _write(rows: list[Row], beside: list[MemberRow] = NOBODY) -> None:
    if in_unit_of_work():
        await add_entries(rows, beside)
    else:
        await add_with_others(rows, beside)


def _clean(value: str | None) -> str | None:
    """PostgreSQL keeps no NUL, and no database a lone surrogate; both can come in with a request."""
    if not value or (value.isascii() and "\x00" not in value):
        return value
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _code(value: str | None) -> str | None:
    cleaned = _clean(value)
    return cleaned[:_CODE_LENGTH] if cleaned is not None else None


def _row(actor: Actor, entry: Entry) -> tuple[Row, Row]:
    """What is hashed, all of it text; and its times as the database wants them, where it wants no text."""
    # The computer's clock, not the hub's: the demonstration and the tests may set the hub's to another year.
    times = {"recorded_at": datetime.now(UTC), "happened_at": clock.now()}
    row = {
        "id": new_id(),
        **{name: instant_text(at) for name, at in times.items()},
        "action": entry.action,
        "outcome": entry.outcome,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": _clean(actor.name),
        "organization": actor.organization,
        "subject_type": _code(entry.subject_type),
        "subject_id": _code(entry.subject_id),
        "member": _code(entry.member),
        "counterpart": _code(entry.counterpart),
        "basis": _clean(entry.basis),
        "detail": _clean(canonical(entry.detail).decode()) if entry.detail is not None else None,
        "members": None,
        "request_id": _clean(actor.request_id or None),
        "origin": _clean(actor.origin or None),
    }
    return row, {} if is_sqlite() else times


def _sealed(row: Row, times: Row) -> Row:
    row["leaf"] = sha256(encode_leaf(Leaf(**row))).hexdigest()
    row.update(times)
    return row
