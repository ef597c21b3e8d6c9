"""The trail as it stands on disk, read raw: what `verify` walks over.

Also for a copy from elsewhere: nothing is bound, migrated or written. Entries lie on disk nearly in the order of the
chain, so both are read side by side, which costs half of a join; what is not where it was expected is looked up.
Several processes read at once, each in its own short snapshot: rows are only ever added, so what they see of the rows
up to a given one is the same, and none keeps the database from tidying up while the hub writes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from hub.audit.checking import Found, Stretch
from hub.audit.rules import COLUMNS, MEMBER_COLUMNS, SEAL_COLUMNS, Seal

FEW = 1000  # seals read at once
FEW_ACTS = 200  # entries whose members are read at once
SQLITE = "sqlite:///"

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


SEALS = f"SELECT {', '.join(SEAL_COLUMNS)} FROM audit_seal"
LINKS = "SELECT seq, hash, entry FROM audit_chain WHERE seq > {0} AND seq <= {1} ORDER BY seq"
START = "SELECT hash FROM audit_chain WHERE seq = {0}"
LOOSE = "FROM audit_entry e WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry = e.id)"
TWICE = "SELECT id FROM audit_entry GROUP BY id HAVING COUNT(*) > 1 LIMIT 1"  # only where its index was dropped
COUNT_LOOSE = "SELECT (SELECT COUNT(*) FROM audit_entry) - (SELECT COUNT(*) FROM audit_chain)"


ENTRIES = f"SELECT id, leaf, {', '.join(COLUMNS)} FROM audit_entry"
BESIDE = f"{', '.join(MEMBER_COLUMNS)} FROM audit_member WHERE entry"
STRAY = (
    "SELECT m.entry, c.seq FROM (SELECT DISTINCT entry FROM audit_member) m"
    " LEFT JOIN audit_chain c ON c.entry = m.entry"
    " WHERE NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.id = m.entry AND e.members IS NOT NULL)"
    " ORDER BY c.seq LIMIT 1"
)


def of_before(entries: str, empty: str) -> str:
    """As `ENTRIES` reads them in a copy from before entries had members beside them."""
    return entries.replace(" members,", f" {empty} AS members,")


@asynccontextmanager
async def open_trail(url: str) -> AsyncGenerator[Trail, None]:
    """Read the trail at a database's address, with a connection of one's own. Only its own driver is loaded."""
    if url.startswith(SQLITE):
        from hub.audit.sqlite_trail import open_file

        with open_file(url) as file:
            yield file
    else:
        from hub.audit.postgres_trail import open_server

        async with open_server(url) as server:
            yield server
