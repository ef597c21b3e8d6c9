"""SIGTERM while systems write: the requests at hand are ended, and nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable

from hub.db.engine import fetch
from tests.faults.hubs import Ground, Hub
from tests.faults.load import reach, writing
from tests.faults.reckoning import books_of, on_database, settle


async def test_stopped_under_load_it_ends_what_it_began_seals_the_trail_and_says_so(
    ground: Ground, hub: Callable[..., Hub]
) -> None:
    server = await hub().start()
    before = await books_of(server)
    async with writing(server.base, ground, 5) as ledger:
        await reach(ledger, 30, calm=True)
        assert await server.stop() == 0
    assert not ledger.refusals
    after = await books_of(server)
    told = {(one.resource_type, one.id, one.version) for one in ledger.stored}
    assert set(after.versions) - set(before.versions) <= told, "something was done of which nobody was told"
    counted = "SELECT (SELECT count(*) FROM audit_entry) AS entries, (SELECT MAX(seq) FROM audit_seal) AS sealed"
    counts = (await on_database(server, lambda: fetch(counted)))[0]
    assert counts["entries"] == counts["sealed"]
    await settle(server, [ledger], before)
    assert server.failures() == []
