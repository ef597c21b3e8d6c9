"""`hub audit verify`, on a trail as the audit itself writes it, chained and sealed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.apart import apart
from bench.figures import Line, Spread, Target, shown
from bench.setting import KINDS, NAMES, Bench
from hub.audit.actions import Entry, record_many
from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.audit.verifying import processes_here, verify
from hub.db.engine import bind, make_engine
from hub.kernel.actor import HUB
from hub.kernel.ids import new_id

TARGET = Target(100_000, "rows/s", at_least=True)
_AT_ONCE = 500


async def here(url: str, folder: str, entries: int, repeats: int) -> dict[str, Any]:
    engine, keys = make_engine(url), Keys(Path(folder) / "keys")
    bind(engine)
    sealer = Sealer(keys)
    for _ in range(0, entries, _AT_ONCE):
        told = [
            Entry(
                "fhir:task:read", "Task", new_id(), member=new_id(), counterpart=new_id(),
                basis="consent; mou term", detail={"ids": [f"Task/{new_id()}"], "query": "_count=20"},
            )
            for _ in range(_AT_ONCE)
        ]  # fmt: skip
        await record_many(HUB, told)
        await sealer.run_once()
    await sealer.close()
    rates, rows = [], 0
    for _ in range(repeats):
        began = time.perf_counter()
        report = await verify(engine, keys)
        if not report.ok:
            raise RuntimeError(f"the trail is not whole: {report.first_bad}")
        rows = report.rows
        rates.append(rows / (time.perf_counter() - began))
    await engine.close()
    return {"rates": rates, "rows": rows}


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        url, folder = await bench.databases.empty(kind, "trail")
        arguments = {"url": url, "folder": str(folder), "entries": bench.sizes.entries, "repeats": 3}
        found = await apart("bench.rows.verify:here", arguments)
        lines.append(
            Line(
                "verify", f"`hub audit verify`, {NAMES[kind]}", "", Spread.of(found["rates"]), "rows/s", TARGET,
                f"{found['rows']:,} rows in {shown(found['rows'] / Spread.of(found['rates']).middle, 's')}",
                found["peak"], note=f"{processes_here()} processes",
            )
        )  # fmt: skip
    return lines
