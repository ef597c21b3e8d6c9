"""All referrals of one's organization, filtered by links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import structlog
from litestar import Request, Response, get

from hub.consent.queries import names_shown
from hub.duties.queries import DutyRow
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Refusal
from hub.mou import queries as mou
from hub.referrals import drafts, queries
from hub.referrals.actions.opening import open_list
from hub.referrals.drafts import Draft
from hub.referrals.pages.words import act_of, attention
from hub.referrals.queries import ReferralRow, lists
from hub.referrals.queries.lists import PAGE, Filter, Tally
from hub.referrals.rules import Side, Status
from hub.web.page import WebRequest, actor_of, page
from hub.web.paging import Paging

TITLE = "Referrals"
_SIDES = {"incoming": Side.OWNER.value, "outgoing": Side.REQUESTER.value}
_STATES = (("open", "Open"), ("closing", "To close"), ("ended", "Ended"), ("all", "All"))
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    row: ReferralRow
    duty: DutyRow | None
    tag: tuple[str, str] | None
    act: str


def _asked(request: WebRequest) -> Filter:
    """From the address; what it does not know shows everything that is open."""
    query = request.query_params
    number, state = query.get("page", "1"), query.get("state", "open")
    return Filter(
        side=_SIDES.get(query.get("side", ""), ""),
        state=state if state in {*dict(_STATES), *Status} else "open",
        partner=query.get("partner", ""),
        page=int(number) if number.isdecimal() and len(number) < 6 else 1,
    )


def _address(filter: Filter) -> str:
    side = next((name for name, value in _SIDES.items() if value == filter.side), "")
    named = {"side": side, "state": "" if filter.state == "open" else filter.state, "partner": filter.partner}
    query = urlencode({name: value for name, value in named.items() if value})
    return f"/referrals?{query}" if query else "/referrals"


@get("/referrals", opt={"needs": "referral.read"})
async def referrals(request: Request[Any, Any, Any]) -> Response[Any]:
    actor, filter = actor_of(request), _asked(request)
    try:
        rows, tally = await open_list(actor, filter), await lists.tally(actor, filter)
        if filter.page > 1 and not rows and (total := tally.of(filter)):  # a page that is no longer there: its last one
            filter = replace(filter, page=-(-total // PAGE))
            rows = await open_list(actor, filter)
        lines = await lines_of(actor, rows)
        extra = await _around(actor, filter, tally)
        none_at_all = not lines and not (await lists.tally(actor, Filter())).of(Filter(state="all"))
    except Refusal:
        raise
    except Exception as error:
        # The person learns on the spot that the list failed, and that it is not empty.
        _log.error("referral list failed", error=type(error).__name__)
        return page(request, "referrals/list.html", title=TITLE, status=503, failed=True)
    return page(
        request,
        "referrals/list.html",
        title=TITLE,
        failed=False,
        filter=filter,
        lines=lines,
        paging=Paging.of(request, tally.of(filter), PAGE),
        none_at_all=none_at_all,
        **extra,
    )


async def lines_of(actor: Actor, rows: list[ReferralRow]) -> list[Line]:
    """Rows with what is owed next: one query for all of them."""
    today, duties = clock.today(), await queries.next_duties(actor, [row.id for row in rows])
    return [
        Line(row, duty, attention(row, duty, today, actor.home), act_of(duty) if duty else "")
        for row, duty in ((row, duties.get(row.id)) for row in rows)
    ]


async def _around(actor: Actor, filter: Filter, tally: Tally) -> dict[str, Any]:
    """Filters with their counts, partners, and one's own unfinished referrals."""
    first = replace(filter, page=1)
    states = [
        (words, _address(shown), filter.state == state, tally.of(shown))
        for state, words in _STATES
        for shown in (replace(first, state=state),)
    ]
    sides = [
        (words, _address(replace(first, side=side)), filter.side == side)
        for side, words in (("", "Both ways"), (_SIDES["incoming"], "Incoming"), (_SIDES["outgoing"], "Outgoing"))
    ]
    unfinished = await drafts.drafts_of(actor) if actor.can("referral.write") and filter == Filter() else []
    return {
        "states": states,
        "sides": sides,
        "partners": await lists.partners(actor),
        "hidden": {"side": _side_name(filter), "state": filter.state if filter.state != "open" else ""},
        "drafts": await about(actor, unfinished),
        "has_agreement": await mou.any_in_force(actor.home, clock.today()),
    }


def _side_name(filter: Filter) -> str:
    return next((name for name, value in _SIDES.items() if value == filter.side), "")


async def about(actor: Actor, unfinished: list[Draft]) -> list[tuple[Draft, str]]:
    """Each unfinished referral with what it is about: `Rosa M., Community Supports`."""
    names = await names_shown(actor, sorted({one.member for one in unfinished if one.member}))
    return [
        (one, ", ".join([names.get(one.member, "Member withheld" if one.member else "No member yet"), _what(one)]))
        for one in unfinished
    ]


def _what(draft: Draft) -> str:
    return draft.service_words or "no service yet"


ROUTES: list[Any] = [referrals]
