"""Jobs: one effect each, whatever stops on the way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from typing import Any

import pytest

from hub.audit.actions import Entry, record
from hub.audit.keys import Keys
from hub.audit.sealing import Sealer, last_seal
from hub.audit.verifying import address_of
from hub.db.engine import Engine, fetch, fetch_value
from hub.db.transaction import unit_of_work
from hub.jobs.actions import LostLease, done_here, enqueue, retry
from hub.jobs.queries import dead_jobs, queue
from hub.jobs.rules import FIRST_DELAY, KEEP_DONE, LONGEST_DELAY, MAX_ATTEMPTS, Scheduled, delay
from hub.jobs.worker import CLEAN, Worker
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.errors import Forbidden, Invalid, NotFound, WrongStep

LEASE = timedelta(minutes=5)


class Counter:
    """A handler that remembers what it was given, and fails as often as it is told to."""

    def __init__(self, fail: int = 0, error: type[Exception] = RuntimeError) -> None:
        self.seen: list[dict[str, Any]] = []
        self.fail, self.error = fail, error

    async def __call__(self, payload: dict[str, Any]) -> None:
        self.seen.append(payload)
        if len(self.seen) <= self.fail:
            raise self.error("Rosa Mendoza, CIN 90000001A")


def worker(handler: Any, *schedule: Scheduled, **options: Any) -> Worker:
    made = Worker({"test:do": handler}, schedule, chance=lambda: 1.0, **options)
    made._planned = {
        CLEAN: Scheduled(CLEAN, timedelta(days=1)).key(clock.now())
    }  # its daily job stays out of the count
    return made


async def job() -> dict[str, Any]:
    from hub.jobs.tables import Job

    rows = await Job.select().where(Job.kind == "test:do")
    assert len(rows) == 1
    return rows[0]


async def test_a_job_runs_once_with_its_payload(database: Engine) -> None:
    handler = Counter()
    await enqueue("test:do", {"mail": "m-1"})
    assert await worker(handler).drain() == 1
    assert await worker(handler).drain() == 0
    assert handler.seen == [{"mail": "m-1"}]
    assert (await job())["state"] == "done"


async def test_what_is_rolled_back_asks_for_nothing(database: Engine) -> None:
    @unit_of_work
    async def change() -> None:
        await enqueue("test:do", {})
        raise Invalid("No.")

    with pytest.raises(Invalid):
        await change()
    assert await fetch_value("SELECT COUNT(*) FROM job") == 0


async def test_the_same_key_twice_is_the_same_job(database: Engine) -> None:
    await asyncio.gather(*[enqueue("test:do", {"n": n}, unique_key="once") for n in range(10)])
    await enqueue("test:do", {"n": 11}, unique_key="once")
    assert await fetch_value("SELECT COUNT(*) FROM job") == 1


async def test_a_job_for_later_waits(database: Engine) -> None:
    handler, later = Counter(), clock.now() + timedelta(hours=2)
    await enqueue("test:do", {}, run_at=later)
    assert await worker(handler).run_once() == 0
    assert await worker(handler).run_once(later) == 1


async def test_many_workers_share_the_work_and_none_is_done_twice(database: Engine) -> None:
    handler = Counter()
    for n in range(40):
        await enqueue("test:do", {"n": n})
    await asyncio.gather(*[worker(handler, batch=3).drain() for _ in range(4)])
    assert sorted(one["n"] for one in handler.seen) == list(range(40))


def test_each_wait_is_longer_up_to_a_limit_and_spread_by_chance() -> None:
    assert [delay(n, 1.0) for n in (1, 2, 3)] == [FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4]
    assert delay(1, 0.0) == FIRST_DELAY / 2
    assert delay(500, 1.0) == LONGEST_DELAY


async def test_a_job_that_failed_is_tried_again_after_its_wait(database: Engine) -> None:
    handler = Counter(fail=2)
    await enqueue("test:do", {})
    at = clock.now()
    assert await worker(handler).drain(at) == 1
    found = await job()
    assert (found["state"], found["run_at"]) == ("waiting", at + FIRST_DELAY)
    with clock.set_to(at + FIRST_DELAY):
        assert await worker(handler).drain() == 1
        assert (await job())["run_at"] == clock.now() + FIRST_DELAY * 2
    with clock.set_to(at + FIRST_DELAY * 3):
        assert await worker(handler).drain() == 1
    assert (await job())["state"] == "done"


@pytest.mark.parametrize("error", [RuntimeError, Invalid])
async def test_an_error_is_kept_and_logged_without_its_text(
    database: Engine, error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    await enqueue("test:do", {})
    await worker(Counter(fail=1, error=error)).drain()
    kept, logged = (await job())["error"], capsys.readouterr()
    assert kept.startswith(error.__name__)
    assert "job.failed" in logged.out + logged.err
    for text in (kept, logged.out, logged.err):
        assert "Rosa" not in text
        assert "9000" not in text


async def _fail_for_good(handler: Counter, organization: str | None = None) -> dict[str, Any]:
    await enqueue("test:do", {}, organization=organization)
    at = clock.now()
    for n in range(MAX_ATTEMPTS):
        with clock.set_to(at + LONGEST_DELAY * n):
            assert await worker(handler).drain() == 1
    return await job()


async def test_a_job_that_fails_for_good_is_seen_and_retried_by_a_person(cast: Any) -> None:
    handler = Counter(fail=MAX_ATTEMPTS)
    dead = await _fail_for_good(handler)
    assert dead["state"] == "dead"
    listed = await dead_jobs(cast.arturo)
    assert [(one.kind, one.attempts) for one in listed] == [("test:do", MAX_ATTEMPTS)]
    assert (await queue(cast.arturo)).dead == 1
    for refused in (dead_jobs(cast.marisol), retry(cast.marisol, dead["id"])):
        with pytest.raises(Forbidden):
            await refused
    with pytest.raises(NotFound):
        await retry(cast.arturo, "nothing")
    await retry(cast.arturo, dead["id"])
    with pytest.raises(WrongStep):
        await retry(cast.arturo, dead["id"])
    assert await worker(handler).drain() == 1
    assert (await job())["state"] == "done"
    rows = await fetch("SELECT action, actor_id, subject_id FROM audit_entry WHERE action = 'jobs:job:retry'")
    assert [(row["actor_id"], row["subject_id"]) for row in rows] == [(cast.arturo.id, dead["id"])]


async def test_of_what_failed_each_organization_sees_its_own_and_the_hub_s(cast: Any) -> None:
    county = await _fail_for_good(Counter(fail=MAX_ATTEMPTS, error=Invalid), cast.arturo.organization)
    assert county["error"].startswith("Invalid: "), "the words of a refusal are for whose job it is"
    assert [one.id for one in await dead_jobs(cast.arturo)] == [county["id"]]
    assert (await queue(cast.arturo)).dead == 1
    assert await dead_jobs(cast.daniel) == []
    assert (await queue(cast.daniel)).dead == 0
    with pytest.raises(NotFound):
        await retry(cast.daniel, county["id"])
    await fetch("UPDATE job SET organization = NULL")
    assert len(await dead_jobs(cast.arturo)) == len(await dead_jobs(cast.daniel)) == 1


async def test_of_the_hub_s_own_failed_work_not_even_our_words_are_shown_to_all(database: Engine) -> None:
    dead = await _fail_for_good(Counter(fail=MAX_ATTEMPTS, error=Invalid))
    assert dead["error"].startswith("Invalid")
    assert "Rosa" not in dead["error"]


async def test_work_that_no_feature_knows_is_not_lost_in_silence(database: Engine) -> None:
    await enqueue("nobody:knows", {})
    await worker(Counter()).drain()
    assert "no feature" in await fetch_value("SELECT error FROM job WHERE kind = 'nobody:knows'")


async def test_a_worker_that_died_is_followed_when_its_lease_is_over(database: Engine) -> None:
    handler = Counter()
    await enqueue("test:do", {})
    now = clock.now()
    dead, heir = worker(handler, lease=LEASE), worker(handler, lease=LEASE)
    assert len(await dead.claim(now)) == 1  # and then it is killed
    assert await heir.run_once(now + LEASE - timedelta(seconds=1)) == 0
    assert await heir.run_once(now + LEASE) == 1
    assert len(handler.seen) == 1


async def test_a_job_that_takes_every_worker_down_is_given_up(database: Engine) -> None:
    await enqueue("test:do", {})
    now, handler = clock.now(), Counter()
    for n in range(MAX_ATTEMPTS):
        assert len(await worker(handler, lease=LEASE).claim(now + LEASE * n)) == 1
    await worker(handler).run_once(now + LEASE * MAX_ATTEMPTS)
    found = await job()
    assert found["state"] == "dead"
    assert "stopped before its end" in found["error"]
    assert handler.seen == []


async def _effects() -> int:
    return int(await fetch_value("SELECT COUNT(*) FROM audit_entry WHERE action = 'test:effect:have'"))


async def test_a_job_taken_over_while_it_ran_has_one_effect(database: Engine) -> None:
    """The first worker was slow, not dead: what it does after the takeover is rolled back."""
    now = clock.now()
    began, go = asyncio.Event(), asyncio.Event()

    @unit_of_work
    async def effect() -> None:
        await record(HUB, Entry("test:effect:have", "Job"))
        await done_here()

    async def slow(payload: dict[str, Any]) -> None:
        began.set()
        await go.wait()
        await effect()

    async def quick(payload: dict[str, Any]) -> None:
        await effect()

    await enqueue("test:do", {})
    first = asyncio.create_task(worker(slow, lease=LEASE).run_once(now))
    await began.wait()
    assert await worker(quick, lease=LEASE).run_once(now + LEASE) == 1
    assert await _effects() == 1
    go.set()
    await first
    assert await _effects() == 1
    assert (await job())["state"] == "done"


async def test_the_end_of_a_job_is_committed_with_its_effect(database: Engine) -> None:
    @unit_of_work
    async def effect(payload: dict[str, Any]) -> None:
        await record(HUB, Entry("test:effect:have", "Job"))
        await done_here()
        raise RuntimeError

    await enqueue("test:do", {})
    await worker(effect).run_once()
    assert await _effects() == 0
    assert (await job())["state"] == "waiting"
    await done_here()  # outside a job it does nothing


async def test_scheduled_work_is_done_once_for_each_slot_by_however_many_workers(database: Engine) -> None:
    handler = Counter()
    hourly = Scheduled("test:do", timedelta(hours=1))
    workers = [worker(handler, hourly) for _ in range(3)]
    for hours in (0, 0, 1):
        at = clock.now() + timedelta(hours=hours)
        await asyncio.gather(*[one.run_once(at) for one in workers])
    assert len(handler.seen) == 2


async def test_jobs_done_long_ago_are_forgotten(database: Engine) -> None:
    await enqueue("test:do", {})
    await worker(Counter()).drain()
    with clock.set_to(clock.now() + KEEP_DONE + timedelta(days=2)):
        await Worker({}).drain()
    assert await fetch_value("SELECT COUNT(*) FROM job WHERE kind = 'test:do'") == 0


async def test_the_worker_works_and_seals_until_it_is_told_to_stop(database: Engine, tmp_path: Any) -> None:
    stop, handler = asyncio.Event(), Counter()
    running = worker(handler, sealer=Sealer(Keys(tmp_path / "keys")), pause=0.01)

    async def last(payload: dict[str, Any]) -> None:
        await record(HUB, Entry("test:effect:have", "Job"))
        stop.set()

    running.handlers["test:last"] = last
    await enqueue("test:do", {})
    await enqueue("test:last", {})
    async with asyncio.timeout(20):
        await running.run_forever(stop)
    assert len(handler.seen) == 1
    seal = await last_seal()
    assert seal is not None
    assert seal.seq == 1, "what happened just before the stop is sealed"


KILLED = """
import asyncio, os, signal, sys
from datetime import datetime
from hub.db.engine import bind, make_engine
from hub.jobs.worker import Worker

async def die(payload):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    bind(make_engine(sys.argv[1]))
    await Worker({"test:do": die}).run_once(datetime.fromisoformat(sys.argv[2]))

asyncio.run(main())
"""


async def test_a_job_whose_worker_was_killed_is_done_by_another(database: Engine) -> None:
    await enqueue("test:do", {})
    now = clock.now()
    url = address_of(database)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, url, now.isoformat(), env=os.environ)
    assert await killed.wait() == -signal.SIGKILL
    assert (await job())["state"] == "running"
    handler = Counter()
    await worker(handler).run_once(now + timedelta(minutes=6))
    assert len(handler.seen) == 1
    assert (await job())["state"] == "done"


def test_a_lost_lease_is_no_refusal() -> None:
    assert issubclass(LostLease, Exception)
