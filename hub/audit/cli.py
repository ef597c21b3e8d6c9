"""`hub audit`: prove the trail, print its signed head, change the key."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from hub.audit.rules import Seal
from hub.settings import settings

if TYPE_CHECKING:  # loaded by the command that is called: the hub's other commands load this module too
    from hub.audit.keys import Keys
    from hub.audit.verifying import Report

_DATABASE = click.option("--database-url", default="", help="Another database than the hub's own, such as a copy.")
_KEYS = click.option(
    "--keys",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder with the keys. Without it: `keys` in the data folder.",
)


def keys_of(folder: Path | None = None) -> Keys:
    """The keys of this installation."""
    from hub.audit.keys import Keys

    return Keys(folder or settings().data / "keys")


@click.group()
def audit() -> None:
    """Prove that the audit trail is whole."""


@audit.command("verify")
@_DATABASE
@_KEYS
@click.option(
    "--head",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A head kept elsewhere, as `hub audit head` printed it: uncovers a tail that was cut off or written anew.",
)
def verify_command(database_url: str, folder: Path | None, head: Path | None) -> None:
    """Check every row, and name the first that is wrong (exit code 1)."""
    outside = _read_head(head) if head else None
    url = database_url or settings().database
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise click.ClickException("There is no such database file.")
    began = time.perf_counter()
    report = asyncio.run(_verify(url, keys_of(folder), outside))
    seconds = time.perf_counter() - began
    rate = f"{report.rows / seconds:,.0f} rows a second" if seconds else "at once"
    click.echo(f"{report.rows:,} rows and {report.seals_checked:,} seals checked in {seconds:.1f} s ({rate}).")
    if report.unsealed:
        click.echo(f"{report.unsealed:,} of the newest entries are not sealed yet.")
    if report.first_bad is not None:
        click.echo(f"THE TRAIL IS NOT WHOLE. First bad: {report.first_bad}.")
        raise SystemExit(1)
    click.echo(f"The trail is whole. Head: {report.head}")


@audit.command("head")
@_DATABASE
@_KEYS
def head_command(database_url: str, folder: Path | None) -> None:
    """Print the signed head as JSON, to be kept outside the database."""
    seal = asyncio.run(_head(database_url or settings().database, keys_of(folder)))
    if seal is None:
        raise click.ClickException("The trail holds no entry yet.")
    click.echo(msgspec.json.format(msgspec.json.encode(asdict(seal)), indent=2).decode())


@audit.command("rotate-key")
@_KEYS
def rotate_command(folder: Path | None) -> None:
    """Make a new signing key. The old one's public key stays, so that its seals can still be checked."""
    click.echo(f"The new key is {keys_of(folder).rotate()}. A hub that runs signs with it from its next seal on.")


async def _verify(url: str, keys: Keys, outside: Seal | None) -> Report:
    from hub.audit.verifying import verify
    from hub.db.engine import make_engine

    return await verify(make_engine(url), keys, outside)


async def _head(url: str, keys: Keys) -> Seal | None:
    from hub.audit.sealing import Sealer, last_seal
    from hub.db.engine import bind, make_engine

    engine = make_engine(url)
    bind(engine)
    try:
        await Sealer(keys).close()
        return await last_seal()
    finally:
        await engine.close()


def _read_head(path: Path) -> Seal:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Seal)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise click.ClickException("The head's file is not what `hub audit head` printed.") from error
