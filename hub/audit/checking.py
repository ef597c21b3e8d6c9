"""Checking one stretch of the trail by itself, so that several processes can check a long one. Pure.

A stretch begins with the hash that the chain has before it, as it is stored there. Whoever joins the stretches holds it
against the hash at which the stretch before ended; so the whole chain is walked although nobody walks all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class Piece:
    """Some rows that follow one another, column by column: comparing columns costs less than comparing rows.

    As the chain has them, as their entries were read in the same order, and what was made of these. A column that is
    shorter than the others, or was left out, is compared like any other: then `one_by_one` is asked.
    """

    seqs: Sequence[int]
    stored: Sequence[str]
    entries: Sequence[str]
    one_by_one: Callable[[], Iterable[Link]]  # to name what is wrong, and for what could not be read by the piece
    ids: Sequence[str] = ()
    leaves: Sequence[str] = ()
    hashes: Sequence[str | None] = ()  # of the entries, as `hash_of`
    members: Sequence[str | None] = ()
    beside: Sequence[str | None] = ()  # the digests of the rows beside the entries


class Loaded(msgspec.Struct):
    """A stretch as it was read. `before` is the last seal before it, `start` the chain's hash."""

    start: str
    pieces: Iterable[Piece]
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
    _walk(stretch, loaded.pieces, marks, found)
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


def _walk(stretch: Stretch, pieces: Iterable[Piece], marks: dict[int, str], found: Found) -> None:
    found.rows = stretch.after
    for piece in pieces:
        if not _whole(piece, marks, found) and not _each(piece.one_by_one(), marks, found):
            return
    if found.rows < stretch.until:
        found.seq, found.what = found.rows + 1, _ROW_GONE


def _whole(piece: Piece, marks: dict[int, str], found: Found) -> bool:
    """Whether all of a piece is in order: the same questions as `_each` asks, in an order that takes the least time."""
    count, head, sealed = found.rows, found.head, found.sealed
    until = count + len(piece.seqs)
    if not (
        _same(piece.seqs, range(count + 1, until + 1))
        and _same(piece.ids, piece.entries)
        and _same(piece.hashes, piece.leaves)
        and None not in piece.hashes
        and _same(piece.members, piece.beside)
        and len(piece.entries) == len(piece.leaves) == len(piece.members) == len(piece.stored) == until - count
    ):
        return False
    for leaf, stored in zip(piece.leaves, piece.stored, strict=True):
        head = sha256((head + leaf).encode()).hexdigest()
        if head != stored:
            return False
    for seq, stored in zip(piece.seqs, piece.stored, strict=True):
        if seq in marks:
            if marks[seq] != stored:
                return False
            sealed = seq
    found.head, found.rows, found.sealed = head, until, sealed
    return True


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return list(one) == list(other)


def _each(links: Iterable[Link], marks: dict[int, str], found: Found) -> bool:
    """Whether these rows are in order, up to the first that is not; what is wrong with it is told."""
    head, count = found.head, found.rows
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
        return False
    found.head, found.rows = head, count
    return True


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


def hash_of(row: Sequence[Any]) -> str | None:
    """What an entry as it was read hashes to: None where it holds what no entry is written with."""
    values = row[2:]
    for value in values:
        if value is not None and type(value) is not str:
            return None  # bytes would be encoded as the text that stands for them
    try:
        return sha256(encode_leaf(Leaf(*values))).hexdigest()
    except UnicodeEncodeError:  # bytes that are no text were put in
        return None


def leaf_matches(row: Sequence[Any]) -> bool:
    """Whether an entry as it was read hashes to its leaf."""
    found = hash_of(row)
    return found is not None and found == row[1]
