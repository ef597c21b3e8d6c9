"""Reading a report: an act that leaves its entry in the trail. Nothing else of the report is ever written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.audit.actions import Entry, Pending, record, record_many
from hub.db.transaction import reading
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.kernel.errors import Forbidden, NotFound
from hub.reports.queries import Report, gather, may_read, page_behind
from hub.reports.rules import BehindRow, Facts, count, figures_of, words_of

READ, ROWS = "reports:quarter:read", "reports:rows:read"


def _refuse_stranger(actor: Actor, organization: str, quarter: Quarter, action: str) -> None:
    if not may_read(actor, organization):
        words = "A report is read by the organization that it is about, with a role that includes reports."
        entry = Entry(action, "Organization", organization, basis=words, detail={"quarter": str(quarter)})
        raise Forbidden(words, audit=Pending(actor, entry))


@reading
async def read_report(actor: Actor, organization: str, quarter: Quarter, form: str = "page") -> Report:
    """The report; figures only, so no member is named in the entry."""
    _refuse_stranger(actor, organization, quarter, READ)
    report = await gather(organization, quarter)
    await record(actor, Entry(READ, "Organization", organization, detail={"quarter": str(quarter), "form": form}))
    return report


ROWS_OF_A_PAGE = 50


@dataclass(frozen=True)
class Behind:
    """A figure opened: what it counts, of which partner, and a page of its rows."""

    report: Report
    facts: Facts
    figure: str
    words: str
    total: int
    rows: Sequence[BehindRow]


@reading
async def read_rows(
    actor: Actor, organization: str, quarter: Quarter, figure: str, partner: str, page: int = 1
) -> Behind:
    """A page of the rows behind a figure. Whose they are stands in the trail, an entry for each member."""
    _refuse_stranger(actor, organization, quarter, ROWS)
    report = await gather(organization, quarter)
    facts = report.facts(partner)
    if facts is None:
        raise NotFound("There is no such partner in this report.")
    try:
        words, total = words_of(figure), count(figure, facts, report.period)
        last = max(1, -(-total // ROWS_OF_A_PAGE))
        offset = (min(max(1, page), last) - 1) * ROWS_OF_A_PAGE
        rows = await page_behind(report, figure, partner, offset, ROWS_OF_A_PAGE)
    except (KeyError, ValueError):
        raise NotFound("There is no such figure in this report.") from None
    detail = {"quarter": str(quarter), "figure": figure, "partner": partner, "rows": len(rows), "from": offset}
    members = dict.fromkeys(member for row in rows if (member := getattr(row, "member", None)))
    entries = [Entry(ROWS, "Organization", organization, detail=detail)]
    entries += [Entry(ROWS, "Organization", organization, member=member, detail=detail) for member in members]
    await record_many(actor, entries)
    return Behind(report, facts, figure, words, total, rows)


def known_figures(report: Report) -> list[str]:
    return figures_of(report.period)
