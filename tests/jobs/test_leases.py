"""A lease is kept while its job runs, and what has lost it stops; the worker ends as it should."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from hub.audit.actions import Entry, record
from hub.audit.keys import Keys
from hub.audit.sealing import Sealer, last_seal
from hub.db.engine import Engine, fetch, fetch_value
from hub.jobs import leases
from hub.jobs.actions import enqueue
from hub.jobs.worker import Worker
from hub.kernel import clock
from hub.kernel.actor import HUB
from tests.conftest import NOW

LEASE = timedelta(seconds=0.3)
PATIENCE = 30


@pytest.fixture
def time_goes_on() -> Iterator[None]:
    began = time.monotonic()
    with clock.set_to(lambda: NOW + timedelta(seconds=time.monotonic() - began)):
        yield


class Slow:
    """A handler that waits until it is let go, and says how it ended."""

    def __init__(self) -> None:
        self.began, self.go, self.ends = asyncio.Event(), asyncio.Event(), list[str]()

    async def __call__(self, payload: dict[str, Any]) -> None:
        self.began.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ends.append("stopped")
            raise
        self.ends.append("done")


def count_calls(
    monkeypatch: pytest.MonkeyPatch, times: int, instead: Callable[..., Awaitable[bool]] | None = None
) -> asyncio.Event:
    """Set when the lease was renewed, or when that was tried, so many times."""
    keep, reached, calls = instead or leases.keep, asyncio.Event(), []

    async def keep_and_count(*arguments: Any) -> bool:
        calls.append(1)
        if len(calls) >= times:
            reached.set()
        return await keep(*arguments)

    monkeypatch.setattr(leases, "keep", keep_and_count)
    return reached


async def _state() -> tuple[str, int]:
    row = (await fetch("SELECT state, attempts FROM job WHERE kind = 'test:do'"))[0]
    return row["state"], row["attempts"]


async def test_a_job_longer_than_its_lease_is_not_begun_by_a_second_worker(
    database: Engine, time_goes_on: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, renewed = Slow(), count_calls(monkeypatch, 5)
    await enqueue("test:do", {})
    first = asyncio.create_task(Worker({"test:do": slow}, lease=LEASE).run_once())
    async with asyncio.timeout(PATIENCE):
        await renewed.wait()  # a third of the lease goes by between two of them
        assert await Worker({"test:do": slow}, lease=LEASE).claim(clock.now()) == []
        slow.go.set()
        await first
    assert await _state() == ("done", 1)
    assert slow.ends == ["done"]


async def test_a_job_whose_lease_another_has_is_stopped(
    database: Engine, time_goes_on: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    await enqueue("test:do", {})
    first = asyncio.create_task(Worker({"test:do": slow}, lease=LEASE).run_once())
    async with asyncio.timeout(PATIENCE):
        await slow.began.wait()
        await fetch("UPDATE job SET lease_holder = 'another', attempts = 2 WHERE kind = 'test:do'")
        await first
    assert slow.ends == ["stopped"]
    assert await _state() == ("running", 2), "it is the other's to end"


async def test_a_job_is_stopped_when_the_database_cannot_say_for_a_lease_s_time_whose_it_is(
    database: Engine, time_goes_on: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*arguments: Any) -> bool:
        raise ConnectionError

    slow = Slow()
    count_calls(monkeypatch, 1, away)
    await enqueue("test:do", {})
    async with asyncio.timeout(PATIENCE):
        await Worker({"test:do": slow}, lease=LEASE).run_once()
    assert slow.ends == ["stopped"]


async def test_a_job_that_never_ends_is_stopped_when_its_time_is_over(database: Engine) -> None:
    slow = Slow()
    await enqueue("test:do", {})
    async with asyncio.timeout(PATIENCE):
        await Worker({"test:do": slow}, longest=timedelta(seconds=0.05)).run_once()
    assert await _state() == ("waiting", 1)
    assert "its time was over" in await fetch_value("SELECT error FROM job WHERE kind = 'test:do'")


async def test_the_end_of_a_job_that_cannot_be_noted_does_not_stop_the_others(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*arguments: Any) -> bool:
        raise ConnectionError

    done: list[int] = []

    async def handler(payload: dict[str, Any]) -> None:
        done.append(payload["n"])

    monkeypatch.setattr(leases, "finish", away)
    monkeypatch.setattr(leases, "give_back", away)
    for n in range(3):
        await enqueue("test:do", {"n": n})
    await Worker({"test:do": handler}).run_once()
    assert sorted(done) == [0, 1, 2]


async def test_one_slow_job_does_not_keep_the_others_waiting(database: Engine) -> None:
    slow, rest, stop = Slow(), asyncio.Event(), asyncio.Event()
    done: list[int] = []

    async def quick(payload: dict[str, Any]) -> None:
        done.append(payload["n"])
        if len(done) == 20:
            rest.set()

    await enqueue("test:do", {}, run_at=clock.now() - timedelta(hours=1))
    for n in range(20):
        await enqueue("test:quick", {"n": n})
    working = asyncio.create_task(Worker({"test:do": slow, "test:quick": quick}, batch=2, pause=0.01).run_forever(stop))
    async with asyncio.timeout(PATIENCE):
        await slow.began.wait()
        await rest.wait()
        slow.go.set()
        stop.set()
        await working
    assert slow.ends == ["done"], "the job at hand is ended before the worker stops"
    assert sorted(done) == list(range(20))


async def test_a_worker_that_must_stop_gives_back_what_takes_too_long(database: Engine) -> None:
    slow, stop = Slow(), asyncio.Event()
    await enqueue("test:do", {})
    working = asyncio.create_task(Worker({"test:do": slow}, pause=0.01, grace=0.05).run_forever(stop))
    async with asyncio.timeout(PATIENCE):
        await slow.began.wait()
        stop.set()
        await working
    assert slow.ends == ["stopped"]
    assert await _state() == ("waiting", 1)
    assert len(await Worker({}).claim(clock.now())) >= 1, "at once, not only when its lease is over"


async def test_what_the_last_job_recorded_is_sealed_before_the_worker_stops(database: Engine, tmp_path: Any) -> None:
    began, stop = asyncio.Event(), asyncio.Event()

    async def last(payload: dict[str, Any]) -> None:
        began.set()
        await stop.wait()
        await asyncio.sleep(0)
        await record(HUB, Entry("test:effect:have", "Job"))

    await enqueue("test:do", {})
    sealer = Sealer(Keys(tmp_path / "keys"))
    working = asyncio.create_task(Worker({"test:do": last}, sealer=sealer, pause=0.01).run_forever(stop))
    async with asyncio.timeout(PATIENCE):
        await began.wait()
        stop.set()
        await working
    seal = await last_seal()
    assert seal is not None
    assert seal.seq == await fetch_value("SELECT COUNT(*) FROM audit_entry") == 1


@pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_an_entry_is_chained_and_sealed_within_a_second_whatever_the_worker_is_at(
    database: Engine, tmp_path: Any
) -> None:
    """Recorded just after a seal, so that it waits for the whole period: with a longer one none is within the second.
    That a busy machine takes longer now and then is let pass.
    """
    slow, stop, took = Slow(), asyncio.Event(), list[float]()
    await enqueue("test:do", {})
    worker = Worker({"test:do": slow}, sealer=Sealer(Keys(tmp_path / "keys")), pause=PATIENCE)

    async def seconds() -> float:
        """Record an entry; how long after it its seal was made."""
        await record(HUB, Entry("test:effect:have", "Job"))
        (entry,) = await fetch("SELECT COUNT(*) AS n, MAX(recorded_at) AS at FROM audit_entry")
        while (seal := await last_seal()) is None or seal.seq < entry["n"]:
            pass
        sealed_at = await fetch_value("SELECT sealed_at FROM audit_seal ORDER BY seq DESC LIMIT 1")
        return float((sealed_at - entry["at"]).total_seconds())

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        working = group.create_task(worker.run_forever(stop))
        await slow.began.wait()
        await seconds()  # from here on each is recorded just after a seal
        while len(took) < 10 and min(took, default=2) > 1:
            took.append(await seconds())
        slow.go.set()
        stop.set()
        await working
    assert min(took) <= 1, took


async def test_an_idle_worker_asks_the_database_one_question(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, asked = Worker({}), []
    await worker.drain()

    for name in ("fetch", "look_up"):
        ask = getattr(leases, name)

        async def note(sql: str, *arguments: Any, ask: Any = ask) -> Any:
            asked.append(sql)
            return await ask(sql, *arguments)

        monkeypatch.setattr(leases, name, note)
    assert await worker.run_once() == 0
    assert len(asked) == 1
    assert "UPDATE" not in asked[0]
