"""The comparison after a fault notices what it is there to notice."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.hubs import Ground, Hub
from tests.faults.load import reach, writing
from tests.faults.reckoning import books_of, settle

# The newest Task, whatever its state.
TASK = "(SELECT id FROM task ORDER BY updated_at DESC, id LIMIT 1)"
TAMPERING = {
    "lost": f"DELETE FROM resource_version WHERE resource_id = {TASK}",
    "not what was acknowledged": f"UPDATE resource_version SET document = '{{}}' WHERE resource_id = {TASK}",
    "only its version is left": f"DELETE FROM task WHERE id = {TASK}",
    "by half": f"UPDATE task SET version = version + 1 WHERE id = {TASK}",
    "no event": f"DELETE FROM referral_event WHERE task = {TASK}",
    "not its duty": f"DELETE FROM duty WHERE subject_id = {TASK}",
    "not in the trail": f"DELETE FROM audit_entry WHERE subject_id = {TASK}",
    "not whole": "UPDATE audit_entry SET actor_name = 'Nobody' WHERE id = (SELECT MAX(id) FROM audit_entry)",
}


@pytest.mark.parametrize("filled_with", ["the cast", "a simulated State"])
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_kind_of_loss_is_noticed(ground: Ground, hub: Callable[..., Hub], tmp_path: Path) -> None:
    server = await hub().start()
    before = await books_of(server)
    async with writing(server.base, ground, 2, clients=4) as ledger:
        await reach(ledger, 12, calm=True)
    await server.stop()
    await settle(server, [ledger], before)
    for number, (defect, sql) in enumerate(TAMPERING.items()):
        copy = tmp_path / f"copy-{number}.sqlite"
        shutil.copyfile(tmp_path / "hub.sqlite", copy)
        with closing(sqlite3.connect(copy)) as connection, connection:
            for (guard,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{guard}"')
            connection.execute(sql)
        with pytest.raises(AssertionError, match=defect):
            await settle(Hub(f"sqlite:///{copy}", server.folder), [ledger], before)
