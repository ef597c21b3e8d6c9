"""Proof that the trail is whole: each entry hashes to its leaf, the leaves to the chain, the chain to its signed seals.

A seal's signature covers the seal before, so checking the last signature checks them all; only when something is
wrong is each one looked at, to name the first row that no good seal covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from hub.audit.keys import Keys
from hub.audit.reading import Row, Source, open_source
from hub.audit.rules import GENESIS, Leaf, encode_leaf
from hub.audit.sealing import Seal
from hub.db.engine import Engine


@dataclass(frozen=True, slots=True)
class Bad:
    """The first row that is wrong: its place in the chain (None: it has none), its entry, and what is wrong."""

    seq: int | None
    entry: str | None
    what: str

    def __str__(self) -> str:
        place = f"row {self.seq}" if self.seq is not None else "a row outside the chain"
        return f"{place}{f' (entry {self.entry})' if self.entry else ''}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    rows: int  # rows of the chain that were found in order
    first_bad: Bad | None
    unsealed: int  # newer than the last seal: not yet protected
    seals_checked: int
    head: str  # the chain's hash after `rows` rows

    @property
    def ok(self) -> bool:
        return self.first_bad is None


class _Walk:
    """Where the walk along the chain stands."""

    def __init__(self, keys: Keys, outside: Seal | None) -> None:
        self.keys = keys
        self.outside = outside  # a head kept elsewhere
        self.rows = 0
        self.head = GENESIS
        self.seals = 0
        self.sealed = 0  # the last row that a matching seal covers
        self.digest = GENESIS
        self.last: Seal | None = None
        self.bad: Bad | None = None
        self.unknown_key_at: int | None = None

    def chunk(self, rows: list[Row], marks: dict[int, str]) -> None:
        """Walk over rows; `marks` are the heads that seals (or the head kept elsewhere) give for some of them."""
        head, count = self.head, self.rows
        for row in rows:
            count += 1
            seq, stored, entry, leaf = row[:4]
            what = None
            if seq != count:
                what = "this place is given twice" if seq < count else "the row is gone"
                seq, entry = (seq, entry) if seq < count else (count, None)
            elif leaf is None:
                what = "the entry is gone"
            elif sha256(encode_leaf(Leaf(*row[4:]))).hexdigest() != leaf:
                what = "the entry was changed after it was written"
            else:
                following = sha256((head + leaf).encode()).hexdigest()
                if following != stored:
                    what = "the chain breaks here: a row was changed, inserted, deleted or put in another order"
                else:
                    head = following
            if what is None and seq in marks and marks[seq] != head:
                what = f"rows {self.sealed + 1} to {seq} were written anew: they are not those that were signed"
                seq, entry = self.sealed + 1, None
            if what is not None:
                self._stop(head, count - 1, seq, entry, what)
                return
            if seq in marks:
                self.sealed = seq
        self.head, self.rows = head, count

    def _stop(self, head: str, rows: int, seq: int | None, entry: str | None, what: str) -> None:
        self.head, self.rows = head, rows
        self.bad = Bad(seq, entry, what)

    def seal(self, seal: Seal) -> None:
        """Follow the chain of seals; signatures are checked where the key changes and at the end."""
        if seal.previous != self.digest:
            raise _BrokenSeals
        if self.last is not None and self.last.key_id != seal.key_id:
            self.check_last()
        self.last, self.digest, self.seals = seal, seal.digest, self.seals + 1

    def check_last(self) -> None:
        if self.last is not None and not self.keys.check(self.last.key_id, self.last.signed, self.last.signature):
            raise _BrokenSeals


class _BrokenSeals(Exception):
    """Something is wrong with the seals; a second look says where."""


async def verify(engine: Engine, keys: Keys, outside: Seal | None = None) -> Report:
    """Check the whole trail of a database. `outside` is a signed head that was kept elsewhere."""
    async with open_source(engine) as source:
        if outside is not None and not keys.check(outside.key_id, outside.signed, outside.signature):
            what = "the head that was kept elsewhere is not signed with a key that is known here"
            return Report(0, Bad(outside.seq, None, what), 0, 0, GENESIS)
        walk = _Walk(keys, outside)
        await _walk_rows(source, walk)
        broken: Bad | None = None
        if walk.bad is None or walk.last is not None:
            try:
                walk.check_last()
            except _BrokenSeals:
                broken = await _first_bad_seal(source, keys)
        bad: Bad | None = _earlier(walk.bad, broken)
        loose, inserted = await source.loose()
        if bad is None:
            bad = await _at_the_end(source, walk)
        if bad is None and inserted is not None:
            bad = Bad(None, *inserted)
        return Report(walk.rows, bad, walk.rows - min(walk.sealed, walk.rows) + loose, walk.seals, walk.head)


async def _walk_rows(source: Source, walk: _Walk) -> None:
    after = 0
    while rows := await source.rows(after):
        until = rows[-1][0]
        seals = await source.seals(after, until)
        try:
            for seal in seals:
                walk.seal(seal)
        except _BrokenSeals:
            walk.bad = await _first_bad_seal(source, walk.keys)
        marks = {seal.seq: seal.head for seal in seals}
        if walk.bad is not None and walk.bad.seq is not None:
            # Rows before the first bad seal may be bad too, and come first.
            marks = {seq: head for seq, head in marks.items() if seq < walk.bad.seq}
        if walk.outside is not None and after < walk.outside.seq <= until:
            if marks.get(walk.outside.seq, walk.outside.head) != walk.outside.head:
                walk.bad = _earlier(walk.bad, Bad(walk.outside.seq, None, "the seal is not the one kept elsewhere"))
            marks[walk.outside.seq] = walk.outside.head
        of_seals, walk.bad = walk.bad, None
        walk.chunk(rows, marks)
        walk.bad = _earlier(walk.bad, of_seals)
        if walk.bad is not None:
            return
        after = until


async def _first_bad_seal(source: Source, keys: Keys) -> Bad:
    """Look at every signature in order, to name the first row that no good seal covers."""
    digest, covered = GENESIS, 0
    for seal in await source.seals(0, None):
        if not keys.knows(seal.key_id):
            what = f"the seal of row {seal.seq} is signed with a key that is not known here ({seal.key_id})"
        elif not keys.check(seal.key_id, seal.signed, seal.signature):
            what = f"the seal of row {seal.seq} is not what was signed"
        elif seal.previous != digest:
            what = f"a seal before that of row {seal.seq} is gone, or was added"
        else:
            digest, covered = seal.digest, seal.seq
            continue
        return Bad(covered + 1, None, what)
    return Bad(covered + 1, None, "the seals do not follow one another")


async def _at_the_end(source: Source, walk: _Walk) -> Bad | None:
    """Is the tail cut off, or was a place given twice where the walk could not see it?"""
    beyond = await source.seals(walk.rows, None)
    if beyond:
        return Bad(walk.rows + 1, None, f"rows {walk.rows + 1} to {beyond[-1].seq} are gone: they were sealed")
    if walk.outside is not None and walk.outside.seq > walk.rows:
        what = f"rows {walk.rows + 1} to {walk.outside.seq} are gone: the head kept elsewhere covers them"
        return Bad(walk.rows + 1, None, what)
    if await source.chained() != walk.rows:
        return Bad(walk.rows + 1, None, "the chain holds places that are given twice or lie before its beginning")
    return None


def _earlier(one: Bad | None, other: Bad | None) -> Bad | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda bad: bad.seq if bad.seq is not None else 0)
