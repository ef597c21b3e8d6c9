"""The sealer: gives entries their place in the chain (PostgreSQL) and signs the chain's head (both databases).

One worker seals at a time, elected by a lease row. Its number (`fencing`) grows with each change of holder and is
checked, under a row lock, in the transaction that seals: a worker that was asleep past its lease cannot go on. What two
sealers could still do at once, the unique indexes on `seq` and `entry` forbid.

Entries are chained in the order in which they become visible, within one round by (recorded_at, id). A round looks at
the last quarter of an hour; every ten minutes, and when the lease changes hands, one looks at everything, so that no
entry of a transaction however long is skipped for ever.

What is deleted between its commit and its seal (about a second) cannot be noticed on PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.audit.keys import Keys
from hub.audit.rules import GENESIS, instant_text, link_hash, seal_bytes, seal_digest
from hub.audit.tables import AuditChain, AuditSeal
from hub.db.engine import fetch, is_sqlite
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.ids import new_id

LEASE = timedelta(seconds=10)
RECENT = timedelta(minutes=15)
SWEEP_EVERY = timedelta(minutes=10)
_ROUND = 2000
_LEASE_ROW = "sealer"
_NO_SEAL = GENESIS


class LostLease(Exception):
    """Another worker seals now."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A signed head: what `hub audit head` prints and what can be kept elsewhere."""

    seq: int
    head: str
    previous: str
    key_id: str
    sealed_at: str
    signature: str

    @property
    def signed(self) -> bytes:
        return seal_bytes(self.seq, self.head, self.previous, self.key_id, self.sealed_at)

    @property
    def digest(self) -> str:
        return seal_digest(self.signed, self.signature)


def seal_of(row: dict[str, Any]) -> Seal:
    """From a row, with its time as an instant or as text."""
    at = row["sealed_at"]
    return Seal(
        row["seq"],
        row["head"],
        row["previous"],
        row["key_id"],
        instant_text(at) if isinstance(at, datetime) else at,
        row["signature"],
    )


async def last_seal() -> Seal | None:
    rows = await AuditSeal.select().order_by(AuditSeal.seq, ascending=False).limit(1)
    return seal_of(rows[0]) if rows else None


class Sealer:
    """Call `run_once` at least once a second and `close` at shutdown."""

    def __init__(self, keys: Keys, holder: str | None = None) -> None:
        self.keys = keys
        self.holder = holder or new_id()
        self._fencing = -1
        self._held_until: datetime | None = None
        self._swept_at: datetime | None = None

    async def run_once(self) -> int:
        """Chain and sign what is there. Returns how many entries got their seal; 0 too where another worker seals."""
        if is_sqlite():
            # The writer is alone and chains: no election is needed, and no write where nothing is new.
            unsigned = await fetch(
                "SELECT 1 FROM audit_chain WHERE seq > (SELECT COALESCE(MAX(seq), 0) FROM audit_seal) LIMIT 1"
            )
            return await self._sign_head() if unsigned else 0
        if not await self._elected():
            return 0
        sealed = 0
        while True:
            sweep = self._swept_at is None or clock.now() - self._swept_at >= SWEEP_EVERY
            try:
                count = await self._round(sweep)
            except LostLease:
                self._held_until = None
                return sealed
            sealed += count
            if count < _ROUND:
                if sweep:
                    self._swept_at = clock.now()
                return sealed
            await self._elected()

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
        if self._held_until is not None and self._held_until - now > LEASE / 2:
            return True
        if self._held_until is None:
            await fetch(
                "INSERT INTO audit_lease (id, holder, until, fencing) VALUES ({}, '', {}, 0) "
                "ON CONFLICT (id) DO NOTHING",
                _LEASE_ROW,
                datetime(2000, 1, 1, tzinfo=UTC),
            )
        rows = await fetch(
            "UPDATE audit_lease SET fencing = fencing + CASE WHEN holder = {} THEN 0 ELSE 1 END, "
            "holder = {}, until = {} WHERE id = {} AND (holder = {} OR until <= {}) RETURNING fencing",
            self.holder,
            self.holder,
            now + LEASE,
            _LEASE_ROW,
            self.holder,
            now,
        )
        if not rows:
            self._held_until = None
            return False
        if rows[0]["fencing"] != self._fencing:
            self._fencing, self._swept_at = rows[0]["fencing"], None
        self._held_until = now + LEASE
        return True

    @unit_of_work
    async def _round(self, sweep: bool) -> int:
        lease = await fetch("SELECT holder, fencing FROM audit_lease WHERE id = {} FOR UPDATE", _LEASE_ROW)
        if not lease or (lease[0]["holder"], lease[0]["fencing"]) != (self.holder, self._fencing):
            raise LostLease
        found = await fetch(
            "SELECT c.seq, c.hash, e.recorded_at FROM audit_chain c LEFT JOIN audit_entry e ON e.id = c.entry "
            "ORDER BY c.seq DESC LIMIT 1"
        )
        seq, head = (found[0]["seq"], found[0]["hash"]) if found else (0, GENESIS)
        newest = found[0]["recorded_at"] if found else None
        since = datetime(2000, 1, 1, tzinfo=UTC) if sweep or newest is None else newest - RECENT
        waiting = await fetch(
            "SELECT e.id, e.leaf FROM audit_entry e WHERE e.recorded_at >= {} "
            "AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry = e.id) "
            "ORDER BY e.recorded_at, e.id LIMIT {}",
            since,
            _ROUND,
        )
        links = []
        for row in waiting:
            seq, head = seq + 1, link_hash(head, row["leaf"])
            links.append(AuditChain(seq=seq, entry=row["id"], hash=head))
        if links:
            await AuditChain.insert(*links)
        await self._sign(seq, head)
        return len(links)

    @unit_of_work
    async def _sign_head(self) -> int:
        found = await fetch("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1")
        return await self._sign(found[0]["seq"], found[0]["hash"]) if found else 0

    async def _sign(self, seq: int, head: str) -> int:
        """Sign the head unless it is signed already. Returns how far the seals went on."""
        before = await last_seal()
        done = before.seq if before else 0
        if seq <= done:
            return 0
        at = datetime.now(UTC)
        previous = before.digest if before else _NO_SEAL
        key_id = self.keys.key_id
        signature = self.keys.sign(seal_bytes(seq, head, previous, key_id, instant_text(at)))
        await AuditSeal.insert(
            AuditSeal(seq=seq, head=head, previous=previous, key_id=key_id, signature=signature, sealed_at=at)
        )
        return seq - done
