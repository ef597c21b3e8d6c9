"""Who seals, with which key, and what happens when that worker is killed."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub.audit import sealing
from hub.audit.actions import Entry, record, record_many
from hub.audit.keys import Keys
from hub.audit.rules import COLUMNS, leaf_of
from hub.audit.sealing import LEASE, Sealer, last_seal
from hub.audit.tables import AuditEntry
from hub.audit.verifying import address_of, verify
from hub.db.engine import Engine, fetch, fetch_value
from hub.kernel import clock
from hub.kernel.actor import HUB

POSTGRES_ONLY = pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])
READ = Entry("referrals:task:read", "Task", "t-1", basis="closed loop")
PATIENCE = 60


class Processes:
    """Two sealers in processes of their own, on one database."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []

    async def start(self, database: Engine, keys: Keys, seconds_of_lease: int) -> None:
        arguments = (address_of(database), str(keys.folder), f"holder-{len(self._processes)}", str(seconds_of_lease))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.audit.sealing_process", *arguments, stdout=asyncio.subprocess.PIPE
        )
        self._readers.append(asyncio.create_task(self._read(len(self._processes), process)))
        self._processes.append(process)

    async def _read(self, number: int, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := (await process.stdout.readline()).decode().strip():
            self._said.put_nowait((number, line))

    async def who_says(self, words: str) -> int:
        """Wait until one of them says this; which one it was."""
        async with asyncio.timeout(PATIENCE):
            while True:
                number, line = await self._said.get()
                if line == words:
                    return number

    async def end(self, number: int, sign: int) -> int:
        process = self._processes[number]
        if process.returncode is None:
            process.send_signal(sign)
        await self._readers[number]
        return await process.wait()


@pytest.fixture
def seconds_of_lease() -> int:
    return 2


@pytest.fixture
async def two(database: Engine, keys: Keys, seconds_of_lease: int) -> AsyncIterator[Processes]:
    both = Processes()
    for _ in range(2):
        await both.start(database, keys, seconds_of_lease)
    for _ in range(2):
        await both.who_says("ready")
    yield both
    for number in range(2):
        await both.end(number, signal.SIGKILL)


async def _all_sealed() -> bool:
    seal = await last_seal()
    return seal is not None and seal.seq == await fetch_value("SELECT COUNT(*) FROM audit_entry")


async def test_when_the_process_that_seals_is_killed_the_other_goes_on(
    database: Engine, keys: Keys, two: Processes
) -> None:
    await record_many(HUB, [READ] * 3)
    sealing_now = await two.who_says("sealed 3")
    assert await two.end(sealing_now, signal.SIGKILL) == -signal.SIGKILL
    await record_many(HUB, [READ] * 4)
    heir = await two.who_says("sealed 4")  # when the lease of the one that was killed is over
    assert heir != sealing_now
    assert await _all_sealed()
    await record(HUB, READ)
    assert await two.end(heir, signal.SIGTERM) == 0
    assert await _all_sealed(), "what was recorded before it was told to stop is sealed"
    report = await verify(database, keys)
    assert (report.first_bad, report.rows, report.unsealed) == (None, 8, 0)


@POSTGRES_ONLY
@pytest.mark.parametrize("seconds_of_lease", [3600])
async def test_one_that_is_told_to_stop_hands_the_lease_on_before_it_is_over(
    database: Engine, keys: Keys, two: Processes
) -> None:
    await record(HUB, READ)
    sealing_now = await two.who_says("sealed 1")
    assert await two.end(sealing_now, signal.SIGTERM) == 0
    await record(HUB, READ)
    assert await two.who_says("sealed 1") != sealing_now, "long before the lease is over"
    assert await fetch_value("SELECT fencing FROM audit_lease") == 2


async def test_two_sealers_at_once_make_one_chain(database: Engine, keys: Keys) -> None:
    one, other = Sealer(keys), Sealer(keys)
    for round_ in range(4):
        for n in range(5):
            await record(HUB, Entry("a:b:c", "Task", f"{round_}-{n}"))
        await asyncio.gather(one.run_once(), other.run_once(), one.run_once())
    report = await verify(database, keys)
    assert (report.first_bad, report.rows, report.unsealed, report.seals_checked) == (None, 20, 0, 4)


@POSTGRES_ONLY  # on SQLite the writer chains, and nobody is elected
async def test_a_sealer_that_died_is_followed_when_its_lease_is_over(database: Engine, keys: Keys) -> None:
    dead, heir = Sealer(keys), Sealer(keys)
    await record(HUB, READ)
    assert await dead.run_once() == 1
    await record(HUB, READ)
    assert await heir.run_once() == 0
    with clock.set_to(clock.now() + LEASE):
        assert await heir.run_once() == 1
        await record(HUB, READ)
        # The one believed dead wakes up: its number is too old, although it believes that it holds the lease.
        dead._held_until = clock.now() + LEASE
        assert await dead.run_once() == 0
        assert await heir.run_once() == 1
    await heir.close()
    assert (await verify(database, keys)).ok


async def _write_by_hand(connection: Any, row: dict[str, Any]) -> None:
    row = {**row, "leaf": leaf_of(row)}
    names = [*COLUMNS, "leaf"]
    places = ", ".join(f"${n + 1}" for n in range(len(names)))
    await connection.execute(
        f"INSERT INTO audit_entry ({', '.join(names)}) VALUES ({places})", *[row[name] for name in names]
    )


@POSTGRES_ONLY
async def test_an_entry_of_a_transaction_that_was_long_open_is_chained_by_the_next_round(
    database: Engine, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "NEAR", timedelta())
    monkeypatch.setattr(sealing, "FAR", timedelta())
    await record(HUB, READ)
    row = (await AuditEntry.select())[0]
    slow = await asyncpg.connect(database.url)  # type: ignore[union-attr]
    transaction = slow.transaction()
    await transaction.start()
    await _write_by_hand(slow, {**row, "id": "late", "recorded_at": datetime.now(UTC)})
    for _ in range(3):
        await record(HUB, READ)
        assert await sealer.run_once() >= 1
    assert await sealer.run_once() == 0
    await transaction.commit()
    await slow.close()
    assert await sealer.run_once() == 1
    assert await fetch_value("SELECT entry FROM audit_chain WHERE seq = 5") == "late"


@POSTGRES_ONLY
async def test_what_every_round_passed_by_is_chained_by_a_sweep(database: Engine, keys: Keys, sealer: Sealer) -> None:
    await record(HUB, READ)
    await sealer.run_once()
    row = (await AuditEntry.select())[0]
    forgotten = await asyncpg.connect(database.url)  # type: ignore[union-attr]
    await _write_by_hand(forgotten, {**row, "id": "late", "recorded_at": datetime(2026, 1, 1, tzinfo=UTC)})
    await forgotten.close()
    assert await sealer.run_once() == 0
    assert await Sealer(keys).sweep() == 0, "another seals"
    assert await sealer.sweep() == 1
    assert await sealer.sweep() == 0
    assert await fetch_value("SELECT entry FROM audit_chain WHERE seq = 2") == "late"
    assert (await verify(database, keys)).unsealed == 0


async def test_more_than_one_round_holds_is_sealed_in_several(
    database: Engine, keys: Keys, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_ROUND", 10)
    await record_many(HUB, [READ] * 35)
    assert await sealer.run_once() == 35
    report = await verify(database, keys)
    assert (report.first_bad, report.rows, report.unsealed) == (None, 35, 0)


async def test_closing_seals_what_is_left(database: Engine, keys: Keys, sealer: Sealer) -> None:
    await record(HUB, READ)
    await sealer.close()
    seal = await last_seal()
    assert seal is not None
    assert seal.seq == 1
    assert keys.check(seal.key_id, seal.signed, seal.signature)
    assert await sealer.run_once() == 0, "nothing new, no new seal"


async def test_the_key_is_for_its_owner_only_and_never_in_the_database(
    database: Engine, keys: Keys, sealer: Sealer
) -> None:
    await record(HUB, READ)
    await sealer.run_once()
    private: Path = keys.folder / "audit.key"
    assert private.stat().st_mode & 0o777 == 0o600
    assert not re.search("PRIVATE", str(await fetch("SELECT * FROM audit_seal")))


async def test_a_new_key_signs_from_the_next_seal_on_without_a_restart(
    database: Engine, keys: Keys, sealer: Sealer
) -> None:
    await record(HUB, READ)
    await sealer.run_once()
    old, new = keys.key_id, Keys(keys.folder).rotate()  # as the command does, in another process
    assert old != new
    await record(HUB, READ)
    await sealer.run_once()
    assert [row["key_id"] for row in await fetch("SELECT key_id FROM audit_seal ORDER BY seq")] == [old, new]
    report = await verify(database, Keys(keys.folder))
    assert (report.first_bad, report.seals_checked) == (None, 2)
    assert sorted(path.name for path in keys.folder.iterdir()) == sorted(
        ["audit.key", f"audit-{old}.pub", f"audit-{new}.pub"]
    )


async def test_many_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    many = [Keys(tmp_path / "keys") for _ in range(8)]
    ids = await asyncio.gather(*[asyncio.to_thread(lambda each=each: each.key_id) for each in many])
    assert len(set(ids)) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 2, "one private, one public"
