"""Checking one stretch of the trail by itself, so that several processes can check a long one. Pure.

A stretch begins with the hash that the chain has before it, as it is stored there. Whoever joins the stretches holds it
against the hash at which the stretch before ended; so the whole chain is walked although nobody walks all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from hub.audit.rules import COLUMNS, GENESIS, Leaf, Seal, encode_leaf, members_digest

# seq, the chain's hash, the entry's id, and the entry: its id, its leaf and the columns in the order of `COLUMNS`; of
# an entry on several members also the digest of the rows that lie beside it
Link = tuple[int, str, str, "tuple[Any, ...] | None", "str | None"]
MEMBERS = 2 + COLUMNS.index("members")  # where an entry as it was read has the digest


class Stretch(msgspec.Struct, frozen=True):
    """The rows after `after`, up to and with `until`. `outside` is a signed head that was kept elsewhere."""

    after: int
    until: int
    outside: Seal | None = None


class Found(msgspec.Struct):
    """What is to be said of a stretch."""

    start: str  # the hash that is stored before it
    head: str  # the chain's hash after its last good row
    rows: int  # the last good row
    sealed: int  # the last row that a seal, or the head kept elsewhere, was found to cover
    seals: int  # how many there are
    seals_follow: bool = True  # each refers to the one before
    to_check: list[Seal] = []  # whose signatures stand for those of all: the last of each key
    seq: int | None = None  # the first bad row, its entry, and what is wrong
    entry: str | None = None
    what: str | None = None


class Loaded(msgspec.Struct):
    """A stretch as it was read. `before` is the last seal before it, `start` the chain's hash."""

    start: str
    links: Iterable[Link]
    before: Seal | None
    seals: list[Seal]


_TWICE = "this place is given twice"
_ROW_GONE = "the row is gone"
_ENTRY_GONE = "the entry is gone"
_CHANGED = "the entry was changed after it was written"
_BREAKS = "the chain breaks here: a row was changed, inserted, deleted or put in another order"
_OTHER_SEAL = "the seal is not the one kept elsewhere"


def check(stretch: Stretch, loaded: Loaded) -> Found:
    """Walk over a stretch up to its first bad row."""
    found = Found(loaded.start, loaded.start, stretch.after, loaded.before.seq if loaded.before else 0, 0)
    _follow(loaded, found)
    marks = {seal.seq: seal.head for seal in loaded.seals}
    outside, differs = stretch.outside, False
    if outside is not None and outside.seq <= stretch.after:
        found.sealed = max(found.sealed, outside.seq)
    elif outside is not None and outside.seq <= stretch.until:
        differs = marks.get(outside.seq, outside.head) != outside.head
        marks[outside.seq] = outside.head
    _walk(stretch, loaded.links, marks, found)
    if differs and outside is not None and (found.seq is None or outside.seq < found.seq):
        found.seq, found.entry, found.what = outside.seq, None, _OTHER_SEAL
    return found


def _follow(loaded: Loaded, found: Found) -> None:
    """Seals are chained too, so that the last signature covers those before it."""
    last, digest = loaded.before, loaded.before.digest if loaded.before else GENESIS
    for seal in loaded.seals:
        if seal.previous != digest:
            found.seals_follow = False
        if last is not None and last.key_id != seal.key_id:
            found.to_check.append(last)
        last, digest = seal, seal.digest
    if loaded.seals:
        found.to_check.append(loaded.seals[-1])
    found.seals = len(loaded.seals)


def _walk(stretch: Stretch, links: Iterable[Link], marks: dict[int, str], found: Found) -> None:
    head, count = found.head, stretch.after
    for seq, stored, entry, row, beside in links:
        count += 1
        what = None
        if seq == count and row is not None and leaf_matches(row) and row[MEMBERS] == beside:
            following = sha256((head + row[1]).encode()).hexdigest()
            if following == stored:
                head = following
                if seq not in marks:
                    continue
                if marks[seq] == head:
                    found.sealed = seq
                    continue
                what = f"rows {found.sealed + 1} to {seq} were written anew: they are not those that were signed"
                found.seq, found.what = found.sealed + 1, what
            else:
                found.seq, found.entry, found.what = seq, entry, _BREAKS
        elif seq != count:
            twice = seq < count
            found.seq, found.entry, found.what = (seq, entry, _TWICE) if twice else (count, None, _ROW_GONE)
        else:
            found.seq, found.entry, found.what = seq, entry, _wrong(row, beside)
        found.head, found.rows = head, count - 1
        return
    found.head, found.rows = head, count
    if count < stretch.until:
        found.seq, found.what = count + 1, _ROW_GONE


def _wrong(row: tuple[Any, ...] | None, beside: str | None) -> str:
    if row is None:
        return _ENTRY_GONE
    if not leaf_matches(row):
        return _CHANGED
    recorded, there = (str(one or "0").partition(":")[0] for one in (row[MEMBERS], beside))
    if recorded == there:
        return f"one of its {recorded} members was changed after it was written"
    return f"of its {recorded} members {there} are there: a row beside it was deleted or inserted"


def digest_of(rows: Collection[Sequence[Any]]) -> str | None:
    """`members_digest` of rows as they were read: what is no text matches nothing."""
    try:
        return members_digest(rows)
    except UnicodeEncodeError:
        return f"{len(rows)}:"


def leaf_matches(row: tuple[Any, ...]) -> bool:
    """Whether an entry as it was read hashes to its leaf."""
    try:
        return bool(sha256(encode_leaf(Leaf(*row[2:]))).hexdigest() == row[1])
    except UnicodeEncodeError:  # bytes that are no text were put in
        return False
