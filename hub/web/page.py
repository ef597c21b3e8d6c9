"""What a page handler works with: who asks, a page from a template, a redirect after a change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TypeAlias

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.enums import MediaType
from litestar.template.base import csrf_token

from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Unauthenticated
from hub.kernel.ids import new_id

WebRequest: TypeAlias = Request[Any, Any, State]
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Html: TypeAlias = Response[str]

# The request that this task answers, so that `redirect` can leave a message for the next page.
current_scope: ContextVar[Any] = ContextVar("hub_scope", default=None)

_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20]*\Z")


class _Token(str):
    """The CSRF token; templates may write it as a value or as a call."""

    def __call__(self) -> str:
        return str(self)


def state_of(scope: Any) -> dict[str, Any]:
    """Our own corner of the request's state."""
    held: dict[str, Any] = scope.setdefault("state", {}).setdefault("hub", {})
    return held


def request_id_of(scope: Any) -> str:
    """One id for a request: in the answer's header, on error pages, in the log and in the audit trail."""
    return str(state_of(scope).setdefault("request_id", new_id()))


def actor_or_none(request: Connection) -> Actor | None:
    found: Actor | None = state_of(request.scope).get("actor")
    return found


def actor_of(request: Connection) -> Actor:
    """Who asks. Raises `Unauthenticated` where nobody is signed in."""
    actor = actor_or_none(request)
    if actor is None:
        raise Unauthenticated("Sign in to see this page.")
    return actor


def local_path(target: str | None, default: str = "/") -> str:
    """The target if it is a path of this site, else the default: never a way out to another address."""
    return target if target and _LOCAL.match(target) else default


def flash(words: str, tone: str = "success") -> None:
    """Leave a message for the next page that this person sees."""
    session = (current_scope.get() or {}).get("session")
    if isinstance(session, dict):
        session.setdefault("flash", []).append({"words": words, "tone": tone})


def redirect(path: str, flash: str | None = None, *, tone: str = "success") -> Response[None]:
    """The answer to every POST that changed something (303: the browser fetches the page anew)."""
    if flash:
        globals()["flash"](flash, tone)
    return Response(None, status_code=303, headers={"Location": path}, media_type=MediaType.TEXT)


def page(
    request: WebRequest,
    template: str,
    *,
    title: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Html:
    """A page: `templates/<template>` with the given context and what the layout needs."""
    engine = request.app.template_engine
    if engine is None:
        raise RuntimeError("the app has no templates")
    body = engine.get_template(template).render(page_context(request, title=title, **context))
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=dict(headers or {}))


def page_context(request: WebRequest, *, title: str, **context: Any) -> dict[str, Any]:
    actor = actor_or_none(request)
    form = context.get("form")
    session = request.scope.get("session")
    failed = bool(form and getattr(form, "summary", None))
    return {
        "request": request,
        "heading": title,
        "form": None,
        "actor": actor,
        "can": actor.can if actor else lambda _capability: False,
        "csrf_token": _Token(csrf_token({"request": request})),
        "flash": session.pop("flash", []) if isinstance(session, dict) else [],
        "today": clock.today(),
        "now": clock.now(),
        "request_id": request_id_of(request.scope),
        "address": str(request.url),
        "path": request.url.path,
        **context,
        "title": f"Error: {title}" if failed else title,
    }
