"""The trail in a database of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, NoReturn

import asyncpg
import msgspec

from hub.audit.checking import MEMBERS, Found, Loaded, Piece, Stretch, check, digest_of, hash_of
from hub.audit.reading import (
    BESIDE,
    COUNT_LOOSE,
    ENTRIES,
    FEW,
    FEW_ACTS,
    LINKS,
    LOOSE,
    SEALS,
    START,
    STRAY,
    TWICE,
    Row,
    of_before,
)
from hub.audit.rules import GENESIS, TIMES, Seal, encode_leaf, seal_of
from hub.audit.shapes import Shapes

_STALE = "1 hour"  # an entry so much older than the last seal, and in no chain, was put there by hand

# What is missing of an instant as PostgreSQL writes it (`2026-11-18 18:00:00.5+00`) to that of `rules.instant_text`.
_REST = {19: ".000000+00:00", **{20 + digits: "0" * (6 - digits) + "+00:00" for digits in range(1, 7)}}


def _instant(text: str) -> str:
    """Reading an instant as text and filling it up costs a third of having PostgreSQL format it."""
    return text[:-3] + _REST.get(len(text) - 3, "?")


_OF_NOW = "SELECT 1 FROM pg_attribute WHERE attrelid = 'audit_entry'::regclass AND attname = 'members'"
# Whether the database itself still sees to it that no entry is there twice and none is chained twice.
_EACH_ONCE = """SELECT COUNT(DISTINCT i.indrelid) = 2 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
    AND i.indnkeyatts = 1 AND a.attnum = i.indkey[0] WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND (i.indrelid, a.attname) IN (('audit_entry'::regclass, 'id'), ('audit_chain'::regclass, 'entry'))"""


_BETWEEN = "\x1f"


class _LookCloser(Exception):
    """A stretch is not whole: all columns of its entries are needed to say why."""


def _joined(number: int, columns: Sequence[str]) -> str:
    """Texts one after another, with room for the times, which are read beside it: empty if one of them is."""
    texts = ("''" if name in TIMES else name for name in columns)
    return " || E'\\x1f' || ".join([*texts, f"'{number}'"])


class _Short:
    """Entries in short, column by column: their leaves, what they hash to, and the digests of their members."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.leaves: list[str] = []
        self.hashes: list[str | None] = []
        self.members: list[str | None] = []

    def add(self, rows: Iterable[Row], shapes: Sequence[Sequence[str]]) -> None:
        """Rows with a text that `_joined` made, taken apart and put into the JSON that is hashed."""
        forms = {str(number): (len(held), *_form(held)) for number, held in enumerate(shapes)}
        for leaf, happened, recorded, text in rows:
            if text is None:
                continue
            values: list[str] = text.split(_BETWEEN)
            count, make, happened_at, recorded_at, entry, members = forms[values.pop()]
            if len(values) != count:
                continue  # one of them has in it what is between them
            values[happened_at], values[recorded_at] = happened, recorded
            self.ids.append(values[entry])
            self.leaves.append(leaf)
            self.hashes.append(sha256(encode_leaf(make(*values))).hexdigest())
            self.members.append(None if members is None else values[members])

    def put_in_order(self, wanted: list[str], missing: Iterable[Row]) -> None:
        """So that they are those that are wanted, as far as they are there."""
        there = {row[0]: row for row in zip(self.ids, self.leaves, self.hashes, self.members, strict=True)}
        there |= {row[0]: (row[0], row[1], hash_of(row), row[MEMBERS]) for row in missing}
        rows = [there[one] for one in wanted if one in there]
        self.ids, self.leaves = [row[0] for row in rows], [row[1] for row in rows]
        self.hashes, self.members = [row[2] for row in rows], [row[3] for row in rows]


def _form(held: Sequence[str]) -> tuple[Any, int, int, int, int | None]:
    make: Any = msgspec.defstruct("Held", [(name, str) for name in held], frozen=True, gc=False)
    members = held.index("members") if "members" in held else None
    return make, held.index("happened_at"), held.index("recorded_at"), held.index("id"), members


def _look_closer() -> NoReturn:
    raise _LookCloser


def _slow_piece(links: Sequence[Row], rows: dict[str, Row], beside: dict[str, str | None]) -> Piece:
    seqs, stored, entries = zip(*links, strict=True)
    found = [rows.get(entry) for entry in entries]
    return Piece(
        seqs, stored, entries, lambda: zip(seqs, stored, entries, found, map(beside.get, entries), strict=True)
    )


class PostgresTrail:
    def __init__(self, connection: Any, of_now: bool) -> None:
        self._connection = connection
        self._of_now = of_now
        self._entries = ENTRIES if of_now else of_before(ENTRIES, "NULL::text")
        self._shapes = Shapes(_joined, of_now=of_now)

    async def last(self) -> int:
        return int(await self._connection.fetchval("SELECT COALESCE(MAX(seq), 0) FROM audit_chain"))

    async def last_seal(self) -> int:
        return int(await self._connection.fetchval("SELECT COALESCE(MAX(seq), 0) FROM audit_seal"))

    async def check(self, stretch: Stretch) -> Found:
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            start = await self._connection.fetchval(START.format("$1"), stretch.after)
            before = await self._connection.fetchrow(
                f"{SEALS} WHERE seq <= $1 AND seq > 0 ORDER BY seq DESC LIMIT 1", stretch.after
            )
            seals = await self._connection.fetch(
                f"{SEALS} WHERE seq > $1 AND seq <= $2 ORDER BY seq", stretch.after, stretch.until
            )
            links = await self._connection.fetch(
                f"{LINKS.format('$1', '$2')} LIMIT $3", stretch.after, stretch.until, stretch.until - stretch.after + 1
            )
            entries = [link[2] for link in links]
            pieces = [await self._piece(links, entries)] if links else []
            loaded = Loaded(
                start or GENESIS, pieces, seal_of(before) if before else None, [seal_of(row) for row in seals]
            )
            try:
                return check(stretch, loaded)
            except _LookCloser:
                rows = {row[0]: row for row in await self._rows(entries)}
                beside = await self._beside([entry for entry, row in rows.items() if row[MEMBERS] is not None])
            loaded.pieces = [_slow_piece(links, rows, beside)]
            return check(stretch, loaded)

    async def _piece(self, links: Sequence[Row], entries: list[str]) -> Piece:
        """Ids are ordered by time as the chain is, so most entries are read as one range of their index."""
        short = _Short()
        if not self._shapes.text:
            await self._rows(entries[:1])
        if self._shapes.text:
            found = await self._connection.fetch(
                f"SELECT leaf, happened_at, recorded_at, {self._shapes.text} FROM audit_entry"
                " WHERE id BETWEEN $1 AND $2 LIMIT $3",
                min(entries),
                max(entries),
                2 * len(entries),
            )
            short.add(found, self._shapes.held)
        if short.ids != entries:
            there = {*short.ids}
            short.put_in_order(entries, await self._rows([one for one in entries if one not in there]))
        beside = {}
        if any(short.members):
            several = zip(short.ids, short.members, strict=True)
            beside = await self._beside([entry for entry, members in several if members is not None])
        seqs, stored = [link[0] for link in links], [link[1] for link in links]
        of = [beside.get(entry) for entry in short.ids]
        return Piece(seqs, stored, entries, _look_closer, short.ids, short.leaves, short.hashes, short.members, of)

    async def _rows(self, ids: list[str]) -> list[Row]:
        """These entries with all their columns."""
        rows: list[Row] = await self._connection.fetch(f"{self._entries} WHERE id = ANY($1)", ids) if ids else []
        self._shapes.learn([tuple(row)[2:] for row in rows])
        return rows

    async def _beside(self, entries: list[str]) -> dict[str, str | None]:
        """The digests of the rows beside these entries, some at a time: an entry may have hundreds."""
        digests: dict[str, str | None] = {}
        for start in range(0, len(entries), FEW_ACTS):
            found = await self._connection.fetch(
                f"SELECT entry, {BESIDE} = ANY($1) ORDER BY entry", entries[start : start + FEW_ACTS]
            )
            for entry, rows in groupby(found, itemgetter(0)):
                digests[entry] = digest_of([tuple(row)[1:] for row in rows])
        return digests

    async def seals(self, after: int) -> list[Seal]:
        found = await self._connection.fetch(f"{SEALS} WHERE seq > $1 ORDER BY seq LIMIT $2", after, FEW)
        return [seal_of(row) for row in found]

    async def chained(self, until: int) -> int:
        return int(await self._connection.fetchval("SELECT COUNT(*) FROM audit_chain WHERE seq <= $1", until))

    async def loose(self) -> tuple[int, str | None]:
        """Entries that wait for the sealer are in order; one far older than the last seal is not."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            count = int(await self._connection.fetchval(COUNT_LOOSE))
            if not await self._connection.fetchval(_EACH_ONCE):  # then places and entries cannot be set off
                count = max(count, int(await self._connection.fetchval(f"SELECT COUNT(*) {LOOSE}")))
            elif not count:
                return 0, None
            stale = await self._connection.fetchval(f"SELECT MAX(sealed_at) - interval '{_STALE}' FROM audit_seal")
            if stale is None:
                return count, None
            recent = await self._connection.fetchval(f"SELECT COUNT(*) {LOOSE} AND e.recorded_at >= $1", stale)
            if recent == count:
                return count, None
            first = await self._connection.fetchval(
                f"SELECT e.id {LOOSE} AND e.recorded_at < $1 ORDER BY e.recorded_at, e.id LIMIT 1", stale
            ) or await self._connection.fetchval(TWICE)
            return max(count, 1), str(first) if first is not None else None

    async def stray(self) -> tuple[str, int | None] | None:
        row = await self._connection.fetchrow(STRAY) if self._of_now else None
        return (row[0], row[1]) if row else None


@asynccontextmanager
async def open_server(url: str) -> AsyncGenerator[PostgresTrail, None]:
    server = await asyncpg.connect(url, server_settings={"timezone": "UTC", "datestyle": "ISO"})
    try:
        await server.set_type_codec("timestamptz", schema="pg_catalog", encoder=str, decoder=_instant, format="text")
        yield PostgresTrail(server, bool(await server.fetchval(_OF_NOW)))
    finally:
        await server.close()
