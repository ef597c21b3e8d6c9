"""Two who do the same at once, and how often the database is asked for what a plan's system sends."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import asyncpg
import pytest

from hub.db.engine import fetch, fetch_value, is_sqlite
from hub.kernel import clock
from hub.kernel.errors import Stale, WrongStep
from hub.kernel.jsontext import decode
from hub.members.actions import record_member
from hub.members.document import patient
from hub.referrals import document
from hub.referrals.actions.desk import take_step
from hub.referrals.actions.requests import receive_request
from hub.referrals.actions.tasks import change_task, receive_task
from hub.referrals.rules import ClosureReason, Event, Service, Status
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_plan


async def history(task: str) -> list[tuple[Any, ...]]:
    events = await fetch("SELECT event, task_version FROM referral_event WHERE task = {} ORDER BY task_version", task)
    return [tuple(row.values()) for row in events]


async def test_of_two_who_take_a_step_from_the_same_page_one_is_told_that_it_changed_meanwhile(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    said = {"reason": "Not at home.", "closure": ClosureReason.UNABLE_TO_REACH}
    answers = await asyncio.gather(
        take_step(cast.marisol, task, Event.ACCEPT, version=1),
        take_step(cast.thomas, task, Event.DECLINE, version=1, **said),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert sum(isinstance(one, Stale | WrongStep) for one in answers) == 1, answers
    assert len(await history(task)) == 2
    versions = await fetch("SELECT version FROM resource_version WHERE resource_id = {} ORDER BY version", task)
    assert [row["version"] for row in versions] == [1, 2]
    ended = await fetch("SELECT event FROM duty_event WHERE event IN ('met', 'missed', 'cancelled')")
    assert [row["event"] for row in ended] == ["met"]


async def test_a_change_without_a_version_is_made_to_what_the_other_left(cast: Cast) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    text = await fetch_value("SELECT document FROM task WHERE id = {}", task)
    begun = document.apply_step(decode(text), Status.IN_PROGRESS, clock.now())
    ended = document.apply_step(decode(text), Status.CANCELLED, clock.now(), reason="No longer needed.")
    answers = await asyncio.gather(
        change_task(cast.marisol, task, begun), change_task(cast.poppy_system, task, ended), return_exceptions=True
    )
    assert not any(isinstance(one, Stale) for one in answers), answers
    numbers = [version for _, version in await history(task)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert await fetch_value("SELECT version FROM task WHERE id = {}", task) == numbers[-1]


async def test_two_first_referrals_of_a_member_at_once_both_arrive(cast: Cast) -> None:
    """Each of them is the first by which the county serves the member."""
    told = patient(cin="90000007G", given="June", family="Marsh", birth_date=date(1950, 2, 1))
    june = (await record_member(cast.poppy_system, told)).id
    await agree(cast.poppy_system, june, cast.poppy, cast.alameda)
    asked: dict[str, Any] = {"member": june, "requester": cast.poppy}
    requests = [
        await receive_request(
            cast.poppy_system,
            document.service_request(
                service=Service.IHSS_APPLICATION, performer=cast.alameda, at=clock.now(), need="Cannot cook.", **asked
            ),
        )
        for _ in range(2)
    ]
    stored = await asyncio.gather(
        *(
            receive_task(
                cast.poppy_system,
                document.task(service_request=one.id, owner=cast.alameda, at=clock.now(), **asked),
            )
            for one in requests
        )
    )
    assert len({one.id for one in stored}) == 2
    serving = await fetch("SELECT organization FROM member_organization WHERE member = {} ORDER BY organization", june)
    assert [row["organization"] for row in serving] == sorted((cast.alameda, cast.poppy))


async def test_on_postgresql_a_task_is_read_for_once_and_written_in_one_statement(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    await referral_from_plan(cast)
    if is_sqlite():  # reads go nowhere there, and writes wait for the COMMIT alone
        return
    request = await fetch_value("SELECT id FROM service_request")
    sent: list[str] = []
    for name in ("fetch", "execute"):
        original = getattr(asyncpg.Connection, name)

        def counting(self: Any, sql: str, *args: Any, original: Any = original) -> Any:
            sent.append(sql.split()[0])
            return original(self, sql, *args)

        monkeypatch.setattr(asyncpg.Connection, name, counting)
    asked = document.task(
        service_request=request, member=cast.rosa, requester=cast.poppy, owner=cast.alameda, at=clock.now()
    )
    task = await receive_task(cast.poppy_system, asked)
    assert sent == ["SELECT", "WITH"]
    sent.clear()
    await take_step(cast.marisol, task.id, Event.ACCEPT, version=1)
    assert sent[-1] == "WITH" and not {"BEGIN", "COMMIT"} & set(sent), sent
