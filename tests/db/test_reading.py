"""What only reads: no transaction, in which it would keep SQLite's one writer from everybody."""

from __future__ import annotations

import asyncio

from hub.db.engine import Engine, fetch_value
from hub.db.transaction import at_once, in_unit_of_work, reading, unit_of_work


async def test_who_reads_for_long_keeps_nobody_from_writing(database: Engine) -> None:
    written = asyncio.Event()

    @reading
    async def read() -> bool:
        await asyncio.wait_for(written.wait(), 10)
        return in_unit_of_work()

    @unit_of_work
    async def write() -> None:
        await fetch_value("SELECT 1")

    under_way = asyncio.create_task(read())
    await write()
    written.set()
    assert await under_way is False


async def test_reads_are_beside_each_other_and_in_a_unit_of_work_one_after_the_other(database: Engine) -> None:
    met = asyncio.Barrier(2)

    async def with_the_other(number: int) -> int:
        await asyncio.wait_for(met.wait(), 10)
        return number + await fetch_value("SELECT 1")

    assert await at_once(with_the_other(1), with_the_other(2)) == [2, 3]
    order: list[int] = []

    async def alone(number: int) -> int:
        order.append(number)
        await asyncio.sleep(0)
        order.append(number)
        return await fetch_value(f"SELECT {number}")

    @unit_of_work
    async def whole() -> list[int]:
        return await at_once(alone(1), alone(2))

    assert await whole() == [1, 2] and order == [1, 1, 2, 2]
