"""Whom do I ask? The people of the own organization and of its partners."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get

from hub.directory import queries
from hub.directory.rules import ASK_ABOUT, phone_in_words
from hub.kernel import clock
from hub.web.page import actor_of, page


@get("/directory", opt={"needs": "directory.read"})
async def show(request: Request[Any, Any, Any]) -> Response[Any]:
    """Each partner with its positions, who holds them, and our own people towards it."""
    actor = actor_of(request)
    chosen = request.query_params.get("partner") or None
    everybody = await queries.contacts(actor, clock.today())
    partners = [(one.organization.id, one.organization.name) for one in everybody if not one.own]
    shown = await queries.contacts(actor, clock.today(), chosen) if chosen else everybody
    return page(
        request,
        "directory/directory.html",
        title="Directory: whom do I ask?",
        shown=shown,
        partners=partners,
        chosen=chosen,
        ask_about=ASK_ABOUT,
        phone=phone_in_words,
    )


ROUTES: list[Any] = [show]
SUBJECTS = {"PractitionerRole": "/directory"}
