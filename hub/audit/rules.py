"""What is hashed and signed, byte for byte. Pure: the same bytes for the same row on both databases, for ever.

A leaf is the SHA-256 of the canonical JSON of an entry's columns that hold something, the leaf itself left out. Columns
without a value are left out too, so that a column added in years to come changes no leaf of today.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from hub.kernel.jsontext import canonical

GENESIS = sha256(b"ihss-hub audit chain").hexdigest()  # what the first entry is chained to
TAG = re.compile(r"[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]+")  # feature:noun:verb
OUTCOMES = ("permitted", "refused", "failed")


class Leaf(msgspec.Struct, omit_defaults=True, frozen=True):
    """An entry as it is hashed. The fields stand in the order of their names: that makes the bytes canonical."""

    action: str | None = None
    actor_id: str | None = None
    actor_kind: str | None = None
    actor_name: str | None = None
    basis: str | None = None
    counterpart: str | None = None
    detail: str | None = None
    happened_at: str | None = None
    id: str | None = None
    member: str | None = None
    members: str | None = None
    organization: str | None = None
    origin: str | None = None
    outcome: str | None = None
    recorded_at: str | None = None
    request_id: str | None = None
    subject_id: str | None = None
    subject_type: str | None = None


COLUMNS: tuple[str, ...] = Leaf.__struct_fields__
TIMES = frozenset({"happened_at", "recorded_at"})
encode_leaf = msgspec.json.Encoder().encode
MEMBER_COLUMNS = ("member", "counterpart", "basis", "happened_at")  # of a row beside an entry, as they are hashed
_encode = msgspec.json.Encoder().encode


def instant_text(instant: datetime) -> str:
    """`2026-11-18 18:00:00.000000+00:00`: as SQLite keeps it, and as PostgreSQL can print it."""
    return instant.astimezone(UTC).isoformat(" ", "microseconds")


def leaf_of(row: dict[str, Any]) -> str:
    """The leaf of a row, with its times as instants or as text."""
    values = {name: instant_text(row[name]) if isinstance(row[name], datetime) else row[name] for name in COLUMNS}
    return sha256(encode_leaf(Leaf(**values))).hexdigest()


def members_digest(rows: Iterable[Sequence[Any]]) -> str | None:
    """What an entry holds of the rows beside it, each a member with counterpart, basis and time: how many there are,
    and the SHA-256 of their canonical JSON in the order of the members. None where there are none.
    """
    ordered = sorted(rows, key=lambda row: str(row[0]))
    return f"{len(ordered)}:{sha256(_encode(ordered)).hexdigest()}" if ordered else None


def link_hash(previous: str, leaf: str) -> str:
    """The chain's hash at an entry: over the hash before it and the entry's leaf."""
    return sha256((previous + leaf).encode()).hexdigest()


def seal_bytes(seq: int, head: str, previous: str, key_id: str, sealed_at: str) -> bytes:
    """What a seal signs: the chain's head, the seal before, the key and the time."""
    return canonical({"head": head, "key_id": key_id, "previous": previous, "sealed_at": sealed_at, "seq": seq})


def seal_digest(signed: bytes, signature: str) -> str:
    """What the next seal refers to."""
    return sha256(signed + signature.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Seal:
    """A signed head: what `hub audit head` prints and what can be kept elsewhere."""

    seq: int
    head: str
    previous: str
    key_id: str
    sealed_at: str
    signature: str

    @property
    def signed(self) -> bytes:
        return seal_bytes(self.seq, self.head, self.previous, self.key_id, self.sealed_at)

    @property
    def digest(self) -> str:
        return seal_digest(self.signed, self.signature)


SEAL_COLUMNS = ("seq", "head", "previous", "key_id", "sealed_at", "signature")


def seal_of(values: Sequence[Any]) -> Seal:
    """From a row's values in the order of `SEAL_COLUMNS`, with its time as an instant or as text."""
    seq, head, previous, key_id, at, signature = values
    return Seal(seq, head, previous, key_id, instant_text(at) if isinstance(at, datetime) else at, signature)
