"""Proof that the trail is whole: each entry hashes to its leaf, the leaves to the chain, the chain to its signed seals.

Stretches of a long trail are checked by several processes at once, and joined here. A seal's signature covers the seal
before, so checking the last signature checks them all; only when something is wrong is each one looked at, to name the
first row that no good seal covers. The hub may write meanwhile: what it adds is left for the next time.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass

from hub.audit.checking import Found, Stretch
from hub.audit.keys import Keys
from hub.audit.reading import Trail, open_trail
from hub.audit.rules import GENESIS, Seal
from hub.audit.walkers import walk
from hub.db.engine import Engine
from hub.db.sqlite import PooledSQLiteEngine

STRETCH = 5_000  # rows checked at a time: what is held in memory
_IN_NO_CHAIN = "the entry is in no chain: it was inserted by hand, or its place was deleted"
_NO_MEMBERS = "a member was put beside it by hand: the entry knows of none"
_MOST_PROCESSES = 4
_WORTH_A_PROCESS = 4  # stretches: fewer are checked before another process has started
_AFTER_ALL = 2**63  # what has no place is named when nothing else is wrong


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


class _Joined:
    """Where the walk along the chain stands."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.rows = 0
        self.head = GENESIS
        self.seals = 0
        self.sealed = 0  # the last row that a matching seal covers
        self.seals_good = True
        self.bad: Bad | None = None

    def add(self, found: Found) -> None:
        if found.start != self.head:
            self.bad = Bad(self.rows + 1, None, "the rows before it were changed while they were read")
            return
        self.rows, self.head, self.sealed = found.rows, found.head, max(self.sealed, found.sealed)
        self.seals += found.seals
        if not found.seals_follow or not all(is_good(self._keys, seal) for seal in found.to_check):
            self.seals_good = False
        if found.what is not None:
            self.bad = Bad(found.seq, found.entry, found.what)


def is_good(keys: Keys, seal: Seal) -> bool:
    """Whether a seal is signed with a key that is known here."""
    return keys.check(seal.key_id, seal.signed, seal.signature)


def address_of(engine: Engine) -> str:
    return f"sqlite:///{engine.path}" if isinstance(engine, PooledSQLiteEngine) else engine.url


def processes_here() -> int:
    """As many as there are processors for this process, within reason."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, _MOST_PROCESSES)


async def verify(
    engine: Engine, keys: Keys, outside: Seal | None = None, *, stretch: int = STRETCH, processes: int | None = None
) -> Report:
    """Check the whole trail of a database. `outside` is a signed head that was kept elsewhere."""
    if outside is not None and not is_good(keys, outside):
        what = "the head that was kept elsewhere is not signed with a key that is known here"
        return Report(0, Bad(outside.seq, None, what), 0, 0, GENESIS)
    address, joined = address_of(engine), _Joined(keys)
    async with open_trail(address) as trail:
        last_seal = await trail.last_seal()  # before the chain's end, which goes on while the hub writes
        until = await trail.last()
        pieces = (Stretch(after, min(after + stretch, until), outside) for after in range(0, until, stretch))
        helpers = min((processes or processes_here()) - 1, until // (_WORTH_A_PROCESS * stretch))
        async with aclosing(walk(address, trail.check, pieces, helpers)) as findings:
            async for found in findings:
                joined.add(found)
                if joined.bad is not None or not joined.seals_good:
                    break
        bad = joined.bad
        if not joined.seals_good:
            bad = _earlier(await _first_bad_seal(trail, keys), bad)
        loose, inserted = await trail.loose()
        if bad is None:
            bad = await _at_the_end(trail, joined.rows, last_seal, outside)
        if (stray := await trail.stray()) is not None:
            bad = _earlier(bad, Bad(stray[1], stray[0], _NO_MEMBERS))
        if bad is None and inserted is not None:
            bad = Bad(None, inserted, _IN_NO_CHAIN)
        unsealed = joined.rows - min(joined.sealed, joined.rows) + loose
        return Report(joined.rows, bad, unsealed, joined.seals, joined.head)


async def _first_bad_seal(trail: Trail, keys: Keys) -> Bad:
    """Look at every signature in order, to name the first row that no good seal covers."""
    digest, covered = GENESIS, 0
    while seals := await trail.seals(covered):
        for seal in seals:
            if not keys.knows(seal.key_id):
                what = f"the seal of row {seal.seq} is signed with a key that is not known here ({seal.key_id})"
            elif not is_good(keys, seal):
                what = f"the seal of row {seal.seq} is not what was signed"
            elif seal.previous != digest:
                what = f"a seal before that of row {seal.seq} is gone, or was added"
            else:
                digest, covered = seal.digest, seal.seq
                continue
            return Bad(covered + 1, None, what)
    return Bad(covered + 1, None, "the seals do not follow one another")


async def _at_the_end(trail: Trail, rows: int, last_seal: int, outside: Seal | None) -> Bad | None:
    """Is the tail cut off, or was a place given twice where the walk could not see it?"""
    if last_seal > rows:
        return Bad(rows + 1, None, f"rows {rows + 1} to {last_seal} are gone: they were sealed")
    if outside is not None and outside.seq > rows:
        what = f"rows {rows + 1} to {outside.seq} are gone: the head kept elsewhere covers them"
        return Bad(rows + 1, None, what)
    if await trail.chained(rows) != rows:
        return Bad(rows + 1, None, "the chain holds places that are given twice or lie before its beginning")
    return None


def _earlier(one: Bad | None, other: Bad | None) -> Bad | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda bad: _AFTER_ALL if bad.seq is None else bad.seq)
