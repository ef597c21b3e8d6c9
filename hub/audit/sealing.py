"""The sealer: gives entries their place in the chain (PostgreSQL) and signs the chain's head (both databases).

One worker seals at a time, elected by a lease row. Its number (`fencing`) grows with each change of holder and is
checked, under a row lock, in the transaction that seals: a worker that was asleep past its lease cannot go on. What two
sealers could still do at once, the unique indexes on `seq` and `entry` forbid.

Entries are chained in the order in which they become visible, within one round by (recorded_at, id). Those of a
transaction that was open when the last round looked come with a recorded_at in the past; so a round looks back to the
oldest transaction that was writing then, and a little more: for what a request does between naming its entry and
writing it, and for machines whose clocks differ. Every few seconds it looks further back, and now and then a sweep at
everything of the last hours.

What is deleted between its commit and its seal (about a second) cannot be noticed on PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.audit.keys import Keys
from hub.audit.rules import GENESIS, SEAL_COLUMNS, Seal, instant_text, link_hash, seal_bytes, seal_of
from hub.db.engine import add, add_many, fetch, is_sqlite, look_up
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.ids import new_id

LEASE = timedelta(seconds=10)
NEAR, FAR = timedelta(seconds=2), timedelta(seconds=30)  # how much more a round looks back: each, and every so often
FAR_EVERY = timedelta(seconds=5)
FIRST_LOOK = timedelta(minutes=15)  # how far back a new holder looks in its first round
SWEEP_EVERY = timedelta(minutes=10)
SWEPT = timedelta(hours=2)  # how far back a sweep looks; the first one of a holder at everything
_ROUND = 5000
_LEASE_ROW = "sealer"
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_WAITING = (
    "FROM audit_entry e WHERE e.recorded_at >= {} AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry = e.id)"
)


class LostLease(Exception):
    """Another worker seals now."""


async def last_seal() -> Seal | None:
    rows = await look_up(f"SELECT {', '.join(SEAL_COLUMNS)} FROM audit_seal ORDER BY seq DESC LIMIT 1")
    return seal_of([rows[0][name] for name in SEAL_COLUMNS]) if rows else None


class Sealer:
    """Call `run_once` at least once a second, `sweep` every now and then, and `close` at shutdown."""

    def __init__(self, keys: Keys, holder: str | None = None, *, lease: timedelta = LEASE) -> None:
        self.keys = keys
        self.holder = holder or new_id()
        self._lease = lease
        self._fencing = -1
        self._held_until: datetime | None = None
        self._forget()

    def _forget(self) -> None:
        """Another worker may have sealed meanwhile, or nobody: the next look is a far one."""
        self._near: datetime | None = None  # where the next round begins
        self._far: datetime | None = None  # where the next one that looks further back begins
        self._looked_far_at: datetime | None = None
        self._swept_all = False

    async def run_once(self) -> int:
        """Chain and sign what is there. Returns how many entries got their seal; 0 too where another worker seals."""
        if is_sqlite():
            # The writer is alone and chains: no election is needed, and no write where nothing is new.
            unsigned = await look_up(
                "SELECT 1 FROM audit_chain WHERE seq > (SELECT COALESCE(MAX(seq), 0) FROM audit_seal) LIMIT 1"
            )
            return await self._sign_head() if unsigned else 0
        if not await self._elected():
            return 0
        now = datetime.now(UTC)
        far = self._looked_far_at is None or now - self._looked_far_at >= FAR_EVERY
        since = self._far if far else self._near
        oldest = await _oldest_that_writes(now)
        sealed = await self._rounds(since)
        if self._held_until is None:
            return sealed
        self._near = oldest - NEAR
        if far:
            self._far, self._looked_far_at = oldest - FAR, now
        return sealed

    async def _rounds(self, since: datetime | None) -> int:
        if since is not None and not await fetch(f"SELECT 1 {_WAITING} LIMIT 1", since):
            return 0
        sealed = 0
        while True:
            try:
                count, since = await self._round(since)
            except LostLease:
                self._lose()
                return sealed
            sealed += count
            if count < _ROUND:
                return sealed
            await self._elected()

    def _lose(self) -> None:
        self._held_until = None
        self._forget()

    async def sweep(self) -> int:
        """Chain what the rounds passed by, as a transaction that took longer than it should. How many those were.

        The search is no part of the sealing transaction, which other rounds wait for.
        """
        if is_sqlite() or not await self._elected():
            return 0
        since = datetime.now(UTC) - SWEPT if self._swept_all else _BEGINNING
        found = await fetch(f"SELECT e.id {_WAITING} ORDER BY e.recorded_at, e.id LIMIT {{}}", since, _ROUND)
        try:
            count = await self._chain([row["id"] for row in found]) if found else 0
        except LostLease:
            self._lose()
            return 0
        self._swept_all = len(found) < _ROUND
        return count

    async def close(self) -> None:
        """Seal what is left and let another worker go on."""
        await self.run_once()
        if self._held_until is not None:
            await fetch(
                "UPDATE audit_lease SET until = {} WHERE id = {} AND holder = {} AND fencing = {}",
                clock.now(),
                _LEASE_ROW,
                self.holder,
                self._fencing,
            )
            self._held_until = None

    async def _elected(self) -> bool:
        now = clock.now()
        if self._held_until is not None and self._held_until - now > self._lease / 2:
            return True
        if self._held_until is None:
            await fetch(
                "INSERT INTO audit_lease (id, holder, until, fencing) VALUES ({}, '', {}, 0) "
                "ON CONFLICT (id) DO NOTHING",
                _LEASE_ROW,
                _BEGINNING,
            )
        rows = await fetch(
            "UPDATE audit_lease SET fencing = fencing + CASE WHEN holder = {} THEN 0 ELSE 1 END, "
            "holder = {}, until = {} WHERE id = {} AND (holder = {} OR until <= {}) RETURNING fencing",
            self.holder,
            self.holder,
            now + self._lease,
            _LEASE_ROW,
            self.holder,
            now,
        )
        if not rows:
            self._lose()
            return False
        if rows[0]["fencing"] != self._fencing:
            self._fencing = rows[0]["fencing"]
            self._forget()
        self._held_until = now + self._lease
        return True

    @unit_of_work
    async def _round(self, since: datetime | None) -> tuple[int, datetime | None]:
        """Returns how many were chained, and where the next round of this look begins."""
        seq, head, newest = await self._head()
        if since is None:
            since = newest - FIRST_LOOK if newest is not None else _BEGINNING
        waiting = await fetch(
            f"SELECT e.id, e.leaf, e.recorded_at {_WAITING} ORDER BY e.recorded_at, e.id LIMIT {{}}", since, _ROUND
        )
        return await self._append(seq, head, waiting), waiting[-1]["recorded_at"] if waiting else since

    @unit_of_work
    async def _chain(self, entries: list[str]) -> int:
        seq, head, _ = await self._head()
        waiting = await fetch(f"SELECT e.id, e.leaf {_WAITING} AND e.id = ANY({{}})", _BEGINNING, entries)
        return await self._append(seq, head, waiting)

    async def _head(self) -> tuple[int, str, datetime | None]:
        """The chain's end, which nobody moves while the lease is locked: place, hash, and when it was recorded."""
        lease = await fetch("SELECT holder, fencing FROM audit_lease WHERE id = {} FOR UPDATE", _LEASE_ROW)
        if not lease or (lease[0]["holder"], lease[0]["fencing"]) != (self.holder, self._fencing):
            raise LostLease
        found = await fetch(
            "SELECT c.seq, c.hash, e.recorded_at FROM audit_chain c LEFT JOIN audit_entry e ON e.id = c.entry "
            "ORDER BY c.seq DESC LIMIT 1"
        )
        return (found[0]["seq"], found[0]["hash"], found[0]["recorded_at"]) if found else (0, GENESIS, None)

    async def _append(self, seq: int, head: str, entries: list[dict[str, Any]]) -> int:
        links = []
        for row in entries:
            seq, head = seq + 1, link_hash(head, row["leaf"])
            links.append({"id": new_id(), "seq": seq, "entry": row["id"], "hash": head})
        if links:
            await self._sign(seq, head)
            await add_many("audit_chain", links)
        return len(links)

    @unit_of_work
    async def _sign_head(self) -> int:
        found = await look_up("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1")
        return await self._sign(found[0]["seq"], found[0]["hash"]) if found else 0

    async def _sign(self, seq: int, head: str) -> int:
        """Sign the head unless it is signed already. Returns how far the seals went on."""
        before = await last_seal()
        done = before.seq if before else 0
        if seq <= done:
            return 0
        at = datetime.now(UTC)
        previous = before.digest if before else GENESIS
        key_id, sign = self.keys.signing()
        signature = sign(seal_bytes(seq, head, previous, key_id, instant_text(at)))
        seal = {"seq": seq, "head": head, "previous": previous, "key_id": key_id, "signature": signature}
        await add("audit_seal", {"id": new_id(), **seal, "sealed_at": at})
        return seq - done


async def _oldest_that_writes(now: datetime) -> datetime:
    """What becomes visible from now on is of transactions that began at this instant or later."""
    rows = await fetch(
        "SELECT MIN(xact_start) AS oldest FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_xid IS NOT NULL"
    )
    return min(now, rows[0]["oldest"] or now)
