"""The `hub` command. A command translates; what it does stands in the features' actions.

What a command needs is imported by the command: none waits for what only another does, and serving begins before the
hub is loaded, so that nobody looks for garbage meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from hub.audit.cli import audit
from hub.reports.cli import report
from hub.settings import Settings, settings

R = TypeVar("R")


def run(work: Callable[[Settings], Awaitable[R]]) -> R:
    """Run something with the database of the settings, and close it."""
    from hub.db.engine import bind, make_engine
    from hub.db.faults import refusal_of_fault

    async def whole() -> R:
        own = settings()
        engine = make_engine(own.database, own)
        bind(engine)
        try:
            return await work(own)
        finally:
            await engine.close()

    try:
        return asyncio.run(whole())
    except Exception as error:
        fault = refusal_of_fault(error)
        if fault is None:
            raise
        raise click.ClickException(f"{fault.title}. {type(error).__name__}: see HUB_DATABASE_URL.") from error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ihss-hub", prog_name="hub")
def main() -> None:
    """The hub of county IHSS programs and Medi-Cal managed care plans. Settings: docs/settings.md."""


@main.command()
def migrate() -> None:
    """Bring the database's schema up; enter the first rules and the State's holidays where they are missing."""
    from hub.db.migrate import migrate as apply_migrations
    from hub.directory.actions import seed_holidays
    from hub.duties.actions import seed_rules
    from hub.kernel import clock
    from hub.kernel.actor import HUB

    async def work(_: Settings) -> tuple[int, int, int]:
        done = await apply_migrations()
        this_year = clock.today().year
        return len(done), await seed_rules(HUB), await seed_holidays(range(this_year, this_year + 3))

    try:
        done = run(work)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    migrations, rules, holidays = done
    click.echo(f"Applied {migrations} migrations." if migrations else "The schema was up to date.")
    if rules or holidays:
        click.echo(f"Entered {rules} rules and {holidays} holidays.")


@main.command()
def serve() -> None:
    """Serve the pages and the API; with the worker inside, unless HUB_EMBEDDED_WORKER is off."""
    serve_until_stopped(settings())


def serve_until_stopped(own: Settings, routes: Sequence[Any] = ()) -> None:
    """Serve until a signal, with further `routes` (the bench has some). Says in one line why it cannot start."""
    with _collecting_nothing():
        _load_log_without_colours()
        from hub.app import SchemaBehind, create_app, load_ahead, refuse_if_behind
        from hub.serving import serve
        from hub.web.logs import configure

        configure(own.log_level)

        async def check(_: Settings) -> None:
            await refuse_if_behind()

        try:
            run(check)
        except SchemaBehind as error:
            raise click.ClickException(str(error)) from error
        app = create_app(own, routes=routes)
        gc.freeze()
    serve(app, own, load_ahead)


def _load_log_without_colours() -> None:
    """structlog loads Rich, where it finds it, to colour tracebacks on a terminal. Our lines are JSON without any, and
    loading it is a twentieth of what is loaded.
    """
    if "rich" in sys.modules or "structlog" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the import system has what is not to be found
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


@contextlib.contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Loading makes much and throws nothing away: looking for garbage meanwhile is a sixth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@main.command()
def worker() -> None:
    """Run the jobs, the schedule and the sealer, beside one or more `hub serve`."""
    from hub.app import SchemaBehind, refuse_if_behind, run_worker
    from hub.web.logs import configure

    async def work(own: Settings) -> None:
        configure(own.log_level)
        await refuse_if_behind()
        await run_worker(own, _stopped())

    try:
        run(work)
    except SchemaBehind as error:
        raise click.ClickException(str(error)) from error


def _stopped() -> asyncio.Event:
    """Set at SIGTERM or Ctrl-C, so that the job at hand is ended and the trail sealed."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    return stop


@main.command()
def demo() -> None:
    """Serve the hub with demonstration data: set up at first use, later with what it had."""
    own = settings()
    if "log_level" not in own.model_fields_set:  # its terminal shows the address and the accounts
        own = own.model_copy(update={"log_level": "warning"})
    with _collecting_nothing():  # until `serve_until_stopped` has loaded what it needs
        from hub.demo.command import run_demo

        run_demo(own, serve_until_stopped)


@main.command()
@click.option("--counties", default=58, show_default=True, help="How many: the largest.")
@click.option("--plans", default=25, show_default=True)
@click.option("--members", default=815_000, show_default=True)
@click.option("--referrals", default=1_000_000, show_default=True, help="Over eight quarters.")
@click.option("--seed", default=7, show_default=True, help="The same seed and sizes give the same State.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The day it looks back from; by default today.")
def simulate(counties: int, plans: int, members: int, referrals: int, seed: int, today: datetime | None) -> None:
    """Fill an empty database with a made-up State. Started again with the same arguments, it goes on."""
    from hub.simulate.command import run_simulate

    run_simulate(
        settings(), counties=counties, plans=plans, members=members, referrals=referrals, seed=seed, today=today
    )


main.add_command(audit)
main.add_command(report)


if __name__ == "__main__":
    sys.exit(main())
