"""Every way of tampering is found, and the first bad row named."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.audit.actions import Entry, record, record_many
from hub.audit.cli import audit
from hub.audit.keys import Keys
from hub.audit.sealing import Sealer, last_seal
from hub.audit.verifying import address_of, verify
from hub.db.engine import Engine, bind, fetch, is_sqlite
from hub.kernel.actor import HUB
from hub.kernel.errors import Refusal
from tests.audit.tampering import copy_entry, drop_guards, entry_at, rehash

ROWS, SEALED_AT = 20, 10
READ = Entry("a:b:c", "Task", "t-1")


@pytest.fixture
async def trail(database: Engine, keys: Keys, sealer: Sealer) -> Engine:
    """Twenty entries; seals at the tenth and the twentieth; the guards are gone."""
    for start in (0, SEALED_AT):
        await record_many(HUB, [Entry("a:b:c", "Task", f"t-{start + n}") for n in range(SEALED_AT)])
        await sealer.run_once()
    await drop_guards()
    return database


async def flip() -> None:
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(7))


async def flip_with_its_leaf() -> None:
    entry = await entry_at(7)
    await flip()
    await fetch("UPDATE audit_entry SET leaf = {} WHERE id = {}", "0" * 64, entry)


async def flip_hash() -> None:
    await fetch("UPDATE audit_chain SET hash = {} WHERE seq = 7", "0" * 64)


async def delete_entry() -> None:
    await fetch("DELETE FROM audit_entry WHERE id = {}", await entry_at(7))


async def delete_row() -> None:
    await delete_entry()
    await fetch("DELETE FROM audit_chain WHERE seq = 7")


async def close_the_gap() -> None:
    await delete_row()
    for seq in range(8, ROWS + 1):
        await fetch("UPDATE audit_chain SET seq = {} WHERE seq = {}", seq - 1, seq)


async def swap() -> None:
    one, other = await entry_at(7), await entry_at(8)
    await fetch("UPDATE audit_chain SET entry = 'x' WHERE seq = 7")
    await fetch("UPDATE audit_chain SET entry = {} WHERE seq = 8", one)
    await fetch("UPDATE audit_chain SET entry = {} WHERE seq = 7", other)


async def insert() -> None:
    for seq in range(ROWS, 6, -1):
        await fetch("UPDATE audit_chain SET seq = {} WHERE seq = {}", seq + 1, seq)
    await copy_entry(await entry_at(3), "forged")
    await fetch("INSERT INTO audit_chain (id, seq, entry, hash) VALUES ('x', 7, 'forged', {})", "0" * 64)


@pytest.mark.parametrize(
    "tamper", [flip, flip_with_its_leaf, flip_hash, delete_entry, delete_row, close_the_gap, swap, insert]
)
async def test_a_row_that_was_touched_is_named(
    trail: Engine, keys: Keys, tamper: Callable[[], Awaitable[None]]
) -> None:
    assert (await verify(trail, keys)).ok
    await tamper()
    for rows_at_a_time in (100, 7, 3, 1):
        report = await verify(trail, keys, stretch=rows_at_a_time, processes=1)
        assert report.first_bad is not None
        assert (report.first_bad.seq, report.rows) == (7, 6)


async def test_a_changed_entry_is_named_by_its_id(trail: Engine, keys: Keys) -> None:
    await flip()
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert bad.entry == await entry_at(7)
    assert "was changed" in bad.what


async def test_rows_written_anew_with_all_their_hashes_do_not_match_the_seal(trail: Engine, keys: Keys) -> None:
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(17))
    await rehash(17)
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert bad.seq == SEALED_AT + 1, "the first row after the last good seal"
    assert "written anew" in bad.what


async def test_a_forged_seal_is_found_by_its_signature(trail: Engine, keys: Keys) -> None:
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(17))
    await rehash(17)
    await fetch(f"UPDATE audit_seal SET head = (SELECT hash FROM audit_chain WHERE seq = {ROWS}) WHERE seq = {ROWS}")
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert bad.seq == SEALED_AT + 1
    assert "not what was signed" in bad.what


async def test_seals_of_another_key_are_not_believed(trail: Engine, tmp_path: Path) -> None:
    bad = (await verify(trail, Keys(tmp_path / "elsewhere"))).first_bad
    assert bad is not None
    assert bad.seq == 1
    assert "not known here" in bad.what


async def test_a_seal_taken_out_is_missed(trail: Engine, keys: Keys) -> None:
    await fetch(f"DELETE FROM audit_seal WHERE seq = {SEALED_AT}")
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert bad.seq == 1
    assert "is gone" in bad.what


async def test_a_tail_cut_off_is_found_by_the_last_seal(trail: Engine, keys: Keys) -> None:
    await fetch("DELETE FROM audit_entry WHERE id IN (SELECT entry FROM audit_chain WHERE seq > 15)")
    await fetch("DELETE FROM audit_chain WHERE seq > 15")
    report = await verify(trail, keys)
    assert report.first_bad is not None
    assert (report.first_bad.seq, report.rows) == (16, 15)
    assert "are gone" in report.first_bad.what


async def test_a_tail_cut_off_with_its_seals_is_found_by_a_head_kept_elsewhere(trail: Engine, keys: Keys) -> None:
    outside = await last_seal()
    assert outside is not None
    assert (await verify(trail, keys, outside)).ok
    await fetch(f"DELETE FROM audit_entry WHERE id IN (SELECT entry FROM audit_chain WHERE seq > {SEALED_AT})")
    await fetch(f"DELETE FROM audit_chain WHERE seq > {SEALED_AT}")
    await fetch(f"DELETE FROM audit_seal WHERE seq > {SEALED_AT}")
    assert (await verify(trail, keys)).ok, "from the inside nothing is to be seen"
    bad = (await verify(trail, keys, outside)).first_bad
    assert bad is not None
    assert bad.seq == SEALED_AT + 1
    forged = (await verify(trail, keys, replace(outside, seq=5))).first_bad
    assert forged is not None
    assert "not signed" in forged.what


async def test_a_tail_written_anew_and_sealed_anew_is_found_by_a_head_kept_elsewhere(
    trail: Engine, keys: Keys, sealer: Sealer
) -> None:
    outside = await last_seal()
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(17))
    await rehash(17)
    await fetch(f"DELETE FROM audit_seal WHERE seq > {SEALED_AT}")
    await sealer.run_once()
    assert (await verify(trail, keys)).ok, "who holds the key can sign anything"
    bad = (await verify(trail, keys, outside)).first_bad
    assert bad is not None
    assert bad.seq is not None
    assert bad.seq > SEALED_AT


async def test_an_entry_put_in_by_hand_is_found(trail: Engine, keys: Keys) -> None:
    old = "recorded_at" if is_sqlite() else "recorded_at - interval '2 hours'"
    await copy_entry(await entry_at(3), "forged", old)
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert (bad.seq, bad.entry) == (None, "forged")


async def test_entries_that_wait_for_their_seal_are_counted(database: Engine, keys: Keys) -> None:
    await record_many(HUB, [Entry("a:b:c", "Task") for _ in range(3)])
    report = await verify(database, keys)
    assert (report.first_bad, report.unsealed) == (None, 3)


async def test_an_empty_trail_is_whole(database: Engine, keys: Keys) -> None:
    assert (await verify(database, keys)).ok


async def test_the_command_says_so_in_words_and_by_its_exit_code(
    trail: Engine, keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = address_of(trail)
    seal = await last_seal()
    assert seal is not None
    head = tmp_path / "head.json"
    head.write_text(json.dumps({name: getattr(seal, name) for name in seal.__slots__}))
    good = await _run("verify", "--database-url", url, "--keys", str(keys.folder), "--head", str(head))
    assert good[0] == 0, good[1]
    assert "20 rows" in good[1]
    assert "The trail is whole" in good[1]
    await flip()
    code, words = await _run("verify", "--database-url", url, "--keys", str(keys.folder))
    assert code == 1
    assert f"row 7 (entry {await entry_at(7)})" in words


async def test_a_head_that_the_command_printed_outlives_a_new_key_and_uncovers_a_tail_hashed_anew(
    database: Engine, keys: Keys, tmp_path: Path
) -> None:
    url = address_of(database)
    of_keys, kept = ("--keys", str(keys.folder)), tmp_path / "head.json"

    async def head() -> tuple[int, str]:
        done = await _run("head", "--database-url", url, *of_keys)
        bind(database)  # the command had one of its own
        return done

    async def verified() -> tuple[int, str]:
        return await _run("verify", "--database-url", url, *of_keys, "--head", str(kept))

    code, words = await head()
    assert (code, "holds no entry yet" in words) == (1, True)
    await record_many(HUB, [READ] * SEALED_AT)
    code, words = await head()
    assert code == 0, words
    kept.write_text(words)
    first = json.loads(words)
    assert (first["seq"], first["key_id"]) == (SEALED_AT, keys.key_id), "it seals what waits before it prints"

    await record_many(HUB, [READ] * 3)
    code, words = await _run("rotate-key", *of_keys)
    assert code == 0, words
    assert keys.key_id in words and keys.key_id != first["key_id"]
    await record_many(HUB, [READ] * 2)
    second = json.loads((await head())[1])
    assert (second["seq"], second["key_id"]) == (SEALED_AT + 5, keys.key_id), "signed with the new key"
    code, words = await verified()
    assert code == 0, words
    assert f"{SEALED_AT + 5} rows" in words and "The trail is whole" in words and "not sealed" not in words

    await drop_guards()
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", await entry_at(7))
    await rehash(7)
    await fetch("DELETE FROM audit_seal")
    await record(HUB, READ)
    assert json.loads((await head())[1])["seq"] == SEALED_AT + 6
    assert (await verify(database, keys)).ok, "who holds the key can sign anything"
    code, words = await verified()
    assert code == 1
    assert "THE TRAIL IS NOT WHOLE" in words
    assert f"rows 1 to {SEALED_AT} were written anew" in words


async def _run(*arguments: str) -> tuple[int, str]:
    """The command runs a loop of its own, so it runs in a thread."""
    import asyncio

    result = await asyncio.to_thread(CliRunner().invoke, audit, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit | Refusal):
        raise result.exception
    return result.exit_code, result.output
