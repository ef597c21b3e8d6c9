"""Deny by default: a handler says what it needs, or that it is open, or nobody gets in and the app does not start.

opt={"needs": "mou.read"}     a capability of hub.auth.capabilities
opt={"signed_in": True}       anybody who is signed in
opt={"public": True}          anybody
opt={"api": True}             the handler authenticates by itself (the FHIR API, the token endpoint)
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import BaseRouteHandler

from hub.auth.capabilities import CAPABILITIES
from hub.kernel.errors import Forbidden, NotFound, Unauthenticated
from hub.web.page import WebRequest, actor_or_none, state_of

_OPEN = ("public", "api")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_NOT_HELD = ("_csrf_token", "password")


async def deny_by_default(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    opt = handler.opt
    if opt.get("api") is not True and _holds_nul(connection):
        raise NotFound("There is nothing at an address that holds a NUL.")
    if any(opt.get(key) is True for key in _OPEN):
        return
    actor = actor_or_none(connection)
    if actor is None:
        await _hold_form(connection)
        raise Unauthenticated("Sign in to see this page.")
    if opt.get("signed_in") is True:
        return
    needs = opt.get("needs")
    if not isinstance(needs, str) or needs not in CAPABILITIES:
        raise Forbidden("Nobody may do this: the page does not say what it needs.")
    if not actor.can(needs):
        raise Forbidden(
            f"Your role does not let you {CAPABILITIES[needs]}. "
            "Ask your organization's responsible person if you need this for your work."
        )


def _holds_nul(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """PostgreSQL takes none, and no link of ours has one. The API looks for itself."""
    return "\x00" in connection.scope["path"] or b"%00" in connection.scope["query_string"]


async def _hold_form(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """The session ended while a form was filled in: keep its fields for the page that asks to sign in again."""
    if connection.scope.get("method") != "POST" or not connection.headers.get("content-type", "").startswith(_FORMS):
        return
    sent = await WebRequest(connection.scope, connection.receive).form()
    state_of(connection.scope)["held"] = [
        [name, value] for name, value in sent.multi_items() if isinstance(value, str) and name not in _NOT_HELD
    ]


def check_routes(app: Litestar) -> None:
    """Refuse to start with a handler that does not say who may come in."""
    for route in app.routes:
        handlers = getattr(route, "route_handlers", None) or [route.route_handler]  # type: ignore[union-attr]
        for handler in handlers:
            if getattr(handler, "handler_name", "") == "options_handler":
                continue
            if not _says_who(handler.opt):
                raise ImproperlyConfiguredException(
                    f"{route.path} ({handler}) does not say who may come in: give it opt needs, signed_in, public or "
                    "api"
                )
            if handler.opt.get("api") is not True and deny_by_default not in handler.resolve_guards():
                raise ImproperlyConfiguredException(f"{route.path} ({handler}) stands where nobody asks who comes in")


def _says_who(opt: dict[str, Any]) -> bool:
    said = [key for key in ("signed_in", *_OPEN) if opt.get(key) is True]
    if "needs" in opt:
        return opt["needs"] in CAPABILITIES and not said
    return len(said) == 1
