"""Pages of the quarterly report: the report, the rows behind each figure, the files."""

from __future__ import annotations

from typing import Any, get_args

from litestar import Response, get
from litestar.params import FromPath

from hub.kernel import clock
from hub.kernel.calendar import Quarter
from hub.kernel.errors import NotFound
from hub.reports import actions, files, sheets
from hub.reports.lists import behind_table
from hub.reports.queries import quarters
from hub.web.page import Html, WebRequest, actor_of, page
from hub.web.paging import Paging

READ = {"needs": "report.read"}


def _quarter(text: str) -> Quarter:
    try:
        quarter = Quarter.parse(text)
    except ValueError:
        raise NotFound("There is no such quarter. Write it like 2026-Q3.") from None
    if quarter.start > clock.today():
        raise NotFound("That quarter has not begun yet.")
    return quarter


@get("/reports", opt=READ)
async def choose(request: WebRequest) -> Html:
    """The quarters of one's own organization: the last that is over stands first."""
    actor, today = actor_of(request), clock.today()
    known = await quarters(actor.home, today)
    return page(
        request,
        "reports/choose.html",
        title="Quarterly compliance reports",
        organization=actor.home,
        running=known[0],
        over=known[1:],
    )


@get("/reports/{organization:str}/{quarter:str}", opt=READ)
async def show(request: WebRequest, organization: FromPath[str], quarter: FromPath[str]) -> Response[Any]:
    """The page, or with `?format=` a file."""
    asked = _quarter(quarter)
    form = request.query_params.get("format")
    actor = actor_of(request)
    if form is None:
        report = await actions.read_report(actor, organization, asked)
        return page(
            request,
            "reports/show.html",
            title=sheets.heading(report),
            report=report,
            sheets=sheets.sheets(report),
            standing=sheets.standing(report),
            base=f"/reports/{organization}/{asked}",
            previous=asked.previous,
            following=asked.next if asked.next.start <= clock.today() else None,
        )
    if form not in get_args(files.Format):
        raise NotFound("The report comes as csv or xlsx.")
    chosen: files.Format = "xlsx" if form == "xlsx" else "csv"
    report = await actions.read_report(actor, organization, asked, chosen)
    name = files.file_name(report, chosen)
    return Response(
        files.write(report, chosen),
        media_type=files.MEDIA[chosen],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@get("/reports/{organization:str}/{quarter:str}/rows", opt=READ)
async def rows(request: WebRequest, organization: FromPath[str], quarter: FromPath[str]) -> Html:
    asked = _quarter(quarter)
    figure = request.query_params.get("figure", "")
    partner = request.query_params.get("partner", "all")
    number = request.query_params.get("page", "1")
    at = int(number) if number.isdecimal() and len(number) < 8 else 1
    behind = await actions.read_rows(actor_of(request), organization, asked, figure, partner, at)
    return page(
        request,
        "reports/rows.html",
        title=f"{behind.words}, {asked.words.split(' (')[0]}",
        behind=behind,
        table=behind_table(behind),
        standing=sheets.standing(behind.report),
        base=f"/reports/{organization}/{asked}",
        paging=Paging.of(request, behind.total, actions.ROWS_OF_A_PAGE),
    )


ROUTES: list[Any] = [choose, show, rows]
