"""The trail as it stands on disk, read raw: what `verify` walks over.

Also for a copy from elsewhere: nothing is bound, migrated or written. Entries lie on disk nearly in the order of the
chain, so both are read side by side, which costs half of a join; what is not where it was expected is looked up.
Several processes read at once, each in its own short snapshot: rows are only ever added, so what they see of the rows
up to a given one is the same, and none keeps the database from tidying up while the hub writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from hub.audit.checking import MEMBERS, Found, Link, Loaded, Stretch, check, digest_of
from hub.audit.rules import COLUMNS, GENESIS, MEMBER_COLUMNS, SEAL_COLUMNS, Seal, seal_of

_STALE = "1 hour"  # an entry so much older than the last seal, and in no chain, was put there by hand
_CACHE_KIB = 2048  # what is read in order is read once
_FEW = 1000  # seals read at once
_FEW_ACTS = 200  # entries whose members are read at once

Row = tuple[Any, ...]


class Trail(Protocol):
    """A database with a trail."""

    async def last(self) -> int:
        """The last place of the chain."""

    async def last_seal(self) -> int:
        """The row of the last seal."""

    async def check(self, stretch: Stretch) -> Found: ...

    async def seals(self, after: int) -> list[Seal]:
        """The next seals, some at a time."""

    async def chained(self, until: int) -> int:
        """How many places of the chain lie up to this one."""

    async def loose(self) -> tuple[int, str | None]:
        """How many entries are in no chain, and the first of them that should be in it."""

    async def stray(self) -> tuple[str, int | None] | None:
        """An entry that knows of no members, or is none, and has rows of them beside it; and its place."""


_SEALS = f"SELECT {', '.join(SEAL_COLUMNS)} FROM audit_seal"
_LINKS = "SELECT seq, hash, entry FROM audit_chain WHERE seq > {0} AND seq <= {1} ORDER BY seq"
_START = "SELECT hash FROM audit_chain WHERE seq = {0}"
_LOOSE = "FROM audit_entry e WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry = e.id)"
_TWICE = "SELECT id FROM audit_entry GROUP BY id HAVING COUNT(*) > 1 LIMIT 1"  # only where its index was dropped
_COUNT_LOOSE = "SELECT (SELECT COUNT(*) FROM audit_entry) - (SELECT COUNT(*) FROM audit_chain)"


_ENTRIES = f"SELECT id, leaf, {', '.join(COLUMNS)} FROM audit_entry"
_BESIDE = f"{', '.join(MEMBER_COLUMNS)} FROM audit_member WHERE entry"
_STRAY = (
    "SELECT m.entry, c.seq FROM (SELECT DISTINCT entry FROM audit_member) m"
    " LEFT JOIN audit_chain c ON c.entry = m.entry"
    " WHERE NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.id = m.entry AND e.members IS NOT NULL)"
    " ORDER BY c.seq LIMIT 1"
)


def _of_before(entries: str, empty: str) -> str:
    """As `_ENTRIES` reads them in a copy from before entries had members beside them."""
    return entries.replace(" members,", f" {empty} AS members,")


class SQLiteTrail:
    def __init__(self, path: str) -> None:
        address = f"{Path(path).resolve().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(audit_entry)")}
        self._of_now = "members" in columns
        self._entries = _ENTRIES if self._of_now else _of_before(_ENTRIES, "NULL")

    def close(self) -> None:
        self._connection.close()

    def _one(self, sql: str, *args: Any) -> Row | None:
        row: Row | None = self._connection.execute(sql, args).fetchone()
        return row

    async def last(self) -> int:
        row = self._one("SELECT MAX(seq) FROM audit_chain")
        return int(row[0]) if row and row[0] is not None else 0

    async def last_seal(self) -> int:
        row = self._one("SELECT MAX(seq) FROM audit_seal")
        return int(row[0]) if row and row[0] is not None else 0

    async def check(self, stretch: Stretch) -> Found:
        try:
            return self._check(stretch)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        # Bytes that are no text were put in: the walk is to name their row, so they are read all the same.
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            return self._check(stretch)
        finally:
            self._connection.text_factory = str

    def _check(self, stretch: Stretch) -> Found:
        self._connection.execute("BEGIN")
        try:
            start = self._one(_START.format("?"), stretch.after)
            before = self._one(f"{_SEALS} WHERE seq <= ? AND seq > 0 ORDER BY seq DESC LIMIT 1", stretch.after)
            seals = self._connection.execute(
                f"{_SEALS} WHERE seq > ? AND seq <= ? ORDER BY seq", (stretch.after, stretch.until)
            )
            loaded = Loaded(
                start[0] if start else GENESIS,
                self._links(stretch),
                seal_of(before) if before else None,
                [seal_of(row) for row in seals],
            )
            return check(stretch, loaded)
        finally:
            self._connection.execute("ROLLBACK")

    def _links(self, stretch: Stretch) -> Iterator[Link]:
        """The entries are read on from the one of the row before, in the order in which they were written."""
        links = self._connection.execute(_LINKS.format("?", "?"), (stretch.after, stretch.until))
        entries: Iterator[Row] = iter(())
        for seq, stored, entry in links:
            row = next(entries, None)
            if row is None or row[0] != entry:
                at = self._one("SELECT rowid FROM audit_entry WHERE id = ?", entry)
                if at is None:
                    entries = iter(())
                    row = None
                else:
                    entries = self._connection.execute(f"{self._entries} WHERE rowid >= ? ORDER BY rowid", at)
                    row = next(entries)
            beside = None if row is None or row[MEMBERS] is None else self._beside(entry)
            yield seq, stored, entry, row, beside

    def _beside(self, entry: str) -> str | None:
        """Asked of each entry that has some: this database is in the same process."""
        return digest_of(self._connection.execute(f"SELECT {_BESIDE} = ?", (entry,)).fetchall())

    async def seals(self, after: int) -> list[Seal]:
        rows = self._connection.execute(f"{_SEALS} WHERE seq > ? ORDER BY seq LIMIT ?", (after, _FEW))
        return [seal_of(row) for row in rows]

    async def chained(self, until: int) -> int:
        row = self._one("SELECT COUNT(*) FROM audit_chain WHERE seq <= ?", until)
        return int(row[0]) if row else 0

    async def loose(self) -> tuple[int, str | None]:
        """On SQLite every entry is chained in its own transaction: a loose one is wrong."""
        count = self._one(_COUNT_LOOSE)
        if not count or not count[0]:
            return 0, None
        first = self._one(f"SELECT e.id {_LOOSE} ORDER BY e.recorded_at, e.id LIMIT 1") or self._one(_TWICE)
        return int(count[0]), str(first[0]) if first else None

    async def stray(self) -> tuple[str, int | None] | None:
        row = self._one(_STRAY) if self._of_now else None
        return (str(row[0]), row[1]) if row else None


# What is missing of an instant as PostgreSQL writes it (`2026-11-18 18:00:00.5+00`) to that of `rules.instant_text`.
_REST = {19: ".000000+00:00", **{20 + digits: "0" * (6 - digits) + "+00:00" for digits in range(1, 7)}}


def _instant(text: str) -> str:
    """Reading an instant as text and filling it up costs a third of having PostgreSQL format it."""
    return text[:-3] + _REST.get(len(text) - 3, "?")


_OF_NOW = "SELECT 1 FROM pg_attribute WHERE attrelid = 'audit_entry'::regclass AND attname = 'members'"


class PostgresTrail:
    def __init__(self, connection: Any, of_now: bool) -> None:
        self._connection = connection
        self._of_now = of_now
        self._entries = _ENTRIES if of_now else _of_before(_ENTRIES, "NULL::text")

    async def last(self) -> int:
        return int(await self._connection.fetchval("SELECT COALESCE(MAX(seq), 0) FROM audit_chain"))

    async def last_seal(self) -> int:
        return int(await self._connection.fetchval("SELECT COALESCE(MAX(seq), 0) FROM audit_seal"))

    async def check(self, stretch: Stretch) -> Found:
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            start = await self._connection.fetchval(_START.format("$1"), stretch.after)
            before = await self._connection.fetchrow(
                f"{_SEALS} WHERE seq <= $1 AND seq > 0 ORDER BY seq DESC LIMIT 1", stretch.after
            )
            seals = await self._connection.fetch(
                f"{_SEALS} WHERE seq > $1 AND seq <= $2 ORDER BY seq", stretch.after, stretch.until
            )
            links = await self._connection.fetch(
                f"{_LINKS.format('$1', '$2')} LIMIT $3", stretch.after, stretch.until, stretch.until - stretch.after + 1
            )
            rows = await self._rows([link[2] for link in links])
            beside = await self._beside([entry for entry, row in rows.items() if row[MEMBERS] is not None])
        loaded = Loaded(
            start or GENESIS,
            ((seq, stored, entry, rows.get(entry), beside.get(entry)) for seq, stored, entry in links),
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
        for start in range(0, len(entries), _FEW_ACTS):
            found = await self._connection.fetch(
                f"SELECT entry, {_BESIDE} = ANY($1) ORDER BY entry", entries[start : start + _FEW_ACTS]
            )
            for entry, rows in groupby(found, itemgetter(0)):
                digests[entry] = digest_of([tuple(row)[1:] for row in rows])
        return digests

    async def seals(self, after: int) -> list[Seal]:
        found = await self._connection.fetch(f"{_SEALS} WHERE seq > $1 ORDER BY seq LIMIT $2", after, _FEW)
        return [seal_of(row) for row in found]

    async def chained(self, until: int) -> int:
        return int(await self._connection.fetchval("SELECT COUNT(*) FROM audit_chain WHERE seq <= $1", until))

    async def loose(self) -> tuple[int, str | None]:
        """Entries that wait for the sealer are in order; one far older than the last seal is not."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            count = int(await self._connection.fetchval(_COUNT_LOOSE))
            stale = await self._connection.fetchval(f"SELECT MAX(sealed_at) - interval '{_STALE}' FROM audit_seal")
            if stale is None:
                return count, None
            recent = await self._connection.fetchval(f"SELECT COUNT(*) {_LOOSE} AND e.recorded_at >= $1", stale)
            if recent == count:
                return count, None
            first = await self._connection.fetchval(
                f"SELECT e.id {_LOOSE} AND e.recorded_at < $1 ORDER BY e.recorded_at, e.id LIMIT 1", stale
            ) or await self._connection.fetchval(_TWICE)
            return max(count, 1), str(first) if first is not None else None

    async def stray(self) -> tuple[str, int | None] | None:
        row = await self._connection.fetchrow(_STRAY) if self._of_now else None
        return (row[0], row[1]) if row else None


@asynccontextmanager
async def open_trail(url: str) -> AsyncGenerator[Trail, None]:
    """Read the trail at a database's address, with a connection of one's own."""
    if url.startswith("sqlite:///"):
        file = SQLiteTrail(url.removeprefix("sqlite:///"))
        try:
            yield file
        finally:
            file.close()
        return
    server = await asyncpg.connect(url, server_settings={"timezone": "UTC", "datestyle": "ISO"})
    try:
        await server.set_type_codec("timestamptz", schema="pg_catalog", encoder=str, decoder=_instant, format="text")
        yield PostgresTrail(server, bool(await server.fetchval(_OF_NOW)))
    finally:
        await server.close()
