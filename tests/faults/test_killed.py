"""kill -9 while systems write: nothing acknowledged is lost, nothing is there by half, and it goes on by itself."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.faults.hubs import Ground, Hub, until
from tests.faults.load import Ledger, reach, writing
from tests.faults.reckoning import books_of, settle
from tests.kit.postgres import Postgres

SEED = 20261118
ROUNDS = 3
on_postgres = pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])


@pytest.mark.parametrize("filled_with", ["the cast", "a simulated State"])
async def test_killed_while_systems_write_it_has_all_that_it_acknowledged(
    ground: Ground, hub: Callable[..., Hub]
) -> None:
    server, chance = hub(), random.Random(SEED)
    before, ledgers = await books_of(server), list[Ledger]()
    for number in range(ROUNDS):
        await server.start()
        moment = chance.randrange(20, 80)
        async with writing(server.base, ground, number) as ledger:
            ledger.at(moment, server.kill)
            await reach(ledger, moment, calm=True)
        assert not ledger.refusals, ledger.refusals[0].text
        assert ledger.cut_off, "it was killed while nobody asked for anything"
        ledgers.append(ledger)
    await server.start()
    await settle(server, ledgers, before)
    proof = server.command("audit", "verify")
    assert proof.returncode == 0, proof.stdout


@on_postgres
async def test_of_two_servers_one_is_killed_and_nobody_at_the_other_notices(
    ground: Ground, hub: Callable[..., Hub]
) -> None:
    killed, other = await hub().start(), await hub().start()
    before = await books_of(other)
    async with (
        writing(killed.base, ground, 1, clients=4) as lost,
        writing(other.base, ground, 2, clients=4) as kept,
    ):
        await until(lambda: lost.count >= 20 and kept.count >= 20)
        killed.kill()
        then = kept.count
        await until(lambda: kept.count >= then + 20)
    assert lost.cut_off and not kept.cut_off
    assert not lost.refusals and not kept.refusals
    await settle(other, [lost, kept], before)


@on_postgres
async def test_the_database_crashes_under_load_and_what_was_acknowledged_is_there_when_it_is_back(
    ground: Ground, hub: Callable[..., Hub], durable: Postgres
) -> None:
    server = await hub().start()
    before = await books_of(server)
    async with writing(server.base, ground, 3) as ledger:
        ledger.at(40, durable.crash)
        await until(lambda: ledger.refusals)
        durable.start_again()
        then = ledger.count
        await reach(ledger, then + 20)
    assert set(ledger.statuses) <= {200, 201, 503}, server.failures()
    assert not ledger.cut_off, "the hub itself went on answering"
    await settle(server, [ledger], before)


@on_postgres
async def test_connections_to_the_database_that_are_cut_cost_nobody_an_acknowledged_write(
    ground: Ground, hub: Callable[..., Hub], durable: Postgres
) -> None:
    server = await hub().start()
    before = await books_of(server)
    async with writing(server.base, ground, 4) as ledger:
        for moment in (10, 25, 45):
            await reach(ledger, moment)
            durable.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        await reach(ledger, 65)
    assert set(ledger.statuses) <= {200, 201, 503}, server.failures()
    await settle(server, [ledger], before)
