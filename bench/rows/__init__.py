"""One file for each row of the table: what is measured, against what, and what it has to reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bench.figures import Line
from bench.rows import (
    bundle,
    export,
    get_task,
    joined_bundle,
    members_load,
    post_task,
    rates,
    read_while_writing,
    report,
    search_page,
    search_size,
    start,
    two_workers,
    verify,
    work_list,
    writers,
)
from bench.setting import Bench

Row = Callable[[Bench], Awaitable[Sequence[Line]]]

# In the order of the table.
ROWS: dict[str, Row] = {
    "get-task": get_task.measure,
    "search-page": search_page.measure,
    "post-task": post_task.measure,
    "read-while-writing": read_while_writing.measure,
    "bundle": bundle.measure,
    "search-size": search_size.measure,
    "writers": writers.measure,
    "two-workers": two_workers.measure,
    "joined-bundle": joined_bundle.measure,
    "export": export.measure,
    "report": report.measure,
    "work-list": work_list.measure,
    "start": start.measure,
    "verify": verify.measure,
    "members-load": members_load.measure,
    "rates": rates.measure,
}

# What these read is what others add to: they are measured on a State as it was built.
FIRST = ("search-size", "report", "work-list")
