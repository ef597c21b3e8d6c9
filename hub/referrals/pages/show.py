"""One referral: where it stands, what is asked, what happened, and what can be done now."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.kernel.errors import Refusal
from hub.referrals import queries
from hub.referrals.actions import desk
from hub.referrals.actions.opening import open_referral
from hub.referrals.forms import FORM_OF, Plain
from hub.referrals.pages.words import PRIMARY, buttons, context, facts, heading
from hub.referrals.queries import Referral
from hub.referrals.rules import Side, Status, Step
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect


async def render(request: WebRequest, found: Referral, form: Form[Any] | None = None) -> Html:
    """The page of a referral; with `form`, what was refused stands on top."""
    actor, task_id = actor_of(request), found.row.id
    duty = (await queries.next_duties(actor, [task_id])).get(task_id)
    steps = buttons(found.steps)
    return page(
        request,
        "referrals/show.html",
        title=heading(found.row),
        status=form.status if form else 200,
        form=form,
        found=found,
        row=found.row,
        duty=duty,
        context=context(found.row, duty),
        facts=facts(found),
        steps=steps,
        primary=_primary(found, steps),
        needs_form=FORM_OF,
        sent="sent" in request.query_params,
        may_void=found.row.side is Side.REQUESTER
        and found.row.status not in (Status.VOID, Status.DRAFT)
        and actor.can("referral.write"),
    )


def _primary(found: Referral, steps: list[Step]) -> Step | None:
    """The usual act; none where the loop waits to be closed, or the member is withheld from the one who is asked."""
    if found.may_close or (found.withheld and found.row.side is Side.OWNER):
        return None
    return next((step for step in steps if step.event in PRIMARY), None)


@get("/referrals/{task_id:str}", opt={"needs": "referral.read"})
async def show(request: Request[Any, Any, Any], task_id: FromPath[str]) -> Response[Any]:
    return await render(request, await open_referral(actor_of(request), task_id))


@post("/referrals/{task_id:str}/close", opt={"needs": "referral.write"})
async def close(request: Request[Any, Any, Any], task_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, Plain)
    if form.ok:
        try:
            await desk.close_loop(actor_of(request), task_id)
            return redirect(f"/referrals/{task_id}", flash="The loop is closed on both sides.")
        except Refusal as refusal:
            if refusal.status == 404:
                raise
            form.refuse(refusal)
    return await render(request, await open_referral(actor_of(request), task_id), form)


ROUTES: list[Any] = [show, close]
