"""Recording a member's consent with a check of the answers, showing one, and taking it back."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.audit.actions import Entry, record
from hub.consent import actions
from hub.consent.document import consent as consent_document
from hub.consent.forms import FORM_WORDS, Answer, Direction, NewConsent, Revocation, Step
from hub.consent.queries import ConsentRow, SeenMember, consent_shown, member_seen
from hub.consent.rules import SENSITIVE
from hub.directory.queries import OrganizationRow
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound, Refusal
from hub.mou import queries as mou
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

_DECIDED = {
    Answer.AGREES: ("The member agrees", "Signed. The two sides may share what the MOU says, to coordinate care."),
    Answer.REFUSES: ("The member refuses", "Recorded so that nobody asks again without need. It lets nothing out."),
}
_DIRECTIONS = {
    Direction.BOTH: "Both ways: each side may share with the other",
    Direction.OUT: "One way: only from us to them",
}


@get("/members/{member_id:str}/consents/new", opt={"needs": "consent.write"})
async def new(request: Request[Any, Any, Any], member_id: FromPath[str]) -> Response[Any]:
    form = Form.blank(NewConsent, given_on=clock.today(), direction=Direction.BOTH)
    if partner := request.query_params.get("partner"):
        form.raw["partner"] = partner
    return await _form_page(request, member_id, form)


@post("/members/{member_id:str}/consents/new", opt={"needs": "consent.write"})
async def create(request: Request[Any, Any, Any], member_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    form = await Form.read(request, NewConsent)
    if form.raw.get("step") == Step.EDIT:
        return await _form_page(request, member_id, Form.blank(NewConsent, **form.raw))
    partner = await _check(actor, form)
    if form.ok and partner is not None:
        if form.data.step is Step.CHECK:
            return await _check_page(request, member_id, form, partner)
        try:
            await _store(actor, member_id, form.data)
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            words = "The consent is recorded." if form.data.answer is Answer.AGREES else "The refusal is recorded."
            return redirect(f"/members/{member_id}", flash=words)
    return await _form_page(request, member_id, form)


async def _check(actor: Actor, form: Form[NewConsent]) -> OrganizationRow | None:
    """What a field alone cannot tell; the partner that was chosen."""
    if not form.ok:
        return None
    for issue in form.data.problems():
        form.add(issue.where, issue.words)
    partners = {one.id: one for one in await mou.partners_of(actor.home, clock.today())}
    if form.data.partner not in partners:
        form.add("partner", "Choose a partner with whom an MOU is in force")
    return partners.get(form.data.partner)


async def _store(actor: Actor, member_id: str, said: NewConsent) -> None:
    refused = said.answer is Answer.REFUSES
    await member_seen(actor, member_id)  # 404 for a member whom the organization does not serve
    await actions.record_consent(
        actor,
        consent_document(
            member=member_id,
            given_on=said.given_on,
            from_date=said.starts,
            until_date=said.until_date,
            organizations=(actor.home, said.partner),
            two_way=said.direction is Direction.BOTH,
            form=said.source,
            labels=() if refused else tuple(said.labels),
            refused=refused,
        ),
    )


async def _form_page(request: WebRequest, member_id: str, form: Form[NewConsent]) -> Html:
    actor = actor_of(request)
    partners = await mou.partners_of(actor.home, clock.today())
    if len(partners) == 1 and not form.raw.get("partner"):
        form.raw["partner"] = partners[0].id
    return page(
        request,
        "consent/new.html",
        title="Record a consent",
        status=form.status,
        form=form,
        member=await _seen(actor, member_id),
        partners=[(one.id, one.name) for one in partners],
        decisions=[(one.value, *words) for one, words in _DECIDED.items()],
        directions=[(one.value, words) for one, words in _DIRECTIONS.items()],
        forms=[(one.value, words) for one, words in FORM_WORDS.items()],
        sensitive=list(SENSITIVE.items()),
    )


async def _check_page(request: WebRequest, member_id: str, form: Form[NewConsent], partner: OrganizationRow) -> Html:
    actor, said = actor_of(request), form.data
    return page(
        request,
        "consent/check.html",
        title="Check the consent before you record it",
        form=form,
        said=said,
        refused=said.answer is Answer.REFUSES,
        decided=_DECIDED[said.answer][0],
        both=said.direction is Direction.BOTH,
        member=await _seen(actor, member_id),
        partner=partner,
        labels=[SENSITIVE.get(label, label) for label in said.labels],
        kept=_hidden(form),
    )


def _hidden(form: Form[NewConsent]) -> list[tuple[str, str]]:
    """What was typed, to be sent again with the act: nothing is stored before it."""
    fields = [name for name in NewConsent.model_fields if name != "step"]
    return [(name, value) for name in fields for value in form.values(name)]


async def _seen(actor: Actor, member_id: str) -> SeenMember:
    seen = await member_seen(actor, member_id)
    entry = Entry("members:member:read", "Patient", member_id, member=member_id, basis=seen.basis)
    await record(actor, entry)
    return seen


# One consent


@get("/consents/{consent_id:str}", opt={"needs": "consent.read"})
async def show(request: Request[Any, Any, Any], consent_id: FromPath[str]) -> Response[Any]:
    return await _consent_page(request, consent_id, "consent/show.html", "Consent", Form.blank(Revocation))


@get("/consents/{consent_id:str}/revoke", opt={"needs": "consent.write"})
async def ask_revoke(request: Request[Any, Any, Any], consent_id: FromPath[str]) -> Response[Any]:
    return await _consent_page(request, consent_id, "consent/revoke.html", "Revoke consent", Form.blank(Revocation))


@post("/consents/{consent_id:str}/revoke", opt={"needs": "consent.write"})
async def revoke(request: Request[Any, Any, Any], consent_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    form = await Form.read(request, Revocation)
    if form.ok:
        try:
            await actions.revoke(actor, consent_id, form.data.version)
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            row = await consent_shown(actor, consent_id)
            return redirect(f"/members/{row.member}", flash="The consent is revoked. Nothing more goes out under it.")
    return await _consent_page(request, consent_id, "consent/revoke.html", "Revoke consent", form)


async def _consent_page(
    request: WebRequest, consent_id: str, template: str, title: str, form: Form[Revocation]
) -> Html:
    actor = actor_of(request)
    row = await consent_shown(actor, consent_id)
    await record(actor, Entry("consent:consent:read", "Consent", consent_id, member=row.member))
    seen = await _member_of(actor, row)
    return page(
        request,
        template,
        title=f"{title} of {seen.shown}" if seen else title,
        status=form.status,
        form=form,
        row=row,
        member=seen,
        state=row.state_on(clock.today()),
        labels=[SENSITIVE.get(label, label) for label in row.labels],
    )


async def _member_of(actor: Actor, row: ConsentRow) -> SeenMember | None:
    """None for those who see consents but not members, such as compliance officers."""
    if not actor.can("member.read"):
        return None
    try:
        return await member_seen(actor, row.member)
    except NotFound:
        return None


ROUTES: list[Any] = [new, create, show, ask_revoke, revoke]
SUBJECTS = {"Consent": "/consents/{id}"}
