"""Pages of the agenda: look it over, add, reword, take off."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from hub.kernel.errors import Invalid, WrongStep
from hub.meetings import actions, queries
from hub.meetings.forms import ItemWords, NewItem
from hub.meetings.rules import TOPIC_WORDS, State
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

WRITE = {"needs": "meeting.write"}


async def _agenda_page(request: WebRequest, meeting_id: str, form: Form[NewItem]) -> Html:
    actor = actor_of(request)
    row = await queries.meeting(actor, meeting_id)
    if row.state != State.SCHEDULED:
        raise WrongStep("The agenda changes only until the meeting is held.")
    items, hidden = await queries.agenda(actor, meeting_id)
    return page(
        request,
        "meetings/agenda.html",
        title=f"Agenda: {row.county_name} and {row.plan_name}",
        status=form.status,
        form=form,
        meeting=row,
        agenda=queries.grouped([item for item in items if not item.removed]),
        removed=[item for item in items if item.removed],
        hidden=hidden,
        topics=[(topic.value, words) for topic, words in TOPIC_WORDS.items()],
    )


@get("/meetings/{meeting_id:str}/agenda", opt=WRITE)
async def edit(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    return await _agenda_page(request, meeting_id, Form.blank(NewItem))


@post("/meetings/{meeting_id:str}/agenda", opt=WRITE)
async def add(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, NewItem)
    if form.ok:
        data = form.data
        try:
            item = await actions.add_item(
                actor_of(request), meeting_id, data.topic, data.title, confidential=data.confidential
            )
            return redirect(f"/meetings/{meeting_id}/agenda#item-{item}", "Item added.")
        except Invalid as refusal:
            form.refuse(refusal)
    return await _agenda_page(request, meeting_id, form)


@post("/meetings/{meeting_id:str}/agenda/refresh", opt=WRITE)
async def refresh(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    added = await actions.refresh_agenda(actor_of(request), meeting_id)
    words = "Nothing new came up." if not added else f"{added} new item{'' if added == 1 else 's'}."
    return redirect(f"/meetings/{meeting_id}/agenda", words)


@get("/agenda-items/{item_id:str}", opt=WRITE)
async def reword_form(request: WebRequest, item_id: FromPath[str]) -> Html:
    row, item = await queries.agenda_item(actor_of(request), item_id)
    return _reword_page(request, row, item, Form.blank(ItemWords, title=item.title))


def _reword_page(request: WebRequest, row: queries.MeetingRow, item: queries.AgendaRow, form: Form[ItemWords]) -> Html:
    return page(
        request,
        "meetings/agenda_item.html",
        title="Reword an agenda item",
        status=form.status,
        form=form,
        meeting=row,
        item=item,
    )


@post("/agenda-items/{item_id:str}", opt=WRITE)
async def reword(request: WebRequest, item_id: FromPath[str]) -> Response[Any]:
    actor, form = actor_of(request), await Form.read(request, ItemWords)
    row, item = await queries.agenda_item(actor, item_id)
    if form.ok:
        try:
            await actions.edit_item(actor, item_id, form.data.title)
            return redirect(f"/meetings/{row.id}/agenda#item-{item_id}", "Item reworded.")
        except Invalid as refusal:
            form.refuse(refusal)
    return _reword_page(request, row, item, form)


@post("/agenda-items/{item_id:str}/remove", opt=WRITE)
async def remove(request: WebRequest, item_id: FromPath[str]) -> Response[Any]:
    row, _ = await queries.agenda_item(actor_of(request), item_id)
    await actions.remove_item(actor_of(request), item_id)
    return redirect(f"/meetings/{row.id}/agenda", "Item taken off the agenda. It stands below, to be put back.")


@post("/agenda-items/{item_id:str}/restore", opt=WRITE)
async def restore(request: WebRequest, item_id: FromPath[str]) -> Response[Any]:
    row, _ = await queries.agenda_item(actor_of(request), item_id)
    await actions.remove_item(actor_of(request), item_id, back=True)
    return redirect(f"/meetings/{row.id}/agenda#item-{item_id}", "Item put back.")


ROUTES: list[Any] = [edit, add, refresh, reword_form, reword, remove, restore]
