"""The access log, its CSV, and who saw a member's data."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from hub.kernel import clock
from hub.trail import actions
from hub.trail.forms import ACTIONS, LogForm
from hub.trail.queries import LogFilter, LogRow, all_rows
from hub.trail.rules import FEATURES, OUTCOMES, safe_cell
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page

SUBJECTS: dict[str, str] = {}
_FIELDS = tuple(LogForm.model_fields)
_HEADINGS = (
    "When (California)", "Who", "Acting for", "What", "Subject", "Subject id", "Member id", "Other organization",
    "Outcome", "Basis", "Tag", "Entry",
)  # fmt: skip


def _filter_of(request: WebRequest) -> Form[LogForm]:
    form = Form(LogForm, {name: request.query_params.get(name, "") for name in _FIELDS})
    form.validate()
    return form


def _address(path: str, form: Form[LogForm], **more: str) -> str:
    query = {name: value for name, value in {**form.raw, **more}.items() if value}
    return f"{path}?{urlencode(query)}" if query else path


@get("/access-log", opt={"needs": "audit.read"})
async def access_log(request: WebRequest) -> Html:
    form = _filter_of(request)
    wanted = form.data.wanted() if form.ok else LogFilter()
    before = request.query_params.get("before")
    found = await actions.open_log(actor_of(request), wanted, before)
    return page(
        request,
        "trail/log.html",
        title="Access log",
        status=form.status,
        form=form,
        rows=found.rows,
        filtered=wanted.used,
        older=_address("/access-log", form, before=found.next) if found.next else None,
        newest=_address("/access-log", form) if before else None,
        export=_address("/access-log.csv", form),
        actions=ACTIONS,
        features=FEATURES,
        outcomes=OUTCOMES,
    )


@get("/access-log.csv", opt={"needs": "audit.read"})
async def access_log_csv(request: WebRequest) -> Response[Any]:
    form, actor = _filter_of(request), actor_of(request)
    if not form.ok:
        return page(request, "trail/bad_filter.html", title="Access log as CSV", status=422, form=form)
    await actions.export_log(actor, form.data.wanted())
    name = f"access-log-{clock.today().isoformat()}.csv"
    return Stream(
        _csv(all_rows(actor, form.data.wanted())),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@get("/members/{member_id:str}/access", opt={"needs": "member.read"})
async def member_access(request: WebRequest, member_id: FromPath[str]) -> Html:
    rows = await actions.open_who_saw(actor_of(request), member_id)
    return page(
        request,
        "trail/member.html",
        title="Who saw this member’s data",
        rows=rows,
        member=member_id,
        outcomes=OUTCOMES,
    )


async def _csv(rows: AsyncIterator[LogRow]) -> AsyncIterator[str]:
    yield "\ufeff" + _line(_HEADINGS)  # the mark by which spreadsheets know UTF-8
    async for row in rows:
        yield _line(_cells(row))


def _cells(row: LogRow) -> tuple[str, ...]:
    return (
        row.happened_at.astimezone(clock.CALIFORNIA).isoformat(" ", "seconds"),
        row.actor_name,
        row.organization_name,
        row.words,
        row.subject_type,
        row.subject_id or "",
        row.member or "",
        row.counterpart_name,
        _outcome(OUTCOMES, row.outcome),
        row.basis,
        row.action,
        row.id,
    )


def _outcome(words: Mapping[str, str], outcome: str) -> str:
    return words.get(outcome, outcome)


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(cell) for cell in cells])
    return out.getvalue()


ROUTES: list[Any] = [access_log, access_log_csv, member_access]
