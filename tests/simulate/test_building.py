"""The same arguments give the same State: on both databases, twice, and however often it was killed on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from hub.db.engine import Engine, bind, engine, fetch, fetch_value, make_engine
from hub.db.migrate import migrate
from hub.directory.actions import add_organization
from hub.duties.actions import seed_rules
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.simulate import build
from hub.simulate.build import Refused
from hub.simulate.loading import SomebodyElse, open_loader
from hub.simulate.rows import COLUMNS
from tests.conftest import NOW
from tests.kit.postgres import Postgres
from tests.simulate.build import SMALL, TODAY, small_state, small_world, stored

ROOT = Path(__file__).parents[2]
_RANDOM = {"account": ("password_hash",), "api_system": ("jwks",)}  # made anew for each State
_whole: dict[tuple[tuple[str, int], ...], str] = {}


async def digest(without: tuple[str, ...] = ()) -> str:
    """Of every row of every table that the State fills, but for what is random on purpose."""
    found = hashlib.sha256()
    for table, columns in COLUMNS.items():
        if table in without:
            continue
        left_out = {columns.index(name) for name in _RANDOM.get(table, ())}
        for row in await stored(table):
            found.update(repr([value for place, value in enumerate(row) if place not in left_out]).encode())
    return found.hexdigest()


async def schema() -> list[str]:
    if engine().engine_type == "sqlite":
        rows = await fetch("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return [row["sql"] for row in rows if "simulation" not in row["sql"]]
    rows = await fetch(
        "SELECT indexdef AS d FROM pg_indexes WHERE schemaname = 'public' UNION ALL"
        " SELECT conrelid::regclass::text || conname || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace ORDER BY 1"
    )
    return [row["d"] for row in rows if "simulation" not in row["d"]]


async def in_one_go(folder: Path, **sizes: int) -> str:
    """The digest of a State that was built on SQLite without any stop; built once."""
    key = tuple(sorted(sizes.items()))
    if key not in _whole:
        own = make_engine(f"sqlite:///{folder / 'whole.sqlite'}")
        try:
            await small_state(own, **sizes)
            _whole[key] = await digest()
        finally:
            await own.close()
    return _whole[key]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that also a small State has many."""
    monkeypatch.setattr(build, "MEMBERS", 150)
    monkeypatch.setattr(build, "REFERRALS", 100)


async def test_the_same_arguments_give_the_same_rows_on_both_databases(database: Engine, tmp_path: Path) -> None:
    expected = await in_one_go(tmp_path)
    await small_state(database)
    assert await digest() == expected


def test_another_seed_gives_another_state() -> None:
    assert [person.name for person in small_world(seed=8).people] != [one.name for one in small_world().people]


class Stopped(Exception):
    """As if the process had ended here."""


async def test_stopped_at_any_stage_it_goes_on_and_ends_the_same_with_every_index(
    database: Engine, tmp_path: Path, small_steps: None
) -> None:
    before = await schema()
    expected = await in_one_go(tmp_path)
    bind(database)
    stops = [("members", 150), ("members", 400), ("consents", 300), ("referrals", 200), ("indexes", 3)]
    for stage, at in stops:

        def stop(now: str, done: int, total: int, stage: str = stage, at: int = at) -> None:
            if (now, done) == (stage, at):
                raise Stopped

        with pytest.raises(Stopped):
            await small_state(database, folder=tmp_path / "ways", told=stop)
    assert await schema() != before
    state = await small_state(database, folder=tmp_path / "ways")
    assert state.new and await digest() == expected
    assert await schema() == before
    again = await small_state(database, folder=tmp_path / "ways", today=None)
    assert not again.new and again.ways == state.ways


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    yield server.create_database("simulate_killed")
    server.drop_database("simulate_killed")


def test_killed_in_the_middle_it_goes_on_when_it_is_started_again(url: str, tmp_path: Path) -> None:
    sizes = [word for name, number in SMALL.items() for word in (f"--{name}", str(number))]
    command = [sys.executable, "-m", "hub.cli", "simulate", *sizes, "--today", TODAY.isoformat()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    told = {"HUB_DATA": str(tmp_path / "data"), "HUB_DATABASE_URL": url}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, env=kept | told, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    process = start()
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("consents"):
            process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    second = start()
    said, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert "Built 3 counties, 4 plans" in said and "accounts.json" in said

    async def found() -> str:
        own = make_engine(url)
        bind(own)
        try:
            return await digest()
        finally:
            await own.close()

    with clock.set_to(NOW):
        whole = asyncio.run(in_one_go(tmp_path))
    assert asyncio.run(found()) == whole


# What is refused


async def test_another_state_in_the_same_database_is_refused_and_nothing_changes(database: Engine) -> None:
    await small_state(database)
    before = await digest()
    for changes in ({"seed": 8}, {"members": 500}, {"today": date(2026, 11, 19)}):
        with pytest.raises(Refused, match=r"holds another State: --counties 3 .*--seed 7 --today 2026-11-18"):
            await small_state(database, **changes)
    assert await digest() == before


async def test_what_an_older_hub_began_is_not_gone_on_with_and_nothing_changes(
    database: Engine, tmp_path: Path, small_steps: None
) -> None:
    def stop(now: str, done: int, total: int) -> None:
        if (now, done) == ("members", 150):
            raise Stopped

    with pytest.raises(Stopped):
        await small_state(database, folder=tmp_path / "ways", told=stop)
    (newest,) = await fetch("SELECT name FROM migration WHERE app_name = 'duties' ORDER BY name DESC LIMIT 1")
    await fetch("DELETE FROM migration WHERE app_name = 'duties' AND name = {}", newest["name"])
    before = await digest()
    with pytest.raises(Refused, match="Another version of the hub began this State"):
        await small_state(database, folder=tmp_path / "ways")
    assert await digest() == before


async def test_a_database_with_anything_in_it_is_left_alone(database: Engine) -> None:
    await add_organization(HUB, "county", "Alameda County", "Alameda", "county-01", 1)
    with pytest.raises(Refused, match="not empty"):
        await small_state(database)
    assert await fetch_value("SELECT count(*) FROM organization") == 1
    assert not await fetch("SELECT id FROM member LIMIT 1")


async def test_tables_of_somebody_else_are_left_alone(database: Engine) -> None:
    await fetch("CREATE TABLE payroll (id INTEGER)")
    with pytest.raises(Refused, match="payroll"):
        await small_state(database)
    await fetch("DROP TABLE payroll")


async def test_what_hub_migrate_entered_is_used(database: Engine) -> None:
    await migrate()
    await seed_rules(HUB)
    rules = await stored("rule_version")
    await small_state(database)
    assert await stored("rule_version") == rules
    assert not await fetch("SELECT id FROM duty WHERE rule_version NOT IN (SELECT id FROM rule_version)")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counties": 59}, "--counties is a number from 1 to 58"),
        ({"plans": 0}, "--plans is a number from 1 to"),
        ({"members": 0}, "--members is a number from 1 to"),
        ({"today": date(2026, 3, 31)}, "--today cannot be before April 1, 2026"),
    ],
)
async def test_arguments_that_make_no_state_are_refused_in_words(
    database: Engine, changes: dict[str, int], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await small_state(database, **changes)
    assert not await fetch("SELECT id FROM organization LIMIT 1")


async def test_two_at_once_do_not_mix(database: Engine) -> None:
    await small_state(database)
    loader = await open_loader(database)
    try:
        with pytest.raises(SomebodyElse):
            await loader.step("members", 0, 100)
        with pytest.raises(SomebodyElse):
            await loader.step("members", None, 0)
    finally:
        await loader.close()


async def test_without_its_accounts_a_state_that_was_begun_is_not_gone_on_with(
    database: Engine, tmp_path: Path
) -> None:
    await small_state(database, folder=tmp_path)
    (tmp_path / "accounts.json").unlink()
    with pytest.raises(Refused, match="accounts of this State"):
        await small_state(database, folder=tmp_path)
