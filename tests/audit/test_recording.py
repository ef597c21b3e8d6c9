"""What is written, in which transaction, and how it is chained."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.audit.actions import Entry, Pending, record, record_many, record_pending
from hub.audit.keys import Keys
from hub.audit.rules import COLUMNS, Leaf, encode_leaf, instant_text, leaf_of
from hub.audit.sealing import Sealer
from hub.audit.tables import AuditEntry
from hub.audit.verifying import verify
from hub.db.engine import Engine, fetch, fetch_value
from hub.db.transaction import on_refusal, unit_of_work
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.errors import Forbidden
from hub.kernel.jsontext import canonical

POSTGRES_ONLY = pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])
READ = Entry("referrals:task:read", "Task", "t-1", basis="closed loop", detail={"b": 1, "a": "ü"})


@pytest.fixture
def refusals_are_recorded() -> Any:
    on_refusal(record_pending)
    yield
    on_refusal(None)  # type: ignore[arg-type]


def test_the_bytes_of_a_leaf_are_the_canonical_json_of_the_columns_that_hold_something() -> None:
    assert list(COLUMNS) == sorted(COLUMNS)
    every = {column._meta.name for column in AuditEntry._meta.columns}
    assert set(COLUMNS) == every - {"leaf"}, "a new column is hashed, with nothing as its value in old rows"
    values: dict[str, str | None] = dict.fromkeys(COLUMNS)
    values |= {"id": "x", "action": "a:b:c", "actor_name": "Søren “S” \u2028 Ñ", "recorded_at": "2026"}
    filled = {name: value for name, value in values.items() if value is not None}
    assert encode_leaf(Leaf(**values)) == canonical(filled)


async def test_an_entry_read_back_hashes_to_its_leaf(database: Engine, keys: Keys, sealer: Sealer) -> None:
    whole = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)  # no microseconds: both databases must still give the same text
    odd = Entry("a:b:c", "Task", "x" * 200, member="m", basis='NUL \x00, quote ", \\, 漢字, \U0001f600')
    with clock.set_to(whole):
        await record(HUB.in_request("r-1", "10.0.0.1"), odd)
    row = (await AuditEntry.select())[0]
    assert row["leaf"] == leaf_of(row)
    assert instant_text(row["happened_at"]) == "2026-01-02 03:04:05.000000+00:00"
    await sealer.run_once()
    assert (await verify(database, keys)).rows == 1


def test_an_action_is_a_tag_of_three_words() -> None:
    with pytest.raises(ValueError, match="not a tag"):
        Entry("Read the task", "Task")
    with pytest.raises(ValueError, match="not one of"):
        Entry("a:b:c", "Task", outcome="maybe")


async def test_what_is_rolled_back_leaves_no_entry(database: Engine) -> None:
    @unit_of_work
    async def breaks() -> None:
        await record(HUB, READ)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await breaks()
    assert await fetch_value("SELECT COUNT(*) FROM audit_entry") == 0


async def test_the_entry_of_a_refusal_survives_the_rollback(database: Engine, refusals_are_recorded: None) -> None:
    @unit_of_work
    async def refuses() -> None:
        await record(HUB, READ)
        raise Forbidden("No.", audit=Pending(HUB, Entry("consent:decision:refuse", "Task", basis="no consent")))

    with pytest.raises(Forbidden):
        await refuses()
    rows = await fetch("SELECT action, outcome FROM audit_entry")
    assert [(row["action"], row["outcome"]) for row in rows] == [("consent:decision:refuse", "refused")]


async def test_the_trail_is_only_ever_added_to(database: Engine, sealer: Sealer) -> None:
    await record(HUB, READ)
    await sealer.run_once()
    for table in ("audit_entry", "audit_chain", "audit_seal"):
        for statement in (f"UPDATE {table} SET id = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match="only ever added to"):
                await fetch(statement)
        assert await fetch_value(f"SELECT COUNT(*) FROM {table}") == 1


async def test_the_chain_holds_after_fifty_at_once(database: Engine, keys: Keys, sealer: Sealer) -> None:
    async def act(number: int) -> None:
        await record_many(HUB, [Entry("a:b:c", "Task", f"{number}-{n}") for n in range(3)])

    async def seal() -> None:
        for _ in range(5):
            await sealer.run_once()

    await asyncio.gather(*[act(n) for n in range(50)], seal())
    await sealer.run_once()
    report = await verify(database, keys)
    assert (report.first_bad, report.rows, report.unsealed) == (None, 150, 0)
    assert report.seals_checked >= 1
