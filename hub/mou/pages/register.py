"""The register, one MOU, and the comparison of two."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.params import FromPath

from hub.directory.rules import NAMES, phone_in_words
from hub.duties import queries as duties
from hub.kernel import clock
from hub.mou import queries
from hub.mou.queries import AgreementView, Filter
from hub.mou.rules import (
    EDITABLE,
    ELEMENT_WORDS,
    EVENT_WORDS,
    RENEWAL_WORDS,
    SECTION_NAMES,
    STATE_WORDS,
    TEMPLATE_WORDS,
    Contents,
    DataElement,
    Event,
    Section,
    missing_for_execution,
    missing_in_text,
)
from hub.mou.template import REQUIREMENTS
from hub.web.page import actor_of, page
from hub.web.paging import Paging

TABS = (("All", None, "all"), ("Before execution", "open", "open"), ("In force", "in_force", "in_force"),
        ("Ended", "ended", "ended"))  # fmt: skip


def words() -> dict[str, Any]:
    """The vocabulary that every page of an MOU uses."""
    return {
        "state_words": STATE_WORDS,
        "event_words": EVENT_WORDS,
        "section_names": SECTION_NAMES,
        "element_words": ELEMENT_WORDS,
        "position_names": NAMES,
        "renewal_words": RENEWAL_WORDS,
        "template_words": TEMPLATE_WORDS,
        "phone": phone_in_words,
    }


@get("/mous", opt={"needs": "mou.read"})
async def register(request: Request[Any, Any, Any]) -> Response[Any]:
    """Every MOU of the own organization, with what wants attention."""
    actor = actor_of(request)
    state, partner = request.query_params.get("state") or None, request.query_params.get("partner") or None
    counts = await queries.counts(actor)
    rows = await queries.agreements(actor, Filter(state, partner))
    paging = Paging.of(request, len(rows))

    def address(name: str | None) -> str:
        query = {key: value for key, value in (("state", name), ("partner", partner)) if value}
        return f"/mous?{urlencode(query)}" if query else "/mous"

    return page(
        request,
        "mou/register.html",
        title="MOUs",
        rows=rows[paging.offset : paging.offset + paging.size],
        tabs=[(label, address(name), state == name, counts[key]) for label, name, key in TABS],
        counts=counts,
        paging=paging,
        filtered=bool(state or partner),
        **words(),
    )


def _issues_by_part(contents: Contents) -> dict[str, list[str]]:
    """What is missing, under the part of the page where it is mended."""
    parts: dict[str, list[str]] = {}
    for issue in missing_for_execution(contents):
        parts.setdefault(issue.where.split(":")[0], []).append(issue.words)
    return parts


def steps_of(view: AgreementView, request: Request[Any, Any, Any]) -> list[Event]:
    return view.possible(actor_of(request))


@get("/mous/{agreement_id:str}", opt={"needs": "mou.read"})
async def show(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    """One MOU whole: its text, people, signatures, data elements, what is owed, and its history."""
    actor = actor_of(request)
    view = await queries.agreement(actor, agreement_id)
    owed = await duties.duties_of(("Agreement", agreement_id), clock.today(), seen_by=actor_of(request).home)
    open_ones = sorted((d for d in owed if d.state == "open"), key=lambda d: d.due_on)
    editable = view.state in EDITABLE and actor.can("mou.write")
    return page(
        request,
        "mou/show.html",
        title=view.row.title,
        view=view,
        row=view.row,
        before=not view.row.in_force and view.state.value not in ("expired", "terminated"),
        editable=editable,
        missing=view.missing,
        text_is_whole=not missing_in_text(view.contents),
        parts=_issues_by_part(view.contents),
        steps=steps_of(view, request),
        duties=open_ones,
        settled=[d for d in owed if d.state != "open"],
        elements=list(DataElement),
        **words(),
    )


@get("/mous/{agreement_id:str}/compare", opt={"needs": "mou.read"})
async def compare(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    """Two MOUs of the own organization, section by section, side by side."""
    actor = actor_of(request)
    view = await queries.agreement(actor, agreement_id)
    others = [r for r in await queries.agreements(actor) if r.agreement.id != agreement_id]
    chosen = request.query_params.get("with") or None
    other = await queries.agreement(actor, chosen) if chosen else None
    return page(
        request,
        "mou/compare.html",
        title=f"Compare: {view.row.title}",
        view=view,
        other=other,
        others=others,
        chosen=chosen,
        sections=list(Section),
        requirements=REQUIREMENTS,
        **words(),
    )


ROUTES: list[Any] = [register, show, compare]
