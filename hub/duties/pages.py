"""My work, a duty explained, and the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import structlog
from litestar import Request, Response, get
from litestar.params import FromPath

from hub.duties import queries
from hub.duties.queries import DutyRow, WorkFilter, Worklist
from hub.duties.rules import GROUP_WORDS, Group
from hub.kernel import clock
from hub.kernel.errors import Refusal
from hub.web.page import WebRequest, actor_of, page
from hub.web.paging import Paging

TITLE = "My work"
_log = structlog.get_logger(__name__)


def _asked(request: WebRequest) -> tuple[Group | None, str | None, int]:
    show = request.query_params.get("show", "")
    number = request.query_params.get("page", "1")
    at = int(number) if number.isdecimal() and len(number) < 6 else 1
    return (
        Group(show) if show in set(Group) else None,
        request.query_params.get("partner") or None,
        max(0, at - 1),
    )


@get("/", opt={"needs": "work.read"})
async def work(request: Request[Any, Any, Any]) -> Response[Any]:
    """What is to be done, with its reason and its clause. Counts are links to the same filtered list."""
    show, partner, at = _asked(request)
    actor, today = actor_of(request), clock.today()
    try:
        wanted = WorkFilter(show, partner, at * queries.PAGE)
        found = await queries.work_of(actor, today, wanted)
        if at and not found.groups and found.total:  # a page that is no longer there: its last one
            wanted = WorkFilter(show, partner, (found.total - 1) // queries.PAGE * queries.PAGE)
            found = await queries.work_of(actor, today, wanted)
    except Refusal:
        raise
    except Exception as error:
        # The person learns on the spot that the list failed, and that it is not empty.
        _log.error("work list failed", error=type(error).__name__, exc_info=error)
        return page(request, "duties/work.html", title=TITLE, status=503, failed=True, work=None)
    # Members are above duties: the application hands in how a short name is shown, under consent and on record.
    members = sorted({row.member for row in found.rows if row.member})
    names = await request.app.state["show_names"](actor, members) if members else {}
    paging = Paging.of(request, found.total, queries.PAGE)
    return page(
        request,
        "duties/work.html",
        title=TITLE,
        failed=False,
        work=found,
        groups=[
            (part.group, part.count, [_cells(row, names, part.group) for row in part.rows]) for part in found.groups
        ],
        tabs=_tabs(found, show, partner),
        show=show,
        partner=next((p for p in found.partners if p.id == partner), None),
        partner_asked=partner is not None,
        group_words=GROUP_WORDS,
        paging=paging,
    )


def _cells(row: DutyRow, names: Mapping[str, str], group: Group) -> tuple[Any, ...]:
    """What the template writes of a row, in its order: to look each part up by its name would take it longer."""
    due, _, dated = row.due_words.partition(", ")
    name = names.get(row.member) if row.member else None
    waiting = group is Group.WAITING
    return (
        row.id,
        row.subject_type,
        row.subject_id,
        row.title,
        f"{name} · {row.as_who}" if name and row.as_who else name or row.as_who,
        row.why,
        row.authority if row.verified else f"{row.authority} (not verified)",
        row.organization_name if waiting else row.counterpart_name or "–",
        row.position_name if waiting else "",
        due[:1].upper() + due[1:],
        dated,
        row.escalated,
    )


def _tabs(found: Worklist, show: Group | None, partner: str | None) -> list[tuple[str, str, bool, int]]:
    def address(group: Group | None) -> str:
        query = {k: v for k, v in (("show", group.value if group else None), ("partner", partner)) if v}
        return f"/?{urlencode(query)}" if query else "/"

    everything = ("All", address(None), show is None, sum(found.counts.values()))
    return [everything, *((GROUP_WORDS[g], address(g), show is g, found.counts[g]) for g in Group)]


@get("/duties/{duty_id:str}", opt={"needs": "work.read"})
async def show_duty(request: Request[Any, Any, Any], duty_id: FromPath[str]) -> Response[Any]:
    """Why this is owed, how its date was reckoned, what happened to it."""
    view = await queries.duty(actor_of(request), duty_id, clock.today())
    return page(request, "duties/duty.html", title=view.duty.title, view=view, duty=view.duty, rule=view.rule)


@get("/rules", opt={"needs": "work.read"})
async def show_rules(request: Request[Any, Any, Any]) -> Response[Any]:
    """Every rule in every version: limit, authority, from when, verified or not."""
    rules = await queries.all_rules()
    in_force: dict[str, str] = {}
    for rule in rules:
        if rule.effective_from <= clock.today():
            in_force.setdefault(rule.rule, rule.id)
    return page(request, "duties/rules.html", title="Rules and limits", rules=rules, in_force=set(in_force.values()))


ROUTES: list[Any] = [work, show_duty, show_rules]
SUBJECTS = {"Duty": "/duties/{id}"}
