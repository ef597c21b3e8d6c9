"""Writing to the audit trail: part of the caller's unit of work, so that nothing happens without its entry.

On SQLite the one writer chains entries as it writes them. The chain's head is read inside the transaction, because
another process may have written since. On PostgreSQL an entry carries only its leaf; the sealer gives it its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hub.audit.rules import GENESIS, OUTCOMES, TAG, leaf_of, link_hash
from hub.audit.tables import AuditChain, AuditEntry
from hub.db.engine import fetch, is_sqlite
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.ids import new_id
from hub.kernel.jsontext import canonical

_CODE_LENGTH = 128
_CODES = ("subject_type", "subject_id", "member", "counterpart")


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
        if not TAG.fullmatch(self.action):
            raise ValueError(f"{self.action!r} is not a tag such as mou:agreement:execute")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"{self.outcome!r} is not one of {', '.join(OUTCOMES)}")


@dataclass(frozen=True, slots=True)
class Pending:
    """The entry of a refusal: `Refusal(…, audit=Pending(actor, entry))`. Written after the rollback."""

    actor: Actor
    entry: Entry


async def record(actor: Actor, entry: Entry) -> None:
    """Write one entry in the caller's unit of work, or in one of its own."""
    await record_many(actor, [entry])


async def record_pending(pending: Pending) -> None:
    """Write the entry that a refusal carried, in a transaction of its own."""
    entry = pending.entry
    if entry.outcome == "permitted":
        entry = replace(entry, outcome="refused")
    await record_many(pending.actor, [entry])


@unit_of_work
async def record_many(actor: Actor, entries: Iterable[Entry]) -> None:
    """Write several entries of one actor, in their order."""
    rows = [_row(actor, entry) for entry in entries]
    if not rows:
        return
    await AuditEntry.insert(*[AuditEntry(**row) for row in rows])
    if is_sqlite():
        await _chain(rows)


async def _chain(rows: list[dict[str, Any]]) -> None:
    found = await fetch("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1")
    seq, head = (found[0]["seq"], found[0]["hash"]) if found else (0, GENESIS)
    links = []
    for row in rows:
        seq, head = seq + 1, link_hash(head, row["leaf"])
        links.append(AuditChain(seq=seq, entry=row["id"], hash=head))
    await AuditChain.insert(*links)


def _clean(value: str | None) -> str | None:
    """PostgreSQL keeps no NUL, and no database a lone surrogate; both can come in with a request."""
    if value is None:
        return None
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _row(actor: Actor, entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": new_id(),
        # The computer's clock, not the hub's: the demonstration and the tests may set the hub's to another year.
        "recorded_at": datetime.now(UTC),
        "happened_at": clock.now(),
        "action": entry.action,
        "outcome": entry.outcome,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": _clean(actor.name),
        "organization": actor.organization,
        "subject_type": entry.subject_type,
        "subject_id": entry.subject_id,
        "member": entry.member,
        "counterpart": entry.counterpart,
        "basis": _clean(entry.basis),
        "detail": _clean(canonical(entry.detail).decode()) if entry.detail is not None else None,
        "request_id": _clean(actor.request_id or None),
        "origin": _clean(actor.origin or None),
    }
    for name in _CODES:
        cleaned = _clean(row[name])
        row[name] = cleaned[:_CODE_LENGTH] if cleaned is not None else None
    return {**row, "leaf": leaf_of(row)}
