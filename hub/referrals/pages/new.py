"""A new referral: a task list whose parts are kept as a draft, a check of the answers, then the act."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.consent.queries import ConsentRow, SeenMember, consents_of, member_seen
from hub.directory import queries as directory
from hub.directory.queries import OrganizationRow
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound, Refusal
from hub.mou import queries as mou
from hub.mou.rules import DataElement
from hub.referrals import drafts
from hub.referrals.actions import desk
from hub.referrals.actions.opening import search_members
from hub.referrals.drafts import Draft
from hub.referrals.forms import AskWhat, ChooseMember, ConsentToSend, FindMember, Need, NewDraft, Plain, Priority
from hub.referrals.pages.lists import about
from hub.referrals.preview import afterwards, preview
from hub.referrals.rules import SERVICE_WORDS
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

TITLE = "New referral"
_PRIORITY = {Priority.ROUTINE: "Routine", Priority.URGENT: "Urgent"}


@get("/referrals/new", opt={"needs": "referral.write"})
async def begin(request: Request[Any, Any, Any]) -> Response[Any]:
    """Where a link leads; starting a draft is a button, because it changes something."""
    actor = actor_of(request)
    return page(
        request,
        "referrals/begin.html",
        title=TITLE,
        drafts=await about(actor, await drafts.drafts_of(actor)),
        has_agreement=await mou.any_in_force(actor.home, clock.today()),
    )


@post("/referrals/new", opt={"needs": "referral.write"})
async def start(request: Request[Any, Any, Any]) -> Response[Any]:
    form = await Form.read(request, NewDraft)
    member = form.data.member if form.ok else None
    return redirect(f"/referrals/new/{await drafts.start(actor_of(request), member)}")


def _at(draft_id: str, part: str = "") -> str:
    return f"/referrals/new/{draft_id}{'/' + part if part else ''}"


async def _member(actor: Actor, draft: Draft) -> SeenMember | None:
    if not draft.member:
        return None
    try:
        return await member_seen(actor, draft.member)
    except NotFound:  # served no longer
        return None


async def _partner(draft: Draft) -> OrganizationRow | None:
    return await directory.organization(draft.partner) if draft.partner else None


@get("/referrals/new/{draft_id:str}", opt={"needs": "referral.write"})
async def task_list(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    draft = await drafts.draft(actor, draft_id)
    member, partner = await _member(actor, draft), await _partner(draft)
    found = await preview(actor, draft.as_new()) if not draft.missing else None
    return page(
        request,
        "referrals/tasks.html",
        title=TITLE,
        draft=draft,
        tasks=_tasks(draft, member, partner, found),
        ready=not draft.missing,
    )


def _tasks(draft: Draft, member: SeenMember | None, partner: OrganizationRow | None, found: Any) -> list[Any]:
    to = f"{draft.service_words}, {partner.short_name}" if partner and draft.service else ""
    consent = "Not looked at yet"
    if found is not None:
        consent = "Found" if found.consented else "Not found"
    ready = member is not None and partner is not None
    return [
        ("Member", _at(draft.id, "member"), "Complete" if member else "Not started", member is not None,
         member.shown if member else "Who is referred"),
        ("Partner and service", _at(draft.id, "to"), "Complete" if to else "Not started", bool(to),
         to or "Who is asked, and what for"),
        ("Reason and need", _at(draft.id, "need"), "Complete" if draft.need else "Not started", bool(draft.need),
         "What the member needs and why"),
        ("Consent", _at(draft.id, "consent") if ready else None, consent if ready else "Cannot start yet",
         found is not None and found.consented,
         "What lets the member’s details go out" if ready else "Choose the member and the partner first"),
    ]  # fmt: skip


@post("/referrals/new/{draft_id:str}/discard", opt={"needs": "referral.write"})
async def discard(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    await drafts.discard(actor_of(request), draft_id)
    return redirect("/referrals", flash="The unfinished referral is discarded. Nothing was sent.")


async def _save(request: WebRequest, draft_id: str, form: Form[Any], **changes: Any) -> Response[Any] | None:
    """Keep a part and go back to the task list; None where it was refused, and `form` says why."""
    try:
        await drafts.save(actor_of(request), draft_id, form.data.version, **changes)
        return redirect(_at(draft_id))
    except Refusal as refusal:
        form.refuse(refusal)
        return None


# The member


@get("/referrals/new/{draft_id:str}/member", opt={"needs": "referral.write"})
async def ask_member(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    return await _member_page(request, draft_id, Form.blank(FindMember))


@post("/referrals/new/{draft_id:str}/member/find", opt={"needs": "referral.write"})
async def find_member(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    """A search is no change, but its words are personal data: so they come in the body, not in the address."""
    form = await Form.read(request, FindMember)
    found = await search_members(actor_of(request), form.data.words) if form.ok else None
    return await _member_page(request, draft_id, form, found)


@post("/referrals/new/{draft_id:str}/member", opt={"needs": "referral.write"})
async def choose_member(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, ChooseMember)
    saved = await _save(request, draft_id, form, member=form.data.member) if form.ok else None
    return saved or await _member_page(request, draft_id, form)


async def _member_page(request: WebRequest, draft_id: str, form: Form[Any], found: Any = None) -> Html:
    actor = actor_of(request)
    draft = await drafts.draft(actor, draft_id)
    return page(
        request,
        "referrals/part_member.html",
        title="Who is referred",
        status=form.status,
        form=form,
        draft=draft,
        chosen=await _member(actor, draft),
        found=found,
    )


# Partner and service


@get("/referrals/new/{draft_id:str}/to", opt={"needs": "referral.write"})
async def ask_to(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    draft = await drafts.draft(actor_of(request), draft_id)
    form = Form.blank(AskWhat, partner=draft.partner, service=draft.service, priority=draft.priority)
    return await _to_page(request, draft, form)


@post("/referrals/new/{draft_id:str}/to", opt={"needs": "referral.write"})
async def save_to(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    form = await Form.read(request, AskWhat)
    if form.ok:
        partners = await mou.partners_of(actor.home, clock.today())
        if form.data.partner not in {one.id for one in partners}:
            form.add("partner", "Choose a partner with whom an MOU is in force")
        if form.data.service not in drafts.services_to_ask(actor):
            form.add("service", "Choose the service from the list")
    saved = None
    if form.ok:
        said = form.data
        saved = await _save(
            request, draft_id, form, partner=said.partner, service=said.service.value, priority=said.priority.value
        )
    return saved or await _to_page(request, await drafts.draft(actor, draft_id), form)


async def _to_page(request: WebRequest, draft: Draft, form: Form[Any]) -> Html:
    actor = actor_of(request)
    partners = await mou.partners_of(actor.home, clock.today())
    if len(partners) == 1 and not form.raw.get("partner"):
        form.raw["partner"] = partners[0].id
    return page(
        request,
        "referrals/part_to.html",
        title="Partner and service",
        status=form.status,
        form=form,
        draft=draft,
        partners=[(one.id, one.name) for one in partners],
        services=[(one.value, SERVICE_WORDS[one]) for one in drafts.services_to_ask(actor)],
        priorities=[(one.value, words) for one, words in _PRIORITY.items()],
    )


# Reason and need


@get("/referrals/new/{draft_id:str}/need", opt={"needs": "referral.write"})
async def ask_need(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    draft = await drafts.draft(actor_of(request), draft_id)
    return await _need_page(request, draft, Form.blank(Need, need=draft.need))


@post("/referrals/new/{draft_id:str}/need", opt={"needs": "referral.write"})
async def save_need(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, Need)
    saved = await _save(request, draft_id, form, need=form.data.need) if form.ok else None
    return saved or await _need_page(request, await drafts.draft(actor_of(request), draft_id), form)


async def _need_page(request: WebRequest, draft: Draft, form: Form[Any]) -> Html:
    return page(
        request,
        "referrals/part_need.html",
        title="Reason and need",
        status=form.status,
        form=form,
        draft=draft,
        to_county=actor_of(request).is_plan,
    )


# Consent


@get("/referrals/new/{draft_id:str}/consent", opt={"needs": "referral.write"})
async def ask_consent(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    draft = await drafts.draft(actor_of(request), draft_id)
    return await _consent_page(request, draft, Form.blank(ConsentToSend))


@post("/referrals/new/{draft_id:str}/consent", opt={"needs": "referral.write"})
async def save_consent(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    form = await Form.read(request, ConsentToSend)
    draft = await drafts.draft(actor, draft_id)
    saved = None
    if form.ok and not set(form.data.consents) <= {one.id for one in await _covering(actor, draft)}:
        form.add("consents", "Choose from the consents that are on file")
    if form.ok:
        saved = await _save(request, draft_id, form, consents=form.data.consents)
    return saved or await _consent_page(request, draft, form)


async def _covering(actor: Actor, draft: Draft) -> list[ConsentRow]:
    """Active consents of the member that let the actor's organization disclose to the partner."""
    if not (draft.member and draft.partner):
        return []
    today = clock.today()
    return [one for one in await consents_of(actor, draft.member) if one.covers(actor.home, draft.partner, today)]


async def _consent_page(request: WebRequest, draft: Draft, form: Form[Any]) -> Response[Any]:
    actor, today = actor_of(request), clock.today()
    member, partner = await _member(actor, draft), await _partner(draft)
    if member is None or partner is None:
        return redirect(_at(draft.id), flash="Choose the member and the partner first.", tone="warning")
    found = await _covering(actor, draft)
    may_send = DataElement.CONSENT in await mou.terms(actor.home, partner.id, today)
    if not form.raw and draft.consents:
        form.raw["consents"] = list(draft.consents)
    return page(
        request,
        "referrals/part_consent.html",
        title="Consent",
        status=form.status,
        form=form,
        draft=draft,
        member=member,
        partner=partner,
        found=found,
        own=[one.id for one in found if one.recorder == actor.home],
        may_send=may_send,
    )


# Checking the answers, and the act


@get("/referrals/new/{draft_id:str}/check", opt={"needs": "referral.write"})
async def check(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    return await _check_page(request, draft_id, Form.blank(Plain))


@post("/referrals/new/{draft_id:str}/check", opt={"needs": "referral.write"})
async def send(request: Request[Any, Any, Any], draft_id: FromPath[str]) -> Response[Any]:
    actor = actor_of(request)
    form = await Form.read(request, Plain)
    draft = await drafts.draft(actor, draft_id)
    if form.ok and form.data.version != draft.version:
        form.add("", "You changed this referral meanwhile, in another window. Check the answers again.")
        form.status = 412
    if form.ok:
        try:
            task = await desk.send_referral(actor, draft.as_new())
            return redirect(f"/referrals/{task}?sent")
        except Refusal as refusal:
            form.refuse(refusal)
    return await _check_page(request, draft_id, form)


async def _check_page(request: WebRequest, draft_id: str, form: Form[Any]) -> Response[Any]:
    actor, today = actor_of(request), clock.today()
    draft = await drafts.draft(actor, draft_id)
    member, partner = await _member(actor, draft), await _partner(draft)
    if draft.missing or member is None or partner is None:
        return redirect(_at(draft_id), flash="Complete every part first.", tone="warning")
    found = await preview(actor, draft.as_new())
    return page(
        request,
        "referrals/check.html",
        title="Check the referral before you send it",
        status=form.status,
        form=form,
        draft=draft,
        member=member,
        partner=partner,
        priority=_PRIORITY[Priority(draft.priority)],
        preview=found,
        then=await afterwards(partner, actor.home, today),
    )


ROUTES: list[Any] = [
    begin, start, task_list, discard, ask_member, find_member, choose_member, ask_to, save_to, ask_need, save_need,
    ask_consent, save_consent, check, send,
]  # fmt: skip
