"""The trail in a database of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

import asyncpg

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
from hub.audit.rules import GENESIS, Seal, seal_of

_PIECE = 100  # rows that are compared together: many would not stay near the processor
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


def _piece(links: list[Row], rows: dict[str, Row], beside: dict[str, str | None]) -> Piece:
    seqs, stored, entries = zip(*links, strict=True)
    found = [rows.get(entry) for entry in entries]
    there = [row for row in found if row is not None]
    return Piece(
        seqs,
        stored,
        entries,
        lambda: zip(seqs, stored, entries, found, map(beside.get, entries), strict=True),
        ids=[row[0] for row in there],
        leaves=[row[1] for row in there],
        hashes=[hash_of(row) for row in there],
        members=[row[MEMBERS] for row in there],
        beside=[*map(beside.get, entries)] if beside else [None] * len(entries),
    )


class PostgresTrail:
    def __init__(self, connection: Any, of_now: bool) -> None:
        self._connection = connection
        self._of_now = of_now
        self._entries = ENTRIES if of_now else of_before(ENTRIES, "NULL::text")

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
            rows = await self._rows([link[2] for link in links])
            beside = await self._beside([entry for entry, row in rows.items() if row[MEMBERS] is not None])
        loaded = Loaded(
            start or GENESIS,
            (_piece(links[at : at + _PIECE], rows, beside) for at in range(0, len(links), _PIECE)),
            seal_of(before) if before else None,
            [seal_of(row) for row in seals],
        )
        return check(stretch, loaded)

    async def _rows(self, ids: list[str]) -> dict[str, Row]:
        """These entries: ids are ordered by time as the chain is, so most are read as one range of their index."""
        if not ids:
            return {}
        found = await self._connection.fetch(
            f"{self._entries} WHERE id BETWEEN $1 AND $2 LIMIT $3", min(ids), max(ids), 2 * len(ids)
        )
        rows = {row[0]: row for row in found}
        missing = [one for one in ids if one not in rows]
        if missing:
            found = await self._connection.fetch(f"{self._entries} WHERE id = ANY($1)", missing)
            rows |= {row[0]: row for row in found}
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
