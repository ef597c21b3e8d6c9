"""`hub demo`: make the demonstration where there is nothing yet, and serve it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.audit.actions import record_pending
from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.db.engine import Engine, bind, make_engine
from hub.db.migrate import migrate
from hub.db.transaction import on_refusal
from hub.demo.accounts import make_keys, open_accounts, public_sets, systems
from hub.demo.engine import InPlaceSQLiteEngine
from hub.demo.keys import write_private
from hub.demo.marker import Folder, Found, Mark, begin, finish, look
from hub.demo.story import tell
from hub.kernel import clock
from hub.kernel.ids import new_id
from hub.settings import Settings

ROLE_WORDS = {
    "county_liaison": "County IHSS liaison",
    "county_responsible_person": "County responsible person",
    "plan_liaison": "Plan liaison",
    "plan_compliance_officer": "Plan compliance officer",
    "county_compliance_officer": "County compliance officer",
}
ELSEWHERE = "Choose another data folder (HUB_DATA) or another, empty database (HUB_DATABASE_URL)."


class Refused(Exception):
    """`hub demo` does not touch what it finds; the words say what to do."""


def run_demo(own: Settings, serve: Callable[[Settings], None]) -> None:
    """Make or find the demonstration, say who can sign in, and serve until stopped."""
    own = own.model_copy(update={"smtp_url": ""})  # nobody of the story has a mailbox
    console = Console(highlight=False)
    try:
        _refuse_taken(own)
        accounts = prepare(own, console)
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    show(accounts, own, console)
    serve(own)


def _refuse_taken(own: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((own.host, own.port))
        except OSError as error:
            words = (
                f"{own.host}:{own.port} is taken, perhaps by a hub that runs already. Choose another port (HUB_PORT)."
            )
            raise Refused(words) from error


def prepare(own: Settings, console: Console) -> dict[str, Any]:
    """The content of `accounts.json`. Makes the demonstration where nothing is; raises `Refused`."""
    folder, database = Folder(own.data), _file_of(own)
    try:
        mark = folder.mark()
    except ValueError as error:
        raise Refused(f"{error}. {ELSEWHERE}") from error
    if mark is None and (foreign := folder.foreign(database)):
        raise Refused(
            f"The data folder {own.data} was not made by hub demo: it holds {', '.join(foreign[:5])}. {ELSEWHERE}"
        )
    with _alone(folder):
        try:
            found = _run(own, look)
        except (OSError, sqlite3.DatabaseError, asyncpg.PostgresError) as error:
            raise Refused(f"The database of HUB_DATABASE_URL cannot be opened ({type(error).__name__}).") from error
        if _is_ready(own, folder, mark, found):
            _run(own, migrate)
            return _refresh(own, folder)
        if mark is not None and not found.empty and database is not None:
            console.print("An earlier hub demo was stopped before it was ready; it begins anew.")
            for name in ("", "-wal", "-shm"):
                Path(f"{database}{name}").unlink(missing_ok=True)
        return _make(own, folder, console)


def _file_of(own: Settings) -> Path | None:
    """The database's file, on SQLite."""
    url = own.database
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _is_ready(own: Settings, folder: Folder, mark: Mark | None, found: Found) -> bool:
    """Whether the whole demonstration is there; False where it may be made. Everything else is refused."""
    if mark is None and not found.empty:
        raise Refused(f"This database holds data that hub demo did not make here; it is left as it is. {ELSEWHERE}")
    if mark is None:
        return False
    if not found.empty and found.mark != mark.id:
        raise Refused(
            f"The demonstration in {own.data} belongs to another database than this one, which is left as it is. "
            + ELSEWHERE
        )
    if mark.finished and found.finished and folder.accounts.exists():
        return True
    if mark.finished:
        raise Refused(
            f"The data folder {own.data} belongs to a demonstration whose database or accounts are gone. Delete the "
            "folder (and empty the database, where it is another) to begin anew."
        )
    if not found.empty and _file_of(own) is None:
        raise Refused(
            "An earlier hub demo was stopped before it was ready, and left its half in this PostgreSQL database. "
            f"Drop the database and create it anew, delete the folder {own.data}, and start again."
        )
    return False


@contextlib.contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Two at once in one folder would tell two stories."""
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT, 0o600), "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("Another hub demo is being set up in this data folder at this moment.") from error
        yield


def _run(own: Settings, work: Callable[[], Any]) -> Any:
    """With the database of the settings, opened for this."""

    async def whole() -> Any:
        engine = _engine(own)
        bind(engine)
        try:
            return await work()
        finally:
            await engine.close()

    return asyncio.run(whole())


def _engine(own: Settings) -> Engine:
    database = _file_of(own)
    return InPlaceSQLiteEngine(database, 1) if database is not None else make_engine(own.database, own)


def _make(own: Settings, folder: Folder, console: Console) -> dict[str, Any]:
    gc.enable()  # the command line switches it off while modules are loaded
    mark = Mark(new_id())
    folder.write(mark)
    progress = Progress(
        TextColumn("Telling a year of counties and plans"), BarColumn(30), TimeElapsedColumn(),
        console=console, transient=True,
    )  # fmt: skip
    with progress:
        bar = progress.add_task("", total=1.0)

        async def work() -> dict[str, Any]:
            return await make_demonstration(own, mark, lambda share: progress.update(bar, completed=share))

        accounts: dict[str, Any] = _run(own, work)
    write_private(folder.accounts, accounts)
    folder.write(Mark(mark.id, finished=True))
    return accounts


async def make_demonstration(own: Settings, mark: Mark, progress: Callable[[float], None]) -> dict[str, Any]:
    """Into the bound, empty database: schema, story, accounts, seal. Returns the content of `accounts.json`."""
    now, keys = clock.now(), make_keys()
    on_refusal(record_pending)
    await migrate()
    await begin(mark)
    world = await tell(now, own, public_sets(keys), progress)
    users = await open_accounts(world)
    await finish(mark)
    await Sealer(Keys(own.data / "keys")).close()
    return {"base": own.base, "users": users, "systems": systems(world, keys)}


def _refresh(own: Settings, folder: Folder) -> dict[str, Any]:
    """The accounts as they were, with the address of today."""
    accounts: dict[str, Any] = msgspec.json.decode(folder.accounts.read_bytes())
    if accounts["base"] != own.base:
        accounts["base"] = own.base
        write_private(folder.accounts, accounts)
    return accounts


def show(accounts: dict[str, Any], own: Settings, console: Console) -> None:
    """Who can sign in, and with what: nothing of it is ever cut off."""
    users = _table("Sign in as", "User name", "Password")
    for organization in dict.fromkeys(user["organization"] for user in accounts["users"]):
        users.add_row(f"[bold]{organization}[/bold]")
        for user in accounts["users"]:
            if user["organization"] == organization:
                who = ROLE_WORDS.get(user["role"], user["role"])
                users.add_row(f"  {who}", user["username"], user["password"])
    plans = _table("Plan’s system", "Client id", "Signs with")
    for system in accounts["systems"]:
        plans.add_row(system["organization"], system["client_id"], system["private_jwk"]["alg"])
    console.print(f"\n[bold]The hub, with demonstration data: {own.base}[/bold]\n", soft_wrap=True)
    console.print(users)
    console.print()
    console.print(plans)
    console.print(f"\nThe same, with the systems’ private keys: {Folder(own.data).accounts}", soft_wrap=True)
    console.print("Stop with Ctrl+C; the next hub demo goes on with the same data.\n")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table
