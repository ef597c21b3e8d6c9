"""Signatures and the steps of an MOU. Before every legal act there is a page that says what it does."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.duties import queries as duties
from hub.duties.queries import UnknownRule
from hub.kernel import clock
from hub.kernel.calendar import long_date
from hub.kernel.errors import NotFound, Refusal
from hub.mou import actions, queries
from hub.mou.forms import PublicationForm, SignatureForm, StepForm
from hub.mou.pages.register import words
from hub.mou.queries import AgreementView, PartyRow
from hub.mou.rules import EVENT_WORDS, STEPS, DataElement, Event, State
from hub.web.forms import Form
from hub.web.page import WebRequest, actor_of, page, redirect


def _party(view: AgreementView, party_id: str) -> PartyRow:
    found = next((one for one in view.parties if one.id == party_id), None)
    if found is None:
        raise NotFound("This MOU has no such party.")
    return found


async def _signature_page(
    request: WebRequest, view: AgreementView, party: PartyRow, form: Form[SignatureForm]
) -> Response[Any]:
    return page(
        request, "mou/signature.html", title=f"Signature of {party.name}", form=form, status=form.status,
        view=view, row=view.row, party=party,
        may_sign=view.state is State.IN_SIGNATURE and actor_of(request).can("mou.sign"), **words(),
    )  # fmt: skip


@get("/mous/{agreement_id:str}/parties/{party:str}", opt={"needs": "mou.write"})
async def show_signature(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], party: FromPath[str]
) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    found = _party(view, party)
    known = {"signatory": found.signatory, "title": found.signatory_title, "signed_on": found.signed_on}
    return await _signature_page(request, view, found, Form.blank(SignatureForm, **known))


@post("/mous/{agreement_id:str}/parties/{party:str}", opt={"needs": "mou.write"})
async def sign(request: Request[Any, Any, Any], agreement_id: FromPath[str], party: FromPath[str]) -> Response[Any]:
    """Who signs for a party and, once it is in signature, when they signed."""
    form = await Form.read(request, SignatureForm)
    actor = actor_of(request)
    if form.ok:
        data = form.data
        try:
            if data.signed_on is None:
                await actions.name_signatory(actor, agreement_id, party, data.signatory, data.title, data.version)
            else:
                await actions.sign_party(
                    actor, agreement_id, party, signatory=data.signatory, title=data.title,
                    signed_on=data.signed_on, version=data.version,
                )  # fmt: skip
            done = "Signature recorded." if data.signed_on else "Signatory recorded."
            return redirect(f"/mous/{agreement_id}#parties", flash=done)
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    view = await queries.agreement(actor, agreement_id)
    return await _signature_page(request, view, _party(view, party), form)


async def _next_words(view: AgreementView) -> list[str]:
    """What happens after execution, with the limits of the rules in force."""
    today, row = clock.today(), view.row
    found = [
        f"From {long_date(row.effective_date) if row.effective_date else 'its effective date'} on, the data elements"
        " of Exhibit C may be exchanged, and nothing else. A member’s consent is still needed.",
    ]
    for rule, text in (
        ("mou-published", f"{row.plan_name} posts the MOU on its website"),
        ("meeting-quarterly", "The two sides meet every quarter"),
        ("mou-annual-review", "Both sides review the MOU and its data elements every year"),
    ):
        try:
            limit = (await duties.rule_in_force(rule, today)).limit
            found.append(f"{text} (limit: {limit}).")
        except UnknownRule:
            found.append(f"{text}.")
    return found


async def _execute_page(request: WebRequest, view: AgreementView, form: Form[StepForm]) -> Response[Any]:
    missing = view.missing
    return page(
        request,
        "mou/execute.html",
        title="Check before you execute this MOU",
        form=form,
        status=form.status,
        view=view,
        row=view.row,
        missing=missing,
        may=Event.EXECUTE in view.possible(actor_of(request)),
        done=(view.state, Event.EXECUTE) not in STEPS and not missing,
        consequences=await _next_words(view),
        elements=list(DataElement),
        **words(),
    )


@get("/mous/{agreement_id:str}/execute", opt={"needs": "mou.read"})
async def show_execute(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    return await _execute_page(request, view, Form.blank(StepForm, on=clock.today()))


@post("/mous/{agreement_id:str}/execute", opt={"needs": "mou.read"})
async def execute(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    return await _take(request, agreement_id, Event.EXECUTE)


async def _step_page(request: WebRequest, view: AgreementView, event: Event, form: Form[StepForm]) -> Response[Any]:
    return page(
        request, "mou/step.html", title=EVENT_WORDS[event], form=form, status=form.status, view=view,
        row=view.row, event=event, step=STEPS.get((view.state, event)),
        may=event in view.possible(actor_of(request)), **words(),
    )  # fmt: skip


def _event(name: str) -> Event:
    if name not in set(Event) or Event(name) in (Event.EXPIRE, Event.RENEW):
        raise NotFound("There is no such step.")
    return Event(name)


@get("/mous/{agreement_id:str}/steps/{event:str}", opt={"needs": "mou.read"})
async def show_step(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], event: FromPath[str]
) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    chosen = _event(event)
    if chosen is Event.EXECUTE:
        return redirect(f"/mous/{agreement_id}/execute")
    return await _step_page(request, view, chosen, Form.blank(StepForm, on=clock.today()))


@post("/mous/{agreement_id:str}/steps/{event:str}", opt={"needs": "mou.read"})
async def take_step(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], event: FromPath[str]
) -> Response[Any]:
    return await _take(request, agreement_id, _event(event))


async def _take(request: WebRequest, agreement_id: str, event: Event) -> Response[Any]:
    form = await Form.read(request, StepForm)
    actor = actor_of(request)
    if form.ok:
        data = form.data
        try:
            to = await actions.move(actor, agreement_id, event, data.version, data.on, data.note or None)
            done = f"{EVENT_WORDS[event]}: done. The MOU is now “{words()['state_words'][to]}”."
            return redirect(f"/mous/{agreement_id}", flash=done)
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    view = await queries.agreement(actor, agreement_id)
    if event is Event.EXECUTE:
        return await _execute_page(request, view, form)
    return await _step_page(request, view, event, form)


async def _publication_page(request: WebRequest, view: AgreementView, form: Form[PublicationForm]) -> Response[Any]:
    return page(
        request, "mou/publication.html", title="Record where the MOU is posted", form=form, status=form.status,
        view=view, row=view.row, **words(),
    )  # fmt: skip


@get("/mous/{agreement_id:str}/publication", opt={"needs": "mou.write"})
async def publication(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    view = await queries.agreement(actor_of(request), agreement_id)
    known = {"address": view.row.published_at, "on": view.row.published_on or clock.today()}
    return await _publication_page(request, view, Form.blank(PublicationForm, **known))


@post("/mous/{agreement_id:str}/publication", opt={"needs": "mou.write"})
async def record_publication(request: Request[Any, Any, Any], agreement_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, PublicationForm)
    if form.ok:
        data = form.data
        try:
            await actions.record_publication(actor_of(request), agreement_id, data.address, data.on, data.version)
            return redirect(f"/mous/{agreement_id}", flash="The posting is recorded.")
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    return await _publication_page(request, await queries.agreement(actor_of(request), agreement_id), form)


ROUTES: list[Any] = [
    show_signature, sign, show_execute, execute, show_step, take_step, publication, record_publication,
]  # fmt: skip
