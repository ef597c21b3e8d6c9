"""Signing in and out, and the page that asks to sign in again without losing what was typed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, get, post

from hub.auth import actions
from hub.auth.actions import LoadUser
from hub.auth.forms import SignIn
from hub.auth.sessions import begin
from hub.kernel.errors import Invalid, TooMany
from hub.web.forms import UNSAVED, Form
from hub.web.page import (
    WebRequest,
    actor_of,
    actor_or_none,
    local_path,
    page,
    redirect,
    request_id_of,
    state_of,
)

_TITLE = "Sign in"


@get("/sign-in", opt={"public": True})
async def show_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    target = local_path(request.query_params.get("next"))
    if actor_or_none(request):
        return redirect(target)
    form: Form[SignIn] = Form.blank(SignIn, next=target)
    return page(request, "auth/sign_in.html", title=_TITLE, form=form, ended="next" in request.query_params,
                signed_out="signed-out" in request.query_params)  # fmt: skip


@post("/sign-in", opt={"public": True})
async def sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    form = await Form.read(request, SignIn)
    if form.ok:
        load_user: LoadUser = request.app.state["load_user"]
        origin = request.client.host if request.client else ""
        try:
            found = await actions.sign_in(
                form.data.username, form.data.password, load_user,
                origin=origin, request_id=request_id_of(request.scope),
            )  # fmt: skip
        except (Invalid, TooMany) as refusal:
            form.refuse(refusal)
        else:
            begin(request, found.account, found.actor.id)
            if form.data.held_path:
                state_of(request.scope)["actor"] = found.actor
                return _resume(request, form.data)
            return redirect(local_path(form.data.next))
    headers = {"Retry-After": "900"} if form.status == 429 else {}
    return page(request, "auth/sign_in.html", title=_TITLE, form=form, status=form.status, headers=headers)


def _resume(request: WebRequest, sent: SignIn) -> Response[Any]:
    """Back to the form that was on its way, filled in as it was, to be checked and sent again."""
    try:
        held = msgspec.json.decode(sent.held or "[]", type=list[tuple[str, str]])
    except msgspec.MsgspecError:
        held = []
    path = local_path(sent.held_path)
    fields = [(name, value) for name, value in held if name not in ("_csrf_token", UNSAVED)]
    return page(request, "auth/resume.html", title="You are signed in again", action=path, fields=fields)


@post("/sign-out", opt={"signed_in": True})
async def sign_out(request: Request[Any, Any, Any]) -> Response[Any]:
    await actions.sign_out(actor_of(request), str(request.session.get("account")))
    request.scope["session"] = {}
    return redirect("/sign-in?signed-out=1")


def sign_in_instead(request: WebRequest) -> Response[Any]:
    """The answer to somebody who is not signed in, or not any more."""
    path = request.url.path
    if request.method in ("GET", "HEAD"):
        target = f"{path}?{request.url.query}" if request.url.query else path
        address = "/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='/')}"
        if request.headers.get("hx-request"):
            return Response(None, status_code=401, headers={"HX-Redirect": address})
        return redirect(address)
    held = state_of(request.scope).get("held")
    if path == "/sign-out" or held is None:
        return redirect("/sign-in")
    form: Form[SignIn] = Form.blank(SignIn, held_path=path, held=msgspec.json.encode(held).decode())
    return page(request, "auth/sign_in.html", title=_TITLE, form=form, status=401, held=True)


@get("/help", opt={"public": True})
async def show_help(request: Request[Any, Any, Any]) -> Response[Any]:
    return page(request, "auth/help.html", title="Help")


ROUTES: list[Any] = [show_sign_in, sign_in, sign_out, show_help]
SUBJECTS: dict[str, str] = {}
