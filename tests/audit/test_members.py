"""One act on the data of several members: one entry, its members beside it, and none of them can be touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.audit.actions import Entry, record, record_for_each
from hub.audit.keys import Keys
from hub.audit.rules import members_digest
from hub.audit.sealing import Sealer
from hub.audit.verifying import verify
from hub.db.engine import Engine, fetch, fetch_value, is_sqlite
from hub.db.transaction import unit_of_work
from hub.kernel.actor import HUB
from tests.audit.tampering import drop_guards, entry_at

SEARCH = Entry("fhir:task:search-type", "Task", detail={"query": "_count=20"})
PAGE = {f"m-{n}": ("plan", f"consent c-{n}") for n in range(20)} | {"m-20": (None, None)}
AT = 4  # where the trail's page stands


@pytest.fixture
async def trail(database: Engine, keys: Keys, sealer: Sealer) -> Engine:
    """Three entries, a page, and three more; the guards are gone."""
    for n in range(3):
        await record(HUB, Entry("a:b:c", "Task", f"t-{n}", member="m-1"))
    await record_for_each(HUB, SEARCH, PAGE)
    for n in range(3):
        await record(HUB, Entry("a:b:c", "Task", f"t-{3 + n}"))
    await sealer.run_once()
    await drop_guards()
    return database


async def _counts() -> tuple[int, int]:
    return (
        await fetch_value("SELECT COUNT(*) FROM audit_entry"),
        await fetch_value("SELECT COUNT(*) FROM audit_member"),
    )


async def test_a_page_is_one_entry_with_its_members_beside_it(database: Engine, keys: Keys, sealer: Sealer) -> None:
    await record_for_each(HUB, SEARCH, PAGE)
    entries = await fetch("SELECT id, member, counterpart, basis, members, happened_at FROM audit_entry")
    assert [(row["member"], row["counterpart"], row["basis"]) for row in entries] == [(None, None, None)]
    rows = await fetch("SELECT entry, member, counterpart, basis, happened_at FROM audit_member")
    assert {row["member"]: (row["counterpart"], row["basis"]) for row in rows} == PAGE
    assert {row["entry"] for row in rows} == {entries[0]["id"]}
    assert {row["happened_at"] for row in rows} == {entries[0]["happened_at"]}
    assert entries[0]["members"].startswith("21:")
    await sealer.run_once()
    report = await verify(database, keys)
    assert (report.first_bad, report.rows, report.unsealed) == (None, 1, 0)


async def test_an_act_on_one_members_data_is_one_entry_with_the_member_in_it(database: Engine) -> None:
    await record_for_each(HUB, SEARCH, {"m-1": ("plan", "own record")})
    await record_for_each(HUB, SEARCH, {})
    rows = await fetch("SELECT member, counterpart, basis, members FROM audit_entry")
    assert [tuple(row.values()) for row in rows] == [("m-1", "plan", "own record", None)]
    assert await _counts() == (1, 0)


async def test_what_was_refused_of_several_is_an_entry_for_each(database: Engine) -> None:
    """Reports count refusals by their entries."""
    await record_for_each(HUB, Entry("fhir:task:read", "Task", outcome="refused"), dict(list(PAGE.items())[:3]))
    assert await _counts() == (3, 0)


async def test_what_is_rolled_back_leaves_no_members_either(database: Engine) -> None:
    @unit_of_work
    async def breaks() -> None:
        await record_for_each(HUB, SEARCH, PAGE)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await breaks()
    assert await _counts() == (0, 0)


async def test_members_are_only_ever_added(database: Engine) -> None:
    await record_for_each(HUB, SEARCH, PAGE)
    for statement in ("UPDATE audit_member SET basis = 'x'", "DELETE FROM audit_member"):
        with pytest.raises(Exception, match="only ever added to"):
            await fetch(statement)


def test_the_digest_does_not_depend_on_the_order_in_which_the_rows_are_read() -> None:
    rows: list[Any] = [(member, *side, "2026") for member, side in PAGE.items()]
    assert members_digest(rows) == members_digest(rows[::-1])
    assert members_digest(rows) != members_digest(rows[1:])
    assert members_digest([]) is None


async def flip_basis() -> None:
    await fetch("UPDATE audit_member SET basis = 'own record' WHERE member = 'm-7'")


async def flip_counterpart() -> None:
    await fetch("UPDATE audit_member SET counterpart = NULL WHERE member = 'm-7'")


async def flip_member() -> None:
    await fetch("UPDATE audit_member SET member = 'm-x' WHERE member = 'm-7'")


async def flip_time() -> None:
    later = "'2030-01-01 00:00:00.000000+00:00'"
    await fetch(f"UPDATE audit_member SET happened_at = {later} WHERE member = 'm-7'")


async def delete() -> None:
    await fetch("DELETE FROM audit_member WHERE member = 'm-7'")


async def delete_all() -> None:
    await fetch("DELETE FROM audit_member")


async def insert() -> None:
    await _put_in(await entry_at(AT))


async def _put_in(entry: str) -> None:
    await fetch(
        "INSERT INTO audit_member (entry, member, happened_at) SELECT {}, 'm-x', happened_at FROM audit_entry"
        " WHERE id = {}",
        entry,
        await entry_at(AT),
    )


async def move() -> None:
    await fetch("UPDATE audit_member SET entry = {} WHERE member = 'm-7'", await entry_at(6))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (flip_basis, "one of its 21 members was changed"),
        (flip_counterpart, "one of its 21 members was changed"),
        (flip_member, "one of its 21 members was changed"),
        (flip_time, "one of its 21 members was changed"),
        (delete, "of its 21 members 20 are there"),
        (delete_all, "of its 21 members 0 are there"),
        (insert, "of its 21 members 22 are there"),
        (move, "of its 21 members 20 are there"),
    ],
)
async def test_a_member_that_was_touched_is_named_by_its_entry(
    trail: Engine, keys: Keys, tamper: Callable[[], Awaitable[None]], words: str
) -> None:
    assert (await verify(trail, keys)).ok
    await tamper()
    for rows_at_a_time in (100, 1):
        report = await verify(trail, keys, stretch=rows_at_a_time, processes=1)
        assert report.first_bad is not None
        assert (report.first_bad.seq, report.first_bad.entry) == (AT, await entry_at(AT))
        assert words in report.first_bad.what


async def test_a_member_put_beside_an_entry_that_knows_of_none_is_found(trail: Engine, keys: Keys) -> None:
    await _put_in(await entry_at(2))
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert (bad.seq, bad.entry) == (2, await entry_at(2))
    assert "knows of none" in bad.what


async def test_members_of_an_entry_that_never_was_are_found(trail: Engine, keys: Keys) -> None:
    await _put_in("never")
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert (bad.seq, bad.entry) == (None, "never")


async def test_a_digest_written_anew_does_not_match_the_leaf(trail: Engine, keys: Keys) -> None:
    await delete_all()
    await fetch("UPDATE audit_entry SET members = NULL WHERE id = {}", await entry_at(AT))
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert (bad.seq, "was changed" in bad.what) == (AT, True)


async def test_bytes_that_are_no_text_beside_an_entry_are_a_change_and_no_crash(trail: Engine, keys: Keys) -> None:
    if is_sqlite():
        await fetch("UPDATE audit_member SET basis = CAST(x'FF00FE' AS TEXT) WHERE member = 'm-7'")
    else:
        await fetch("UPDATE audit_member SET happened_at = 'infinity' WHERE member = 'm-7'")
    bad = (await verify(trail, keys)).first_bad
    assert bad is not None
    assert (bad.seq, "members was changed" in bad.what) == (AT, True)


async def test_a_trail_from_before_members_stood_beside_entries_keeps_its_proof(
    database: Engine, keys: Keys, sealer: Sealer
) -> None:
    """As a copy of then has it: without the table and without the column."""
    for n in range(5):
        await record(HUB, Entry("a:b:c", "Task", f"t-{n}", member="m-1", basis="own record"))
    await sealer.run_once()
    await drop_guards()
    await fetch("DROP TABLE audit_member")
    await fetch("ALTER TABLE audit_entry DROP COLUMN members")
    report = await verify(database, keys)
    assert (report.first_bad, report.rows) == (None, 5)
    await fetch("UPDATE audit_entry SET basis = 'x' WHERE id = {}", await entry_at(2))
    bad = (await verify(database, keys)).first_bad
    assert bad is not None
    assert bad.seq == 2


async def test_a_member_is_beside_an_entry_once(database: Engine) -> None:
    await record_for_each(HUB, SEARCH, PAGE)
    kept = (await fetch("SELECT entry FROM audit_member WHERE member = 'm-1'"))[0]["entry"]
    with pytest.raises(Exception, match=r"(?i)unique"):
        await fetch(
            "INSERT INTO audit_member (entry, member, happened_at) SELECT {}, 'm-1', happened_at"
            " FROM audit_entry WHERE id = {}",
            kept,
            kept,
        )
