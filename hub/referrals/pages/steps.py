"""The steps of a referral: one button, or one small page with what the step asks for."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.kernel import clock
from hub.kernel.errors import NotFound, Refusal, Stale
from hub.referrals import queries
from hub.referrals.actions import desk
from hub.referrals.actions.opening import open_referral
from hub.referrals.forms import FORM_OF, Ending, Hold, Outcome, Plain
from hub.referrals.pages.show import render
from hub.referrals.pages.words import after, closure_options, context, heading
from hub.referrals.queries import Referral
from hub.referrals.rules import STEPS, Event, Step, step_for_event
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

_DONE = {
    Event.SEND: "The referral is sent.",
    Event.ACCEPT: "You accepted the referral.",
    Event.DECLINE: "You declined the referral.",
    Event.START: "Work on the referral is started.",
    Event.HOLD: "The referral is on hold.",
    Event.RESUME: "Work on the referral goes on.",
    Event.COMPLETE: "The outcome is recorded and the referral is completed.",
    Event.FAIL: "The referral has ended without the service.",
    Event.CANCEL: "The referral is cancelled.",
    Event.VOID: "The referral is marked as entered in error.",
}


def _event(text: str) -> Event:
    if text not in set(Event):
        raise NotFound("A referral has no such step.")
    return Event(text)


def _step(found: Referral, event: Event) -> Step:
    """The edge as it is now. Raises `WrongStep`, or `Forbidden` for the other side's."""
    return step_for_event(found.row.status, event, found.row.side)


async def _ask(
    request: WebRequest, found: Referral, event: Event, form: Form[Any], step: Step | None, status: int = 200
) -> Html:
    """The page of a step. Without `step` it is no longer possible: what was typed is shown all the same."""
    actor, row = actor_of(request), found.row
    duty = (await queries.next_duties(actor, [row.id])).get(row.id)
    label = next(one.label for one in STEPS if one.event is event)
    about = heading(row)
    return page(
        request,
        "referrals/step.html",
        title=f"{label}: {about[:1].lower()}{about[1:]}",
        status=status,
        form=form,
        found=found,
        row=row,
        event=event,
        step=step,
        label=label,
        next=after(step, found) if step else "",
        context=context(row, duty),
        closures=closure_options(event),
        asks=FORM_OF.get(event, Plain).__name__,
    )


@get("/referrals/{task_id:str}/{event:str}", opt={"needs": "referral.write"})
async def ask(request: Request[Any, Any, Any], task_id: FromPath[str], event: FromPath[str]) -> Response[Any]:
    wanted = _event(event)
    found = await open_referral(actor_of(request), task_id)
    form: Form[Any] = Form.blank(FORM_OF.get(wanted, Plain), version=found.row.version)
    if wanted is Event.COMPLETE:
        form.raw["performed_on"] = clock.today()
    return await _ask(request, found, wanted, form, _step(found, wanted))


@post("/referrals/{task_id:str}/{event:str}", opt={"needs": "referral.write"})
async def take(request: Request[Any, Any, Any], task_id: FromPath[str], event: FromPath[str]) -> Response[Any]:
    wanted = _event(event)
    form: Form[Any] = await Form.read(request, FORM_OF.get(wanted, Plain))
    if form.ok:
        try:
            await desk.take_step(actor_of(request), task_id, wanted, **_said(form.data))
            return redirect(f"/referrals/{task_id}", flash=_DONE[wanted])
        except NotFound:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    found = await open_referral(actor_of(request), task_id)
    if form.status != 200 and form.value("version") != str(found.row.version):
        form.status = Stale.status  # whatever the step was refused for: the person has not seen the current state
    if wanted not in FORM_OF:
        return await render(request, found, form)
    try:
        step: Step | None = _step(found, wanted)
    except Refusal:
        step = None
    return await _ask(request, found, wanted, form, step, form.status)


def _said(data: Plain) -> dict[str, Any]:
    """What the person typed, as the action takes it."""
    said: dict[str, Any] = {"version": data.version}
    if isinstance(data, Outcome):
        said["outcome"] = desk.Outcome(data.outcome, data.performed_on, data.note)
    elif isinstance(data, Ending):
        said |= {"reason": data.reason, "closure": data.closure}
    elif isinstance(data, Hold):
        said["reason"] = data.reason
    return said


ROUTES: list[Any] = [ask, take]
