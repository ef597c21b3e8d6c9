"""`hub report`: the quarterly report as a file, for whoever runs the hub."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.kernel.calendar import Quarter
from hub.kernel.errors import Refusal
from hub.settings import settings

if TYPE_CHECKING:
    from hub.reports.files import Format


def _quarter(_context: click.Context, _parameter: click.Parameter, text: str) -> Quarter:
    try:
        return Quarter.parse(text)
    except ValueError:
        raise click.BadParameter("write it like 2026-Q3") from None


async def make(identifier: str, quarter: Quarter, form: Format) -> tuple[str, bytes]:
    """The file's name and bytes. Its reading is in the trail, as any other."""
    # Not above: the hub's other commands load this module too, to know of this one.
    from hub.directory.queries import by_identifier
    from hub.kernel.actor import HUB
    from hub.reports.actions import read_report
    from hub.reports.files import file_name, write

    organization = await by_identifier(identifier)
    report = await read_report(HUB, organization.id, quarter, form)
    return file_name(report, form), write(report, form)


async def _run(identifier: str, quarter: Quarter, form: Format) -> tuple[str, bytes]:
    from hub.db.engine import bind, make_engine

    engine = make_engine(settings().database, settings())
    bind(engine)
    try:
        return await make(identifier, quarter, form)
    finally:
        await engine.close()


@click.command()
@click.argument("organization_identifier")
@click.argument("quarter", callback=_quarter)
@click.option("--format", "form", type=click.Choice(["csv", "xlsx"]), default="xlsx", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; - for the terminal.")
def report(organization_identifier: str, quarter: Quarter, form: Format, out: Path | None) -> None:
    """Write the quarterly compliance report of a county or plan, such as county-01, of a quarter, such as 2026-Q3."""
    try:
        name, content = asyncio.run(_run(organization_identifier, quarter, form))
    except Refusal as refusal:
        raise click.ClickException(refusal.words) from None
    if out is not None and str(out) == "-":
        with click.open_file("-", "wb") as terminal:
            terminal.write(content)
        return
    target = out or Path(name)
    target.write_bytes(content)
    click.echo(f"{target}: {len(content):,} bytes")
