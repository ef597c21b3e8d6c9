"""Reading all Tasks that a plan may have, joined with terms and grants, against the driver's own cursor on the same
rows. Every Task of this database is the plan's to have, half of them by the member's consent."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.apart import apart
from bench.databases import Shape
from bench.figures import Line, Spread, Target, shown
from bench.setting import KINDS, NAMES, Bench

FAST_ENOUGH, IN_MEMORY = Target(70, "%", at_least=True), Target(100, "MiB")


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        database = await bench.database(kind, Shape(0, 0, bench.sizes.exported // 2, bench.sizes.exported, lean=True))
        arguments = {"url": database.url, "plan": database.world.plan, "pairs": bench.sizes.pairs}
        found = await apart("bench.exporting:here", arguments)
        what = f"the store's export iterator over {found['rows']:,} resources, joined with grants, {NAMES[kind]}"
        lines += [
            Line(
                "export", what, "the raw cursor, rows a second",
                Spread.of([one / other * 100 for one, other in zip(found["ours"], found["base"], strict=True)]), "%",
                FAST_ENOUGH,
                f"{shown(median(found['ours']), 'rows/s')} / {shown(median(found['base']), 'rows/s')}", found["held"],
                note=f"with each row decided {shown(median(found['decided']), 'rows/s')}",
            ),
            Line(
                "export", f"{what}: memory", "", Spread.of([found["held"]]), "MiB", IN_MEMORY,
                f"{shown(found['at_rest'], 'MiB')} before it began", found["peak"],
                note=f"{shown(found['peak'], 'MiB')} with each row decided",
            ),
        ]  # fmt: skip
    return lines
