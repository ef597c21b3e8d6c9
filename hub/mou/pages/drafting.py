"""Recording an MOU and filling it in."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.directory import queries as directory
from hub.kernel import clock
from hub.kernel.errors import NotFound, Refusal
from hub.mou import actions, queries
from hub.mou.forms import DetailsForm, EffortForm, ElementsForm, NewAgreementForm, PartyForm, SectionForm
from hub.mou.pages.register import words
from hub.mou.queries import AgreementView
from hub.mou.rules import (
    BEFORE_EXECUTION,
    EDITABLE,
    IN_FORCE,
    DataElement,
    NewAgreement,
    Renewal,
    Section,
)
from hub.mou.template import REQUIREMENTS
from hub.web.forms import Form
from hub.web.page import WebRequest, actor_of, page, redirect


async def _new_page(request: WebRequest, form: Form[NewAgreementForm]) -> Response[Any]:
    actor = actor_of(request)
    counties = await directory.organizations("county")
    plans = await directory.organizations("plan")
    if actor.is_county:
        counties = [one for one in counties if one.id == actor.organization]
    elif actor.is_plan:
        plans = [one for one in plans if one.id == actor.organization]
    return page(
        request,
        "mou/new.html",
        title="Record an MOU",
        form=form,
        status=form.status,
        counties=[(one.id, one.name) for one in counties],
        plans=[(one.id, one.name) for one in plans],
        **words(),
    )


@get("/mous/new", opt={"needs": "mou.write"})
async def new(request: Request[Any, Any, Any]) -> Response[Any]:
    actor = actor_of(request)
    own = {"county": actor.organization} if actor.is_county else {"plan": actor.organization}
    known: dict[str, Any] = {**own, "renewal": Renewal.AUTOMATIC, "template": "dhcs-ihss-2024"}
    return await _new_page(request, Form.blank(NewAgreementForm, **known))


@post("/mous/new", opt={"needs": "mou.write"})
async def create(request: Request[Any, Any, Any]) -> Response[Any]:
    form = await Form.read(request, NewAgreementForm)
    if form.ok:
        data = form.data
        try:
            made = await actions.record_agreement(actor_of(request), NewAgreement(**data.model_dump()))
            return redirect(f"/mous/{made}", flash="MOU recorded. Now fill in its sections and name its people.")
        except Refusal as refusal:
            form.refuse(refusal)
    return await _new_page(request, form)


async def _details_page(request: WebRequest, view: AgreementView, form: Form[DetailsForm]) -> Response[Any]:
    return page(
        request, "mou/details.html", title="Dates and terms", form=form, status=form.status, view=view,
        row=view.row, **words(),
    )  # fmt: skip


@get("/mous/{agreement_id:str}/details", opt={"needs": "mou.write"})
async def details(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    row = view.row
    known: dict[str, Any] = {
        "title": row.title, "effective_date": row.effective_date, "end_date": row.end_date,
        "renewal": row.renewal or Renewal.FIXED, "template": row.template,
    }  # fmt: skip
    if row.collects_consent_for_both:
        known["collects_consent_for_both"] = "true"
    return await _details_page(request, view, Form.blank(DetailsForm, **known))


@post("/mous/{agreement_id:str}/details", opt={"needs": "mou.write"})
async def change_details(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, DetailsForm)
    if form.ok:
        try:
            await actions.change_details(actor_of(request), agreement_id, **form.data.model_dump())
            return redirect(f"/mous/{agreement_id}", flash="Dates and terms saved.")
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    view = await queries.agreement(actor_of(request), agreement_id)
    return await _details_page(request, view, form)


async def _section_page(
    request: WebRequest, view: AgreementView, section: Section, form: Form[SectionForm]
) -> Response[Any]:
    order = list(Section)
    at = order.index(section)
    return page(
        request,
        "mou/section.html",
        title=words()["section_names"][section],
        form=form,
        status=form.status,
        view=view,
        row=view.row,
        section=section,
        filled=view.sections[section],
        requirement=REQUIREMENTS[section],
        number=at + 1,
        following=order[at + 1] if at + 1 < len(order) else None,
        editable=view.state in EDITABLE and actor_of(request).can("mou.write"),
        **words(),
    )


def _section(name: str) -> Section:
    if name not in set(Section):
        raise NotFound("An MOU has no such section.")
    return Section(name)


@get("/mous/{agreement_id:str}/sections/{section:str}", opt={"needs": "mou.read"})
async def show_section(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], section: FromPath[str]
) -> Response[Any]:
    """The template's requirement beside what the parties agreed."""
    chosen = _section(section)
    view = await queries.agreement(actor_of(request), agreement_id)
    filled = view.sections[chosen]
    known = {"terms": filled.terms, **({"complete": "true"} if filled.complete else {})}
    return await _section_page(request, view, chosen, Form.blank(SectionForm, **known))


@post("/mous/{agreement_id:str}/sections/{section:str}", opt={"needs": "mou.write"})
async def fill_section(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], section: FromPath[str]
) -> Response[Any]:
    chosen = _section(section)
    form = await Form.read(request, SectionForm)
    if form.ok:
        data = form.data
        try:
            await actions.fill_section(actor_of(request), agreement_id, chosen, data.terms, data.complete, data.version)
            return redirect(f"/mous/{agreement_id}#sections", flash=f"“{words()['section_names'][chosen]}” saved.")
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    view = await queries.agreement(actor_of(request), agreement_id)
    return await _section_page(request, view, chosen, form)


async def _elements_page(request: WebRequest, view: AgreementView, form: Form[ElementsForm]) -> Response[Any]:
    actor = actor_of(request)
    return page(
        request,
        "mou/elements.html",
        title="Data elements (Exhibit C)",
        form=form,
        status=form.status,
        view=view,
        row=view.row,
        elements=list(DataElement),
        editable=view.state in EDITABLE and actor.can("mou.write"),
        amendable=view.state in IN_FORCE and actor.can("mou.sign"),
        **words(),
    )


@get("/mous/{agreement_id:str}/elements", opt={"needs": "mou.read"})
async def show_elements(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    ticked = [f"{d.discloser}:{d.recipient}:{one}" for d in view.directions for one in d.elements]
    return await _elements_page(request, view, Form.blank(ElementsForm, share=ticked))


@post("/mous/{agreement_id:str}/elements", opt={"needs": "mou.write"})
async def agree_elements(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    """Before execution the matrix is agreed as a whole; in force each changed direction is an amendment."""
    actor = actor_of(request)
    form = await Form.read(request, ElementsForm)
    view = await queries.agreement(actor, agreement_id)
    if form.ok:
        agreed: dict[tuple[str, str], set[str]] = {(d.discloser, d.recipient): set() for d in view.directions}
        for ticked in form.data.share:
            discloser, _, rest = ticked.partition(":")
            recipient, _, element = rest.partition(":")
            if (discloser, recipient) in agreed and element in set(DataElement):
                agreed[discloser, recipient].add(element)
        try:
            if view.state in IN_FORCE:
                await actions.amend_exhibit(actor, agreement_id, agreed, form.data.note, form.data.version)
            else:
                await actions.agree_exhibit(actor, agreement_id, agreed, form.data.version)
            return redirect(f"/mous/{agreement_id}#elements", flash="Data elements saved.")
        except Refusal as refusal:
            form.refuse(refusal)
            view = await queries.agreement(actor, agreement_id)
    return await _elements_page(request, view, form)


async def _parties_page(request: WebRequest, view: AgreementView, form: Form[PartyForm]) -> Response[Any]:
    taken = {party.organization for party in view.parties}
    plans = [(one.id, one.name) for one in await directory.organizations("plan") if one.id not in taken]
    return page(
        request, "mou/add_party.html", title="Add a party", form=form, status=form.status, view=view,
        row=view.row, plans=plans, **words(),
    )  # fmt: skip


@get("/mous/{agreement_id:str}/parties", opt={"needs": "mou.write"})
async def parties(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    return await _parties_page(request, view, Form.blank(PartyForm))


@post("/mous/{agreement_id:str}/parties", opt={"needs": "mou.write"})
async def add_party(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, PartyForm)
    if form.ok:
        data = form.data
        try:
            await actions.add_party(actor_of(request), agreement_id, data.organization, data.role, data.version)
            return redirect(f"/mous/{agreement_id}#parties", flash="Party added.")
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    return await _parties_page(request, await queries.agreement(actor_of(request), agreement_id), form)


async def _efforts_page(request: WebRequest, view: AgreementView, form: Form[EffortForm]) -> Response[Any]:
    return page(
        request, "mou/efforts.html", title="Good-faith efforts", form=form, status=form.status, view=view,
        row=view.row, efforts=[one for one in view.events if one.event == "effort"],
        open=view.state in BEFORE_EXECUTION and actor_of(request).can("mou.write"), **words(),
    )  # fmt: skip


@get("/mous/{agreement_id:str}/efforts", opt={"needs": "mou.read"})
async def efforts(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    return await _efforts_page(request, view, Form.blank(EffortForm, on=clock.today()))


@post("/mous/{agreement_id:str}/efforts", opt={"needs": "mou.write"})
async def log_effort(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, EffortForm)
    if form.ok:
        try:
            await actions.log_effort(actor_of(request), agreement_id, form.data.on, form.data.note)
            return redirect(f"/mous/{agreement_id}/efforts", flash="Effort recorded.")
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    return await _efforts_page(request, await queries.agreement(actor_of(request), agreement_id), form)


ROUTES: list[Any] = [
    new, create, details, change_details, show_section, fill_section, show_elements, agree_elements, parties,
    add_party, efforts, log_effort,
]  # fmt: skip
