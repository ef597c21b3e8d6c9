"""Pages of action items."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from hub.directory import queries as directory
from hub.kernel import clock
from hub.kernel.errors import Invalid, Stale
from hub.meetings import actions, queries
from hub.meetings.forms import EndActionItem, NewActionItem
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

READ, WRITE = {"needs": "meeting.read"}, {"needs": "meeting.write"}


@get("/action-items", opt=READ)
async def listing(request: WebRequest) -> Html:
    items = await queries.action_items(actor_of(request), open_only=True)
    return page(request, "meetings/items.html", title="Open action items", items=items)


async def _new_page(request: WebRequest, meeting_id: str, form: Form[NewActionItem]) -> Html:
    row = await queries.meeting(actor_of(request), meeting_id)
    people = [
        (person.id, f"{person.name} ({name})")
        for organization, name in ((row.county, row.county_name), (row.plan, row.plan_name))
        for person in await directory.people(organization)
    ]
    return page(
        request,
        "meetings/item_new.html",
        title=f"New action item: {row.county_name} and {row.plan_name}",
        status=form.status,
        form=form,
        meeting=row,
        people=people,
    )


@get("/meetings/{meeting_id:str}/action-items/new", opt=WRITE)
async def new(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    return await _new_page(request, meeting_id, Form.blank(NewActionItem))


@post("/meetings/{meeting_id:str}/action-items/new", opt=WRITE)
async def create(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, NewActionItem)
    if form.ok:
        data = form.data
        try:
            await actions.add_action_item(
                actor_of(request),
                meeting_id,
                data.title,
                data.owner,
                data.due_on,
                confidential=data.confidential,
            )
            return redirect(f"/meetings/{meeting_id}", "Action item recorded.")
        except Invalid as refusal:
            form.refuse(refusal)
    return await _new_page(request, meeting_id, form)


async def _item_page(request: WebRequest, item_id: str, form: Form[EndActionItem]) -> Html:
    actor = actor_of(request)
    item = await queries.action_item(actor, item_id)
    mine = item.organization == actor.organization and (actor.can("meeting.write") or actor.id == item.owner)
    return page(
        request,
        "meetings/item.html",
        title=f"Action item: {item.title}",
        status=form.status,
        form=form,
        item=item,
        meeting=await queries.meeting(actor, item.meeting),
        may_end=mine and item.state == "open",
    )


@get("/action-items/{item_id:str}", opt=READ)
async def show(request: WebRequest, item_id: FromPath[str]) -> Html:
    return await _item_page(request, item_id, Form.blank(EndActionItem, done_on=clock.today()))


@post("/action-items/{item_id:str}", opt=READ)
async def end(request: WebRequest, item_id: FromPath[str]) -> Response[Any]:
    """Whoever owns it may, even without the right to hold meetings: the action decides."""
    actor, form = actor_of(request), await Form.read(request, EndActionItem)
    if form.ok:
        data = form.data
        try:
            if data.act == "drop":
                await actions.drop_action_item(actor, item_id, data.version, reason=data.outcome)
                return redirect(f"/action-items/{item_id}", "Action item dropped.")
            await actions.complete_action_item(actor, item_id, data.version, on=data.done_on, outcome=data.outcome)
            return redirect(f"/action-items/{item_id}", "Action item done.")
        except (Invalid, Stale) as refusal:
            form.refuse(refusal)
    return await _item_page(request, item_id, form)


ROUTES: list[Any] = [listing, new, create, show, end]
