"""Members: finding one, and the page of one, with what the organization may know of them now."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.consent.queries import Found, SeenMember, consents_of
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.members.forms import Search
from hub.members.queries import served_by
from hub.referrals.actions.opening import open_list, open_member, reveal_cin, search_members
from hub.referrals.member_history import history_of
from hub.referrals.pages.lists import lines_of
from hub.referrals.queries import ReferralRow
from hub.referrals.queries.lists import Filter, tally
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

TITLE = "Members"
_NOT_KEPT = {"Cache-Control": "no-store"}


@get("/members", opt={"needs": "member.read"})
async def members(request: Request[Any, Any, Any]) -> Response[Any]:
    return await _search_page(request, Form.blank(Search), None)


@get("/search", opt={"needs": "member.read"})
async def search_form(request: Request[Any, Any, Any]) -> Response[Any]:
    """The search takes no words from an address: they would be kept in logs and histories."""
    return redirect("/members")


@post("/search", opt={"needs": "member.read"})
async def search(request: Request[Any, Any, Any]) -> Response[Any]:
    form = await Form.read(request, Search)
    found = await search_members(actor_of(request), form.data.words) if form.ok else None
    return await _search_page(request, form, found)


async def _search_page(request: WebRequest, form: Form[Search], found: list[Found] | None) -> Html:
    actor = actor_of(request)
    open_ones: list[tuple[ReferralRow, int]] = []
    if found is None:
        by_member: dict[str, list[ReferralRow]] = {}
        for row in await open_list(actor, Filter()):
            if row.member_name:
                by_member.setdefault(row.member, []).append(row)
        open_ones = [(its[0], len(its)) for its in by_member.values()]
    return page(
        request,
        "members/search.html",
        title=TITLE,
        status=form.status,
        headers=_NOT_KEPT,
        form=form,
        found=found,
        open_ones=open_ones,
    )


@get("/members/{member_id:str}", opt={"needs": "member.read"})
async def show(request: Request[Any, Any, Any], member_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    return await _member_page(request, actor, await open_member(actor, member_id))


@post("/members/{member_id:str}/reveal", opt={"needs": "member.read"})
async def reveal(request: Request[Any, Any, Any], member_id: FromPath[str]) -> Response[Any]:
    """Shows the CIN once, in this answer only: it changes nothing but the trail, so there is nothing to redirect to."""
    actor = actor_of(request)
    cin = await reveal_cin(actor, member_id)
    return await _member_page(request, actor, await open_member(actor, member_id), cin)


async def _member_page(request: WebRequest, actor: Actor, seen: SeenMember, cin: str | None = None) -> Html:
    everything = Filter(member=seen.id, state="all")
    rows = await open_list(actor, everything)
    served = await served_by(actor, seen.id) if seen.row else {}
    return page(
        request,
        "members/show.html",
        title=seen.shown,
        headers=_NOT_KEPT,
        seen=seen,
        cin=cin,
        context=_context(seen, served),
        lines=await lines_of(actor, rows),
        total=(await tally(actor, everything)).of(everything),
        consents=await consents_of(actor, seen.id) if actor.can("consent.read") else [],
        events=await history_of(actor, seen.id),
        today=clock.today(),
    )


def _context(seen: SeenMember, served: dict[str, str]) -> list[tuple[str, str]]:
    row = seen.row
    return [
        ("CIN", seen.cin_end),
        ("Case number", (row.case_number or "") if row else ""),
        ("County", served.get("county", "")),
        ("Plan", served.get("plan", "")),
    ]


ROUTES: list[Any] = [members, search_form, search, show, reveal]
