"""SQLite's writer: many units of work in one COMMIT, each as if it were alone."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from hub.db import sqlite_writer
from hub.db.engine import fetch, fetch_value, write
from hub.db.faults import refusal_of_fault
from hub.db.sqlite import PooledSQLiteEngine
from hub.db.transaction import in_unit_of_work, prompt_unit_of_work, unit_of_work
from hub.kernel.errors import Busy, Conflict
from tests.db.toy import keep, kept, orphan, toy_database


@pytest_asyncio.fixture
async def toy(tmp_path: Path) -> AsyncIterator[PooledSQLiteEngine]:
    async with toy_database(tmp_path) as engine:
        yield engine


@contextmanager
def held_by_another(toy: PooledSQLiteEngine) -> Iterator[None]:
    """Another process writes."""
    other = sqlite3.connect(toy.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full_disk(toy: PooledSQLiteEngine) -> Iterator[None]:
    """No file of this process may grow beyond what is there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = Path(f"{toy.path}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Slow:
    """A unit of work that stays at it until it is told to go on."""

    def __init__(self, name: str = "slow") -> None:
        self.at_it, self.go_on = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._work(name))

    @unit_of_work
    async def _work(self, name: str) -> None:
        await keep(name)
        self.at_it.set()
        await self.go_on.wait()

    async def finish(self) -> None:
        self.go_on.set()
        await self.task


async def test_fifty_writers_make_no_error_start_no_thread_and_share_commits(toy: PooledSQLiteEngine) -> None:
    threads = {threading.active_count()}
    commits = toy.writer.commits

    async def writer(number: int) -> None:
        for n in range(60):
            await keep(f"{number}-{n}")
            threads.add(threading.active_count())

    await asyncio.gather(*[writer(number) for number in range(50)])
    assert await kept() == 3000
    assert len(threads) == 1
    assert toy.writer.commits - commits < 1500


async def test_what_is_acknowledged_is_committed(toy: PooledSQLiteEngine) -> None:
    """Another connection sees it at that moment."""
    other = sqlite3.connect(toy.path)

    async def one(n: int) -> list[tuple[str]]:
        await keep(f"{n}")
        return other.execute("SELECT id FROM thing WHERE id = ?", (f"{n}",)).fetchall()

    assert await asyncio.gather(*[one(n) for n in range(200)]) == [[(f"{n}",)] for n in range(200)]
    other.close()


async def test_one_that_fails_does_not_disturb_the_others_of_its_commit(toy: PooledSQLiteEngine) -> None:
    @unit_of_work
    async def failing(n: int) -> None:
        await keep(f"half {n}")
        if n % 3 == 0:
            raise ValueError("broken in the middle")
        if n % 3 == 1:
            raise Conflict("refused")
        await fetch("SELECT nonsense FROM thing")

    commits = toy.writer.commits
    both = [one for n in range(30) for one in (keep(f"whole {n}"), failing(n))]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert answers[::2] == [f"whole {n}" for n in range(30)]
    expected = [ValueError, Conflict, sqlite3.OperationalError]
    assert [type(answer) for answer in answers[1::2]] == [expected[n % 3] for n in range(30)]
    assert await fetch_value("SELECT COUNT(*) FROM thing WHERE id LIKE 'whole%'") == await kept() == 30
    assert toy.writer.commits - commits < 30


async def test_when_a_commit_fails_only_who_made_it_fail_gets_an_error(toy: PooledSQLiteEngine) -> None:
    answers = await asyncio.gather(
        *[keep(f"{n}") for n in range(10)], orphan("x"), *[keep(f"{n}") for n in range(10, 20)], return_exceptions=True
    )
    failed = [answer for answer in answers if not isinstance(answer, str)]
    assert [type(one) for one in failed] == [sqlite3.IntegrityError]
    assert await kept() == 20
    assert await fetch_value("SELECT COUNT(*) FROM child") == 0


async def test_who_tries_again_has_a_commit_of_its_own(toy: PooledSQLiteEngine) -> None:
    slow = Slow()
    await slow.at_it.wait()

    async def alone() -> None:
        async with toy.transaction(alone=True):
            await orphan("x")

    tasks = [asyncio.create_task(one) for one in (keep("a"), alone(), keep("b"))]
    await asyncio.sleep(0)
    commits = toy.writer.commits
    await slow.finish()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[::2] == ["a", "b"]
    assert type(answers[1]) is sqlite3.IntegrityError  # the database's own words: nobody else can be to blame
    assert toy.writer.commits - commits == 2


async def test_single_statements_survive_a_failing_commit_of_others_too(toy: PooledSQLiteEngine) -> None:
    slow = Slow()
    await slow.at_it.wait()
    row = "INSERT INTO thing (id) VALUES ({}) RETURNING id"
    waiting = asyncio.gather(fetch(row, "a"), orphan("x"), fetch(row, "b"), return_exceptions=True)
    await asyncio.sleep(0)
    await slow.finish()
    first, failed, last = await waiting
    assert (first, last) == ([{"id": "a"}], [{"id": "b"}])
    assert isinstance(failed, sqlite3.IntegrityError)
    assert await kept() == 3


async def test_nobody_answers_from_what_a_failed_commit_had_written(toy: PooledSQLiteEngine) -> None:
    seen: list[int] = []

    @unit_of_work
    async def look() -> int:
        seen.append(await fetch_value("SELECT COUNT(*) FROM child"))
        return seen[-1]

    @unit_of_work
    async def refuse() -> None:
        if await look():
            raise Conflict("It is there already.")

    slow = Slow()
    await slow.at_it.wait()
    tasks = [asyncio.create_task(one) for one in (orphan("x"), look(), refuse())]
    await asyncio.sleep(0)
    await asyncio.gather(slow.finish(), return_exceptions=True)
    _, found, refused = await asyncio.gather(*tasks, return_exceptions=True)
    assert 1 in seen  # in the same transaction it was there for a moment
    assert (found, refused) == (0, None)


async def test_a_full_disk_reaches_every_caller_keeps_nothing_and_passes(toy: PooledSQLiteEngine) -> None:
    body = "x" * 20_000
    await keep("before")
    with full_disk(toy):
        answers = await asyncio.gather(*[keep(f"{n}", body) for n in range(20)], return_exceptions=True)
        assert await kept() == 1
    for answer in answers:
        assert isinstance(answer, sqlite3.Error)
        refusal = refusal_of_fault(answer)
        assert refusal is not None and refusal.status == 503 and refusal.headers["Retry-After"]
    assert await kept() == 1 and not in_unit_of_work()
    await asyncio.gather(*[keep(f"{n}", body) for n in range(20)])
    assert await kept() == 21
    assert await fetch("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


async def test_after_sqlite_rolled_back_by_itself_nothing_is_written_by_halves(toy: PooledSQLiteEngine) -> None:
    """As it does when the disk is full in the middle of a statement."""
    await keep("there")

    @unit_of_work
    async def stubborn() -> None:
        await keep("half")
        with pytest.raises(sqlite3.IntegrityError):
            await fetch("INSERT OR ROLLBACK INTO thing (id) VALUES ('there')")
        await keep("other half")

    answers = await asyncio.gather(keep("a"), stubborn(), keep("b"), return_exceptions=True)
    assert answers[::2] == ["a", "b"]
    assert isinstance(answers[1], sqlite3.OperationalError)
    assert {row["id"] for row in await fetch("SELECT id FROM thing")} == {"there", "a", "b"}


async def test_when_too_many_wait_the_next_is_told_so_at_once(toy: PooledSQLiteEngine) -> None:
    slow = Slow()
    await slow.at_it.wait()
    waiting = [asyncio.create_task(keep(f"{n}")) for n in range(sqlite_writer.MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await keep("one too many")
    assert refused.value.headers["Retry-After"]
    await slow.finish()
    await asyncio.gather(*waiting)
    assert await kept() == sqlite_writer.MOST_WAITING + 1


async def test_who_only_reads_comes_before_those_who_wait_to_write(toy: PooledSQLiteEngine) -> None:
    order: list[str] = []
    slow = Slow()
    await slow.at_it.wait()

    async def told(name: str) -> None:
        await (prompt_unit_of_work(_insert) if name == "prompt" else unit_of_work(_insert))(name)

    async def _insert(name: str) -> None:
        order.append(name)
        await write("INSERT INTO thing (id) VALUES ({})", name)

    tasks = [asyncio.create_task(told(name)) for name in ("a", "b", "c", "prompt")]
    await asyncio.sleep(0)
    await slow.finish()
    await asyncio.gather(*tasks)
    assert order == ["prompt", "a", "b", "c"]


async def test_who_goes_away_while_waiting_leaves_the_queue(toy: PooledSQLiteEngine) -> None:
    slow = Slow()
    await slow.at_it.wait()
    tasks = [asyncio.create_task(keep(f"{n}")) for n in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await slow.finish()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False] * 5
    assert await kept() == 6


async def test_who_goes_away_at_the_moment_of_its_turn_passes_it_on(toy: PooledSQLiteEngine) -> None:
    slow = Slow()
    await slow.at_it.wait()
    gone, next_one = (asyncio.create_task(keep(name)) for name in ("gone", "next"))
    await asyncio.sleep(0)
    slow.go_on.set()
    asyncio.get_running_loop().call_soon(gone.cancel)  # after `slow` has passed on its turn, before `gone` knows
    answers = await asyncio.gather(slow.task, gone, next_one, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert {row["id"] for row in await fetch("SELECT id FROM thing")} == {"slow", "next"}


@pytest.mark.parametrize("steps", range(12))
async def test_who_goes_away_at_any_moment_leaves_the_writer_free(toy: PooledSQLiteEngine, steps: int) -> None:
    """Cancelled after so many turns of the event loop: before, in the middle of it, or while the COMMIT runs."""
    tasks = [asyncio.create_task(keep(f"{n}")) for n in range(5)]
    for _ in range(steps):
        await asyncio.sleep(0)
    for task in tasks[:4]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[4] == "4"
    acknowledged = {answer for answer in answers if isinstance(answer, str)}
    assert acknowledged <= {row["id"] for row in await fetch("SELECT id FROM thing")}
    assert await keep("after") == "after"


async def test_a_write_waits_for_another_process_and_the_event_loop_goes_on(toy: PooledSQLiteEngine) -> None:
    with held_by_another(toy):
        waiting = [asyncio.create_task(keep(f"{n}")) for n in range(3)]
        for _ in range(20):
            assert await kept() == 0
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    assert await kept() == 3


async def test_who_goes_away_while_another_process_writes_leaves_nothing_open(toy: PooledSQLiteEngine) -> None:
    with held_by_another(toy):
        waiting = asyncio.create_task(keep("never"))
        assert await kept() == 0
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await keep("next")
    assert await kept() == 1


async def test_a_process_that_never_lets_go_is_an_answer_that_leaks_nothing(toy: PooledSQLiteEngine) -> None:
    """Piccolo's own engine leaves a thread and two open files behind for each failed BEGIN IMMEDIATE."""
    await keep("warm")
    assert await kept() == 1
    toy.writer.busy_seconds = 0
    with held_by_another(toy):
        before = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
        answers = await asyncio.gather(*[keep(f"{n}") for n in range(20)], return_exceptions=True)
        assert [type(answer) for answer in answers] == [Busy] * 20
        assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before
    assert await keep("after") == "after"


async def test_another_process_comes_to_write_while_this_one_never_stops(toy: PooledSQLiteEngine) -> None:
    other = PooledSQLiteEngine(toy.path, readers=1)
    done = asyncio.Event()

    async def writer(number: int) -> None:
        n = 0
        while not done.is_set():
            n += 1
            await keep(f"{number}-{n}")

    async def neighbour() -> None:
        try:
            for n in range(20):
                await other.write("INSERT INTO parent (id) VALUES (?)", [f"{n}"])
        finally:
            done.set()

    await asyncio.gather(neighbour(), *[writer(number) for number in range(20)])
    assert await fetch_value("SELECT COUNT(*) FROM parent") == 20
    await other.close()
