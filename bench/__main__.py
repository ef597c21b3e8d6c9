"""`python -m bench`: measure, print the table, write it to docs/performance.md."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import click

from bench.databases import kept_folder
from bench.figures import Line, shown
from bench.rows import FIRST, ROWS
from bench.setting import FAST, FULL, TINY, Bench, Sizes
from bench.speed import step
from bench.table import DOCUMENT, heading, markdown, write

SIZES = {one.mode: one for one in (FULL, FAST, TINY)}


async def run(
    sizes: Sizes, only: tuple[str, ...], folder: Path, kept: Path | None
) -> tuple[list[Line], dict[str, str]]:
    """The lines, and of rows that could not be measured, why."""
    lines: dict[str, list[Line]] = {}
    failed: dict[str, str] = {}
    async with Bench(sizes, folder, kept) as bench:
        for name in [*FIRST, *(name for name in ROWS if name not in FIRST)]:
            if only and name not in only:
                continue
            began, before = time.perf_counter(), step()
            try:
                found = list(await ROWS[name](bench))
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"
                click.echo(f"{name}: {failed[name]}", err=True)
                continue
            found = lines[name] = [_at_speed(line, (before + step()) / 2) for line in found]
            for line in found:
                words = line.target.words if line.target else "no target"
                said = f"  {line.what}: {shown(line.figure.middle, line.unit)} ({words}; {line.medians})"
                click.echo(said, err=True)
            click.echo(f"{name}: {time.perf_counter() - began:.1f} s", err=True)
    return [line for name in ROWS for line in lines.get(name, ())], failed


def _at_speed(line: Line, nanoseconds: float) -> Line:
    """What is no ratio says how fast the machine was meanwhile."""
    if line.unit not in ("ms", "s", "rows/s", "/s"):
        return line
    return replace(line, note="; ".join(filter(None, (line.note, f"a step of a plain loop {nanoseconds:.0f} ns"))))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--mode", type=click.Choice(list(SIZES)), default="full", show_default=True)
@click.option(
    "--only", multiple=True, type=click.Choice(list(ROWS)), help="Measure this row alone, and write no table."
)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write the figures there as well.")
@click.option("--write/--no-write", "keep", default=None, help="Write the table. Default: unless rows are left out.")
@click.option("--document", type=click.Path(path_type=Path), default=DOCUMENT, help="Where the table is kept.")
def main(mode: str, only: tuple[str, ...], out: Path | None, keep: bool | None, document: Path) -> None:
    """Measure the hub."""
    sizes = SIZES[mode]
    with ExitStack() as stack:
        kept = stack.enter_context(kept_folder()) if sizes.state.counties else None
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=kept))
        lines, failed = asyncio.run(run(sizes, only, Path(folder), kept))
    table = markdown(lines)
    click.echo(table)
    if out is not None:
        out.write_text(json.dumps([asdict(line) | {"reached": line.reached} for line in lines], indent=1), "utf-8")
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}.")
    if keep if keep is not None else not only:
        state, few = sizes.state, sizes.few
        data = (
            f"{state.counties} counties, {state.plans} plans, {state.members:,} members, {state.referrals:,} referrals"
        )
        data += f"; the small one {few.members:,} members and {few.referrals:,} referrals"
        write(mode, f"{heading(mode, data)}\n\n{table}", document)


if __name__ == "__main__":
    main()
