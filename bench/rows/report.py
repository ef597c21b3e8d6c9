"""The quarterly report of one county, and those of all: everything that the file is made of, gathered from the rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench.apart import apart
from bench.figures import Line, Spread, Target, shown
from bench.setting import KINDS, NAMES, Bench
from hub.db.engine import bind, fetch, make_engine
from hub.kernel import clock
from hub.kernel.calendar import Quarter
from hub.reports.queries import gather
from hub.reports.rules import Direction, count

ONE, ALL = Target(300, "ms"), Target(3, "s")


async def here(url: str, county: str, repeats: int) -> dict[str, Any]:
    engine = make_engine(url)
    bind(engine)
    quarter = Quarter.of(clock.today()).previous
    counties = [row["id"] for row in await fetch("SELECT id FROM organization WHERE kind = 'county' ORDER BY id")]
    await gather(county, quarter)
    one, every, referrals = [], [], 0
    for _ in range(repeats):
        began = time.perf_counter()
        report = await gather(county, quarter)
        one.append((time.perf_counter() - began) * 1000)
        referrals = sum(count(f"referral:{way}:sent", report.total, report.period) for way in Direction)
    for _ in range(max(1, repeats // 3)):
        began = time.perf_counter()
        for each in counties:
            await gather(each, quarter)
        every.append(time.perf_counter() - began)
    await engine.close()
    return {"one": one, "all": every, "counties": len(counties), "referrals": referrals}


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        database = await bench.database(kind)
        arguments = {"url": database.url, "county": database.world.county, "repeats": bench.sizes.pairs}
        found = await apart("bench.rows.report:here", arguments)
        size = f"{found['referrals']:,} referrals in the quarter"
        lines += [
            Line(
                "report",
                f"quarterly report of the largest county in the State, {NAMES[kind]}",
                "",
                Spread.of(found["one"]),
                "ms",
                ONE,
                size,
                found["peak"],
            ),
            Line(
                "report",
                f"quarterly reports of all {found['counties']} counties, {NAMES[kind]}",
                "",
                Spread.of(found["all"]),
                "s",
                ALL,
                f"{shown(Spread.of(found['all']).middle / found['counties'] * 1000, 'ms')} each",
                found["peak"],
            ),
        ]
    return lines
