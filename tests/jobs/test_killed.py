"""Workers are killed wherever they stand: nothing that was asked for is lost, and nothing has two effects."""

from __future__ import annotations

import asyncio
import email
import email.policy
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP

from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.audit.verifying import address_of, verify
from hub.db.engine import Engine, fetch
from hub.jobs.actions import enqueue
from hub.kernel import clock
from hub.notifications.actions import send_mail
from tests.jobs.worker_process import EFFECT, HOURLY, STAGES, Orders

LEASE = 1.0  # seconds
PATIENCE = 120


class Inbox:
    """A mail server that takes everything, and keeps the Message-IDs under which each subject came."""

    def __init__(self) -> None:
        self.copies: dict[str, list[str]] = defaultdict(list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.copies[str(message["Subject"])].append(str(message["Message-ID"]))
        return "250 OK"


class Yard:
    """Where workers are started and die."""

    def __init__(self, database: Engine, smtp: str) -> None:
        self.orders = Orders(address_of(database), smtp, clock.now(), time.time(), LEASE)
        self.asked: list[str] = []
        self.mailed: list[str] = []

    async def ask(self, cast: Any, number: int) -> None:
        """What a change does: jobs and mail in its transaction."""
        for _ in range(number):
            self.asked.append(f"effect-{len(self.asked)}")
            await enqueue(EFFECT, {"subject": self.asked[-1]})
        self.mailed.append(f"Mail {len(self.mailed)}")
        assert await send_mail(cast.priya, cast.marisol.id, self.mailed[-1], "Look at the page.")

    async def start(self, stage: str | None = None, times: int = 1) -> asyncio.subprocess.Process:
        orders = msgspec.structs.replace(self.orders, stage=stage, time=times)
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.jobs.worker_process", msgspec.json.encode(orders).decode()
        )

    async def finish(self) -> None:
        """A worker that nobody kills does what is left."""
        worker = await self.start()
        async with asyncio.timeout(PATIENCE):
            assert await worker.wait() == 0


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, str]]:
    handler = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler), "127.0.0.1", 0)
    yield handler, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


async def _effects() -> list[str]:
    rows = await fetch("SELECT subject_id FROM audit_entry WHERE action = 'test:effect:have'")
    return sorted(row["subject_id"] for row in rows)


async def test_of_workers_killed_at_every_stage_nothing_is_lost_and_nothing_happens_twice(
    cast: Any, database: Engine, inbox: tuple[Inbox, str], tmp_path: Path
) -> None:
    received, smtp = inbox
    yard, chance = Yard(database, smtp), random.Random(20)
    stages = chance.sample(STAGES, len(STAGES))
    for pair in zip(stages[::2], stages[1::2], strict=True):
        await yard.ask(cast, 6)
        workers = [await yard.start(stage, chance.randint(1, 3)) for stage in pair]
        async with asyncio.timeout(PATIENCE):
            dying = {asyncio.create_task(worker.wait()) for worker in workers}
            while dying:
                done, dying = await asyncio.wait(dying, timeout=0.1)
                assert all(one.result() == -signal.SIGKILL for one in done)
                if dying:
                    await yard.ask(cast, 1)  # people go on while a worker has not come to its end
    await yard.finish()
    assert await _effects() == sorted([*yard.asked, HOURLY]), "each once, that of this hour too"
    assert {row["state"] for row in await fetch("SELECT state FROM job")} == {"done"}
    assert sorted(received.copies) == sorted(yard.mailed)
    assert all(len(set(ids)) == 1 for ids in received.copies.values()), "a second copy has the same Message-ID"
    assert not await fetch("SELECT id FROM mail WHERE sent_at IS NULL")
    keys = Keys(tmp_path / "keys")
    await Sealer(keys).close()
    assert (await verify(database, keys)).ok


@pytest.mark.parametrize(("stage", "copies"), [("handed over", 2), ("noted", 1)])
async def test_a_mail_comes_twice_only_when_the_worker_dies_before_it_notes_that_the_server_took_it(
    cast: Any, database: Engine, inbox: tuple[Inbox, str], stage: str, copies: int
) -> None:
    received, smtp = inbox
    yard = Yard(database, smtp)
    await yard.ask(cast, 0)
    killed = await yard.start(stage)
    async with asyncio.timeout(PATIENCE):
        assert await killed.wait() == -signal.SIGKILL
    await yard.finish()
    (ids,) = received.copies.values()
    assert (len(ids), len(set(ids))) == (copies, 1)
