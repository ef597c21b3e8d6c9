"""A long trail is checked in stretches, by several processes, while the hub goes on writing."""

from __future__ import annotations

import asyncio
import os
import signal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.audit import walkers
from hub.audit.actions import Entry, record_for_each, record_many
from hub.audit.checking import leaf_matches
from hub.audit.keys import Keys
from hub.audit.rules import COLUMNS, leaf_of, link_hash
from hub.audit.sealing import Sealer, last_seal
from hub.audit.verifying import verify
from hub.audit.walkers import WalkerDied
from hub.db.engine import Engine, fetch, fetch_value, is_sqlite
from hub.kernel.actor import HUB
from hub.kernel.jsontext import canonical
from tests.audit.tampering import copy_entry, drop_guards, entry_at, rehash

ROWS, EACH, STRETCH = 60, 10, 7
IN_STRETCHES = {"stretch": STRETCH, "processes": 2}
# A lone surrogate is no text: neither database keeps it.
anything = st.none() | st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
async def trail(database: Engine, keys: Keys, sealer: Sealer) -> Engine:
    """Sixty entries in six seals, of which the first three are signed with a key that was changed since."""
    for start in range(0, ROWS, EACH):
        if start == ROWS // 2:
            keys.rotate()
        await record_many(HUB, [Entry("a:b:c", "Task", f"t-{start + n}") for n in range(EACH)])
        await sealer.run_once()
    await drop_guards()
    return database


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, anything)))
def test_whatever_an_entry_holds_its_leaf_is_the_hash_of_its_canonical_json(row: dict[str, Any]) -> None:
    leaf = leaf_of(row)
    assert leaf == sha256(canonical({name: value for name, value in row.items() if value is not None})).hexdigest()
    values = [row[name] for name in COLUMNS]
    assert leaf_matches((row["id"], leaf, *values))
    values[3] = (values[3] or "") + "!"
    assert not leaf_matches((row["id"], leaf, *values))


async def test_what_several_processes_found_is_one_report(trail: Engine, keys: Keys) -> None:
    report = await verify(trail, keys, await last_seal(), **IN_STRETCHES)
    assert report == await verify(trail, keys, processes=1)
    assert (report.ok, report.rows, report.seals_checked, report.unsealed) == (True, ROWS, 6, 0)


async def test_the_first_bad_row_of_several_is_named_whoever_finds_it(trail: Engine, keys: Keys) -> None:
    for seq in (52, 40, 25, 16):
        await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(seq))
        report = await verify(trail, keys, **IN_STRETCHES)
        assert report.first_bad is not None
        assert (report.first_bad.seq, report.rows) == (seq, seq - 1)


@pytest.mark.parametrize("rows_at_a_time", [100, STRETCH, 1])
async def test_the_chain_is_walked_across_stretches(trail: Engine, keys: Keys, rows_at_a_time: int) -> None:
    """A row was put in another's place, with a good leaf and everything after it hashed anew."""
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(15))
    await rehash(15)
    bad = (await verify(trail, keys, stretch=rows_at_a_time, processes=1)).first_bad
    assert bad is not None
    assert (bad.seq, "rows 11 to 20 were written anew" in bad.what) == (11, True)


async def test_a_forged_seal_far_behind_is_named_before_a_row_after_it(trail: Engine, keys: Keys) -> None:
    await fetch("UPDATE audit_seal SET signature = {} WHERE seq = 30", "AAAA")
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(33))
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert (bad.seq, bad.what) == (21, "the seal of row 30 is not what was signed")


async def test_a_row_before_a_forged_seal_is_named_first(trail: Engine, keys: Keys) -> None:
    await fetch("UPDATE audit_seal SET signature = {} WHERE seq = 30", "AAAA")
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(12))
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert bad.seq == 12


async def test_a_place_far_away_that_was_made_up_ends_the_walk_at_the_gap(trail: Engine, keys: Keys) -> None:
    await fetch("UPDATE audit_chain SET seq = {} WHERE seq = 60", 2**60)
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert bad.seq == ROWS
    assert bad.what == "the row is gone"


async def test_an_entry_that_lies_elsewhere_on_disk_is_found_by_its_id(trail: Engine, keys: Keys) -> None:
    """As after a restore, or where transactions ended in another order than they began."""
    for seq in (5, 20, 21, 60):
        entry = await entry_at(seq)
        columns = ", ".join([*COLUMNS, "leaf"])
        await fetch(f"CREATE TABLE kept AS SELECT {columns} FROM audit_entry WHERE id = '{entry}'")
        await fetch("DELETE FROM audit_entry WHERE id = {}", entry)
        await fetch(f"INSERT INTO audit_entry ({columns}) SELECT {columns} FROM kept")
        await fetch("DROP TABLE kept")
    assert (await verify(trail, keys, **IN_STRETCHES)).ok


async def test_an_entry_that_is_there_twice_is_found(trail: Engine, keys: Keys) -> None:
    if is_sqlite():
        await fetch("ALTER TABLE audit_entry RENAME TO kept")
        await fetch("CREATE TABLE audit_entry AS SELECT * FROM kept")
        await fetch("INSERT INTO audit_entry SELECT * FROM kept WHERE id = {}", await entry_at(9))
    else:
        await fetch("ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_pkey")
        await copy_entry(await entry_at(9), await entry_at(9))
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert bad.entry == await entry_at(9)


async def test_entries_of_every_shape_are_in_order_whatever_their_texts_hold(
    database: Engine, keys: Keys, sealer: Sealer
) -> None:
    """Which columns are empty changes from row to row; texts hold what JSON escapes and what is put between them."""
    odd = ['"', "\\", "\x1f", "\n\t\r\b\f\v\x01\x7f", "é \u2028 😀", "\\u001f", "", "'", '","actor_id":"x']
    for n in range(64):
        entry = Entry(
            "a:b:c",
            "Task",
            odd[n % len(odd)] if n & 1 else None,
            member="m" if n & 2 else None,
            counterpart="p" if n & 4 else None,
            basis=odd[n % len(odd)] if n & 8 else None,
            detail={"text": odd[n % len(odd)]} if n & 16 else None,
        )
        await record_many(HUB, [entry, Entry("a:b:c", "Task")])
    await sealer.run_once()
    for stretch in (STRETCH, 1000):
        report = await verify(database, keys, stretch=stretch, processes=1)
        assert (report.first_bad, report.rows) == (None, 128)


@pytest.mark.parametrize(
    "change",
    [
        "organization = 'org'",
        "organization = ''",
        "origin = 'x'",
        "subject_id = NULL",
        "subject_id = ''",
        "actor_name = actor_name || '!'",
        "action = action || '\x1f' || actor_id, actor_id = ''",
        "subject_type = subject_type || '\x1f' || subject_id, subject_id = NULL",
        """subject_type = 'Task","subject_id":"' || subject_id, subject_id = NULL""",
        "members = '1:x'",
        "leaf = upper(leaf)",
        "leaf = ''",
    ],
)
async def test_no_column_can_be_changed_so_that_its_entry_reads_alike(trail: Engine, keys: Keys, change: str) -> None:
    """Also where what is moved from one column to the next leaves all columns put together as they were."""
    await fetch(f"UPDATE audit_entry SET {change} WHERE id = {{}}", await entry_at(18))
    for options in ({}, IN_STRETCHES):
        bad = (await verify(trail, keys, **options)).first_bad
        assert bad is not None
        assert bad.seq == 18


async def test_bytes_that_stand_for_a_text_are_a_changed_row(trail: Engine, keys: Keys) -> None:
    """Where JSON is written they would become the text that is their base64."""
    if is_sqlite():
        await fetch("UPDATE audit_entry SET subject_type = x'4dab24' WHERE id = {}", await entry_at(16))
        more = " || char(0) || 'more'"  # SQLite ends a text there, if it is asked for what is printed
    else:
        more = " || ' '"
    await fetch(f"UPDATE audit_entry SET actor_id = actor_id{more} WHERE id = {{}}", await entry_at(19))
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert bad.seq == (16 if is_sqlite() else 19)
    await fetch("UPDATE audit_entry SET subject_type = 'Task' WHERE id = {}", await entry_at(16))
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert (bad.seq, bad.what) == (19, "the entry was changed after it was written")


async def test_bytes_that_are_no_text_are_a_changed_row_and_no_crash(trail: Engine, keys: Keys) -> None:
    if is_sqlite():
        await fetch("UPDATE audit_entry SET basis = CAST(x'FF00FE' AS TEXT) WHERE id = {}", await entry_at(16))
    else:  # PostgreSQL takes no such bytes; an instant that is none it does
        await fetch("UPDATE audit_entry SET happened_at = 'infinity' WHERE id = {}", await entry_at(16))
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert (bad.seq, bad.what) == (16, "the entry was changed after it was written")


async def test_the_hub_may_write_and_seal_while_the_trail_is_checked(trail: Engine, keys: Keys, sealer: Sealer) -> None:
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            await record_many(HUB, [Entry("a:b:c", "Task") for _ in range(5)])
            await sealer.run_once()

    writing = asyncio.create_task(write())
    try:
        for _ in range(3):
            report = await verify(trail, keys, **IN_STRETCHES)
            assert report.first_bad is None
            assert report.rows >= ROWS
    finally:
        done.set()
        await writing
    assert (await verify(trail, keys)).rows == await fetch_value("SELECT COUNT(*) FROM audit_entry")


async def test_a_helper_joins_in_where_there_are_enough_rows_for_it(
    trail: Engine, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = walkers._start
    started: list[int] = []

    async def counted(address: str) -> asyncio.subprocess.Process:
        process = await start(address)
        started.append(process.pid)
        return process

    monkeypatch.setattr(walkers, "_start", counted)
    assert (await verify(trail, keys, processes=2)).ok
    assert not started, "sixty rows are checked before another process has started"
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(2))
    report = await verify(trail, keys, **IN_STRETCHES)
    assert len(started) == 1
    assert report.first_bad is not None
    assert (report.first_bad.seq, report.rows) == (2, 1), "the first stretch is the helper's"


async def test_members_beside_entries_in_any_order_on_disk_are_checked(
    trail: Engine, keys: Keys, sealer: Sealer
) -> None:
    for n in range(3):
        await record_for_each(
            HUB, Entry("fhir:task:search", "Task"), {f"m-{n}-{k}": (None, "consent") for k in range(n + 2)}
        )
    await sealer.run_once()
    entries = [await entry_at(ROWS + n) for n in (1, 2, 3)]
    columns = ", ".join([*COLUMNS, "leaf"])
    await fetch(f"CREATE TABLE kept AS SELECT {columns} FROM audit_entry WHERE id = '{entries[0]}'")
    await fetch("DELETE FROM audit_entry WHERE id = {}", entries[0])
    await fetch(f"INSERT INTO audit_entry ({columns}) SELECT {columns} FROM kept")
    await fetch("DROP TABLE kept")
    assert (await verify(trail, keys, **IN_STRETCHES)).ok
    await fetch("UPDATE audit_member SET basis = 'none' WHERE entry = {} AND member = 'm-1-2'", entries[1])
    bad = (await verify(trail, keys, **IN_STRETCHES)).first_bad
    assert bad is not None
    assert (bad.seq, bad.what) == (ROWS + 2, "one of its 3 members was changed after it was written")


async def test_an_entry_in_no_chain_is_found_where_another_is_chained_twice(trail: Engine, keys: Keys) -> None:
    """There are as many places as entries then: the counts alone would say nothing."""
    if is_sqlite():
        await fetch("CREATE TABLE kept AS SELECT * FROM audit_chain")
        await fetch("DROP TABLE audit_chain")
        await fetch("ALTER TABLE kept RENAME TO audit_chain")
    else:
        await fetch("ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_entry_key")
    twice = await entry_at(3)
    head = await fetch_value("SELECT hash FROM audit_chain WHERE seq = {}", ROWS)
    leaf = await fetch_value("SELECT leaf FROM audit_entry WHERE id = {}", twice)
    columns = ("x", ROWS + 1, twice, link_hash(head, leaf))
    await fetch("INSERT INTO audit_chain (id, seq, entry, hash) VALUES ({}, {}, {}, {})", *columns)
    await copy_entry(await entry_at(5), "forged", "recorded_at" if is_sqlite() else "recorded_at - interval '2 hours'")
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert bad.entry == "forged"


async def test_a_process_that_stops_fails_the_proof_and_does_not_pass_it(
    trail: Engine, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = walkers._start
    started: list[int] = []

    async def start_and_kill(address: str) -> asyncio.subprocess.Process:
        process = await start(address)
        started.append(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(walkers, "_start", start_and_kill)
    with pytest.raises(WalkerDied):
        await verify(trail, keys, **IN_STRETCHES)
    assert len(started) == 1


async def test_no_process_is_left_behind_however_slowly_it_ends(
    trail: Engine, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has nothing more to do ends by itself, perhaps just when all of them are told to."""
    start, end = walkers._start, walkers._end
    started: list[asyncio.subprocess.Process] = []

    async def noted(address: str) -> asyncio.subprocess.Process:
        started.append(await start(address))
        return started[-1]

    async def slowly(starting: asyncio.Future[asyncio.subprocess.Process]) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await end(starting)

    monkeypatch.setattr(walkers, "_start", noted)
    monkeypatch.setattr(walkers, "_end", slowly)
    assert (await verify(trail, keys, **IN_STRETCHES)).first_bad is None
    assert started and all(process.returncode is not None for process in started)
