"""A Bundle of 100 Tasks: stored texts joined, and the same through fhir.resources' models."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.apart import apart
from bench.figures import Line, Spread, Target, shown
from bench.setting import Bench
from hub.db.engine import bind, fetch, make_engine
from hub.fhir.search import entry_text, join
from hub.kernel.jsontext import decode

TARGET = Target(0.01, "×")
_BASE = "http://127.0.0.1/fhir"
_LINKS = [{"relation": "self", "url": f"{_BASE}/Task?_count=100"}]


def joined(rows: list[dict[str, Any]]) -> str:
    return join("searchset", _LINKS, [entry_text(_BASE, "Task", row, '"search":{"mode":"match"}') for row in rows])


def through_models(rows: list[dict[str, Any]]) -> str:
    from fhir.resources.R4B.bundle import Bundle

    entries = [
        {
            "fullUrl": f"{_BASE}/Task/{row['id']}",
            "resource": decode(row["document"]),
            "search": {"mode": "match"},
        }
        for row in rows
    ]
    made = {"resourceType": "Bundle", "type": "searchset", "link": _LINKS, "entry": entries}
    return str(Bundle.model_validate(made).model_dump_json())


async def here(url: str, pairs: int) -> dict[str, Any]:
    engine = make_engine(url)
    bind(engine)
    rows = await fetch("SELECT id, document FROM task ORDER BY id LIMIT 100")
    await engine.close()
    joined(rows), through_models(rows)
    ours, base = [], []
    for _ in range(pairs):
        began = time.process_time()
        for _ in range(200):
            joined(rows)
        between = time.process_time()
        through_models(rows)
        base.append((time.process_time() - between) * 1e6)
        ours.append((between - began) / 200 * 1e6)
    return {"ours": ours, "base": base}


async def measure(bench: Bench) -> Sequence[Line]:
    database = await bench.database("sqlite", bench.sizes.few)
    found = await apart("bench.rows.joined_bundle:here", {"url": database.url, "pairs": bench.sizes.pairs})
    return [
        Line(
            "joined-bundle",
            "joined-bytes Bundle of 100",
            "the same through models, processor time",
            Spread.of_pairs(found["ours"], found["base"]),
            "×",
            TARGET,
            f"{shown(median(found['ours']), 'µs')} / {shown(median(found['base']), 'µs')}",
            found["peak"],
        )
    ]
