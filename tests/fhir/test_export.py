"""An export tells what reads and searches tell: everything, whole, and only what may leave at the moment it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from hub.consent.actions import revoke
from hub.consent.fhir import PATIENT
from hub.db.engine import engine, fetch_value
from hub.db.postgres import PooledPostgresEngine
from hub.fhir.export import export
from hub.fhir.query import Condition
from hub.kernel.actor import Actor
from hub.kernel.jsontext import decode
from hub.referrals.fhir import SERVICE_REQUEST, TASK
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_county, referral_from_plan


async def _told(actor: Actor, resource: Any, **how: Any) -> list[Any]:
    found = []
    async with export(actor, resource, **how) as pages:
        async for page in pages:
            found += page
    return found


async def _some(cast: Cast) -> tuple[str, list[str], list[str]]:
    """Referrals both ways: the consent's id, those of the plan, those of the county."""
    consent = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    theirs = [await referral_from_county(cast) for _ in range(3)]
    own = [await referral_from_plan(cast) for _ in range(3)]
    return consent, own, theirs


async def test_everything_comes_that_may_leave_with_its_basis(cast: Cast) -> None:
    consent, own, theirs = await _some(cast)
    rows = await _told(cast.poppy_system, TASK)
    assert sorted(row["id"] for row in rows) == sorted(own + theirs)
    for row in rows:
        assert decode(row["document"])["id"] == row["id"]
        assert row["member"] == cast.rosa
        assert (consent in row["basis"]) == (row["id"] in theirs)
    assert [row["id"] for row in await _told(cast.poppy_system, PATIENT)] == [cast.rosa]


async def test_somebody_else_gets_nothing(cast: Cast) -> None:
    await _some(cast)
    for resource in (TASK, SERVICE_REQUEST):
        assert await _told(cast.laurel_system, resource) == []


async def test_less_can_be_asked_for(cast: Cast) -> None:
    _, own, _ = await _some(cast)
    rows = await _told(cast.poppy_system, TASK, narrowed=Condition("r.id = {}", (own[0],)))
    assert [row["id"] for row in rows] == [own[0]]


async def test_a_consent_that_is_revoked_meanwhile_ends_it_for_what_has_not_left(cast: Cast) -> None:
    consent, own, _ = await _some(cast)
    version = await fetch_value("SELECT version FROM consent WHERE id = {}", consent)
    left: list[str] = []
    async with export(cast.poppy_system, TASK, Condition("r.requester = {}", (cast.alameda,)), size=1) as pages:
        async for page in pages:
            left += [row["id"] for row in page]
            if len(left) == 1:
                await revoke(cast.marisol, consent, version)
    assert len(left) == 1
    assert sorted(row["id"] for row in await _told(cast.poppy_system, TASK)) == sorted(own)


async def test_what_goes_wrong_in_the_middle_is_not_a_short_export(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    await _some(cast)
    asked = 0
    decide = TASK.permit

    async def failing(actor: Actor, rows: list[Any], context: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise ConnectionResetError
        return await decide(actor, rows, context)  # type: ignore[misc]

    monkeypatch.setitem(TASK.__dict__, "permit", failing)
    with pytest.raises(ConnectionResetError):
        await _told(cast.poppy_system, TASK, size=1)
    monkeypatch.undo()
    assert len(await _told(cast.poppy_system, TASK)) == 6
    if isinstance(bound := engine(), PooledPostgresEngine):
        assert not bound.pool_here().taken
