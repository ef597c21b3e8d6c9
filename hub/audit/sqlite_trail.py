"""The trail in a file of SQLite. It needs no event loop: a process that helps to check has none."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from hub.audit.checking import MEMBERS, Found, Link, Loaded, Piece, Stretch, check, digest_of
from hub.audit.reading import (
    BESIDE,
    COUNT_LOOSE,
    ENTRIES,
    FEW,
    FEW_ACTS,
    LINKS,
    LOOSE,
    SEALS,
    SQLITE,
    START,
    STRAY,
    TWICE,
    Row,
    of_before,
)
from hub.audit.rules import GENESIS, Seal, seal_of
from hub.audit.shapes import Shapes

_CACHE_KIB = 2048  # what is read in order is read once
_PIECE = 100  # rows that are read together: many would not stay near the processor

_KEPT_ONCE = (("audit_entry", "id"), ("audit_chain", "entry"))
_EACH_ONCE = """SELECT 1 FROM pragma_index_list(?) i WHERE i."unique" AND NOT i.partial
    AND (SELECT group_concat(c.name) FROM pragma_index_info(i.name) c) = ?"""


def _json(_: int, columns: Sequence[str]) -> str:
    """The very JSON that is hashed."""
    held = ", ".join(f"'{name}', {name}" for name in columns)
    return f"json_object({held})"


class SQLiteTrail:
    def __init__(self, path: str) -> None:
        address = f"{Path(path).resolve().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(audit_entry)")}
        self._of_now = "members" in columns
        self._entries = ENTRIES if self._of_now else of_before(ENTRIES, "NULL")
        self._shapes = Shapes(_json, of_now=self._of_now)

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
        return self.check_now(stretch)

    def check_now(self, stretch: Stretch) -> Found:
        try:
            return self._check(stretch, self._pieces(stretch))
        except sqlite3.OperationalError as error:
            if not any(word in str(error) for word in ("decode", "JSON", "json")):
                raise
        # What is no text was put in: the walk is to name its row, so it is read all the same.
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            return self._check(stretch, self._one_by_one(stretch))
        finally:
            self._connection.text_factory = str

    def _check(self, stretch: Stretch, pieces: Iterator[Piece]) -> Found:
        self._connection.execute("BEGIN")
        try:
            start = self._one(START.format("?"), stretch.after)
            before = self._one(f"{SEALS} WHERE seq <= ? AND seq > 0 ORDER BY seq DESC LIMIT 1", stretch.after)
            seals = self._connection.execute(
                f"{SEALS} WHERE seq > ? AND seq <= ? ORDER BY seq", (stretch.after, stretch.until)
            )
            loaded = Loaded(
                start[0] if start else GENESIS,
                pieces,
                seal_of(before) if before else None,
                [seal_of(row) for row in seals],
            )
            return check(stretch, loaded)
        finally:
            self._connection.execute("ROLLBACK")

    def _chained(self, stretch: Stretch) -> Iterator[list[Any]]:
        chained = self._connection.execute(LINKS.format("?", "?"), (stretch.after, stretch.until))
        while some := chained.fetchmany(_PIECE):
            yield some

    def _pieces(self, stretch: Stretch) -> Iterator[Piece]:
        """The entries are read on from the one of the row before, in the order in which they were written."""
        texts: sqlite3.Cursor | None = None
        text = ""
        for some in self._chained(stretch):
            seqs, stored, entries = zip(*some, strict=True)
            if not self._shapes.text:
                self._found(entries[:1])
            if texts is None or text != self._shapes.text:
                text = self._shapes.text
                members = "members" if self._of_now else "NULL"
                texts = self._from(entries[0], f"SELECT id, leaf, {members}, {text or 'NULL'} FROM audit_entry")
            rows = texts.fetchmany(len(some)) if texts else []
            piece = Piece(seqs, stored, entries, partial(self._links, some))
            if [row[0] for row in rows] != [*entries]:
                texts = None  # some lie elsewhere
            elif all(row[3] for row in rows):
                piece.ids, piece.leaves, piece.members, written = zip(*rows, strict=True)
                piece.hashes = [sha256(one.encode()).hexdigest() for one in written]
                if any(piece.members):
                    beside = self._beside([row[0] for row in rows if row[2] is not None])
                    piece.beside = [beside.get(entry) for entry in entries]
                else:
                    piece.beside = [None] * len(rows)
            yield piece

    def _one_by_one(self, stretch: Stretch) -> Iterator[Piece]:
        for some in self._chained(stretch):
            seqs, stored, entries = zip(*some, strict=True)
            yield Piece(seqs, stored, entries, partial(self._links, some))

    def _links(self, some: list[Any]) -> Iterator[Link]:
        rows = self._found([entry for _, _, entry in some])
        beside = self._beside([row[0] for row in rows if row is not None and row[MEMBERS] is not None])
        for link, row in zip(some, rows, strict=True):
            yield *link, row, beside.get(link[2])

    def _found(self, wanted: Sequence[str]) -> list[Row | None]:
        """These entries as they are, wherever they lie."""
        rows: list[Row | None] = []
        entries: sqlite3.Cursor | None = None
        for entry in wanted:
            row = entries.fetchone() if entries else None
            if row is None or row[0] != entry:
                entries = self._from(entry, self._entries)
                row = entries.fetchone() if entries else None
            rows.append(row)
        self._shapes.learn([row[2:] for row in rows if row is not None])
        return rows

    def _from(self, entry: str, sql: str) -> sqlite3.Cursor | None:
        at = self._one("SELECT rowid FROM audit_entry WHERE id = ?", entry)
        return self._connection.execute(f"{sql} WHERE rowid >= ? ORDER BY rowid", at) if at else None

    def _beside(self, entries: list[str]) -> dict[str, str | None]:
        """The digests of the rows beside these entries, some at a time: an entry may have hundreds."""
        digests: dict[str, str | None] = {}
        for start in range(0, len(entries), FEW_ACTS):
            of = entries[start : start + FEW_ACTS]
            found = self._connection.execute(
                f"SELECT entry, {BESIDE} IN ({', '.join('?' * len(of))}) ORDER BY entry", of
            )
            for entry, rows in groupby(found, itemgetter(0)):
                digests[entry] = digest_of([row[1:] for row in rows])
        return digests

    async def seals(self, after: int) -> list[Seal]:
        rows = self._connection.execute(f"{SEALS} WHERE seq > ? ORDER BY seq LIMIT ?", (after, FEW))
        return [seal_of(row) for row in rows]

    async def chained(self, until: int) -> int:
        row = self._one("SELECT COUNT(*) FROM audit_chain WHERE seq <= ?", until)
        return int(row[0]) if row else 0

    async def loose(self) -> tuple[int, str | None]:
        """On SQLite every entry is chained in its own transaction: a loose one is wrong."""
        count = self._one(COUNT_LOOSE)
        if (not count or not count[0]) and self._each_once():
            return 0, None  # as many places as entries, none given twice
        first = self._one(f"SELECT e.id {LOOSE} ORDER BY e.recorded_at, e.id LIMIT 1") or self._one(TWICE)
        return max(int(count[0]) if count else 0, int(first is not None)), str(first[0]) if first else None

    def _each_once(self) -> bool:
        """Whether the database itself still sees to it that no entry is there twice and none is chained twice."""
        return all(self._one(_EACH_ONCE, table, column) for table, column in _KEPT_ONCE)

    async def stray(self) -> tuple[str, int | None] | None:
        row = self._one(STRAY) if self._of_now else None
        return (str(row[0]), row[1]) if row else None


@contextmanager
def open_file(url: str) -> Generator[SQLiteTrail, None, None]:
    trail = SQLiteTrail(url.removeprefix(SQLITE))
    try:
        yield trail
    finally:
        trail.close()
