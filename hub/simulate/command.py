"""`hub simulate`: build a State in the database of the settings, and say who can sign in."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from datetime import datetime
from pathlib import Path

import asyncpg
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.db.engine import make_engine
from hub.settings import Settings
from hub.simulate.build import Refused, State, build_state
from hub.simulate.loading import SomebodyElse, Told

_SAY_EVERY = 5  # seconds, where nobody looks at a bar


def folder_of(own: Settings) -> Path:
    return own.data / "simulate"


def run_simulate(
    own: Settings, *, counties: int, plans: int, members: int, referrals: int, seed: int, today: datetime | None
) -> None:
    """Raises `click.ClickException` in words for what is refused."""
    gc.enable()
    console = Console(stderr=True, highlight=False)
    progress = Progress(
        TextColumn("{task.description:<24}"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip
    told = _bar(progress) if console.is_terminal else _lines()

    async def work() -> State:
        engine = make_engine(own.database, own)
        try:
            state = await build_state(
                engine, counties=counties, plans=plans, members=members, referrals=referrals, seed=seed,
                today=today.date() if today else None,                folder=folder_of(own), base=own.base, told=told,
            )  # fmt: skip
            await Sealer(Keys(own.data / "keys")).close()
            return state
        finally:
            await engine.close()

    try:
        with progress:
            state = asyncio.run(work())
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    except SomebodyElse as error:
        raise click.ClickException("Another hub simulate builds this State at this moment.") from error
    except (OSError, sqlite3.DatabaseError, asyncpg.PostgresError) as error:
        words = f"The database of HUB_DATABASE_URL failed ({type(error).__name__}). Start again: it goes on from there."
        raise click.ClickException(words) from error
    _show(state, own)


def _bar(progress: Progress) -> Told:
    tasks: dict[str, object] = {}

    def told(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done)  # type: ignore[arg-type]

    return told


def _lines() -> Told:
    said = 0.0

    def told(stage: str, done: int, total: int) -> None:
        nonlocal said
        if done == total or time.monotonic() - said >= _SAY_EVERY:
            said = time.monotonic()
            click.echo(f"{stage}: {done:,} of {total:,}", err=True)

    return told


def _show(state: State, own: Settings) -> None:
    size, world = state.world.size, state.world
    click.echo(
        f"{'Built' if state.new else 'This State is there already:'} {size.counties} counties, {size.plans} plans, "
        f"{len(world.executed)} MOUs in force, {size.members:,} made-up members, {size.referrals:,} referrals up to "
        f"the day before {size.today.isoformat()}."
    )
    largest = max(world.executed, key=lambda pair: pair.weight)
    for side, person in ((largest.county, largest.county_liaison), (largest.plan, largest.plan_liaison)):
        click.echo(f"Sign in to hub serve as {person.username}, liaison of {side.name}, with {state.ways.password}")
    click.echo(f"All user names, and the keys of the plans' systems: {folder_of(own) / 'accounts.json'}")
