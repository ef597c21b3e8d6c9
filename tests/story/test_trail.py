"""Step 9: every step of the story is in the trail, reads of a member's data included, and tampering is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.audit.verifying import verify
from hub.db.engine import Engine, fetch
from hub.kernel import clock
from hub.referrals.actions.desk import Outcome, take_step
from hub.referrals.rules import Event
from hub.trail.queries import who_saw
from tests.audit.tampering import drop_guards
from tests.cast import Cast
from tests.story import adapt
from tests.story.system import register
from tests.story.test_exchange import CIN, bundle, location


async def test_step_9_the_trail_holds_every_step_and_every_read_and_proves_itself(
    cast: Cast, live: Any, database: Engine, tmp_path: Path
) -> None:
    poppy = await register(live.base, cast.poppy)
    await poppy.post("", adapt.without(bundle(cast), "Consent"))  # refused
    answer = await poppy.fhir.execute("", method="post", data=bundle(cast))
    task = location(answer, "Task").split("/")[1]
    await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    await take_step(cast.marisol, task, Event.COMPLETE, version=2, outcome=Outcome("Done", clock.today()))
    await poppy.fhir.resources("Task").search(_id=task).include("Task", "focus").fetch_raw()
    await poppy.get(f"/Task/{task}")

    entries = await fetch("SELECT action, outcome, member, basis FROM audit_entry")
    actions = [entry["action"] for entry in entries]
    for action in (
        "members:member:record", "consent:consent:record", "referrals:request:create", "referrals:task:create",
        "referrals:task:accept", "referrals:procedure:create", "referrals:task:complete", "fhir:task:search-type",
        "fhir:task:read", "consent:release:decide",
    ):  # fmt: skip
        assert action in actions, action
    member = await fetch("SELECT id FROM member WHERE cin = {}", CIN)
    assert [e["action"] for e in entries if e["outcome"] == "refused"] == ["consent:release:decide"]
    created = next(e for e in entries if e["action"] == "referrals:task:create")
    assert created["basis"].startswith("consent ") and cast.mou in created["basis"]  # why it was allowed
    seen_by = {row.actor_name for row in await who_saw(cast.marisol, member[0]["id"])}
    assert {"Marisol Vega", "Care management"} <= seen_by  # the county learns what the plan's system read

    keys = Keys(tmp_path / "keys")
    sealer = Sealer(keys)
    await sealer.run_once()
    report = await verify(database, keys)
    assert report.ok and report.rows == len(entries) and report.seals_checked >= 1

    bad = await fetch("SELECT e.id, c.seq FROM audit_entry e JOIN audit_chain c ON c.entry = e.id ORDER BY c.seq")
    await drop_guards()
    await fetch("UPDATE audit_entry SET outcome = 'refused' WHERE id = {}", bad[7]["id"])
    found = (await verify(database, keys)).first_bad
    assert found is not None and (found.seq, found.entry) == (bad[7]["seq"], bad[7]["id"])
