"""Error pages: what happened, in words, with the request's id; never the error's own text."""

from __future__ import annotations

import traceback
from typing import Any

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, PermissionDeniedException

from hub.db.faults import refusal_of_fault
from hub.kernel.errors import Refusal
from hub.web.page import Html, WebRequest, page, request_id_of, state_of

_SECRET = ("password",)

# status → (title, what to do)
WORDS: dict[int, tuple[str, str]] = {
    400: ("The request cannot be understood", "Go back, check what you entered and try again."),
    403: ("Not permitted", "Your role does not include this. Ask your organization's administrator for access."),
    404: (
        "Page not found",
        "There is no such page, or it is about something that your organization may not see. "
        "If you typed the address, check it.",
    ),
    405: ("This cannot be done here", "The page does not take this kind of request. Go back and use its buttons."),
    409: ("This conflicts with what is recorded", "Look at the current state and try again."),
    410: ("Deleted", "What you are looking for was deleted."),
    412: ("Somebody else changed this meanwhile", "Nothing was saved. Look at the current state and try again."),
    413: ("Too large", "What you sent is larger than the hub accepts. Nothing was saved."),
    415: ("This cannot be read", "The hub does not read this kind of file or form."),
    422: ("This cannot be done", "Something needs to be corrected first."),
    429: ("Too many attempts", "Wait a while and try again."),
    500: ("Something went wrong in the hub", "Nothing was saved. The error was logged; try again in a moment."),
    503: ("The hub is busy", "Nothing was saved. Try again in a moment."),
}
_CSRF = (
    "The form was open for too long, or was sent from another site. Nothing was saved. "
    "Go back, reload the page and send it again."
)

_log = structlog.get_logger("hub.web")


def status_of(error: Exception) -> int:
    if isinstance(error, Refusal):
        return error.status
    if isinstance(error, HTTPException):
        return error.status_code
    return 500


def log_failure(request: WebRequest, error: Exception) -> None:
    """Where it broke. Not the error's text: it may hold what somebody typed, or a row of the database."""
    where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    handler = request.scope.get("route_handler")
    route = str(getattr(handler, "handler_name", ""))
    _log.error("request_failed", error=type(error).__name__, where=where, route=route,
               request_id=request_id_of(request.scope))  # fmt: skip


def error_page(request: WebRequest, error: Exception) -> Html:
    status = status_of(error)
    if status >= 500 and not isinstance(error, Refusal):
        log_failure(request, error)
        error = refusal_of_fault(error) or error
        status = status_of(error)
    title, advice = WORDS.get(status, WORDS[500] if status >= 500 else WORDS[400])
    issues: list[str] = []
    if isinstance(error, Refusal):
        title, advice = error.title, error.words
        issues = [issue.words for issue in error.issues if issue.words != error.words]
    elif isinstance(error, PermissionDeniedException) and "CSRF" in str(error.detail):
        advice = _CSRF
    headers = getattr(error, "headers", None) or {}
    answer = page(
        request,
        "errors/error.html",
        title=title,
        status=status,
        headers={str(name): str(value) for name, value in headers.items()},
        advice=advice,
        issues=issues,
        typed=_typed(request),
        code=status,
    )
    return answer


def _typed(request: WebRequest) -> list[tuple[str, str]]:
    """What was typed into the form that could not be saved, so that it is not lost."""
    form: Any = state_of(request.scope).get("form")
    if form is None:
        return []
    fields = form.model.model_fields if form.model else {}
    shown = []
    for name, value in form.raw.items():
        info = fields.get(name)
        text = ", ".join(value) if isinstance(value, list) else str(value)
        if info is None or name == "version" or any(word in name for word in _SECRET) or not text.strip():
            continue
        shown.append((info.title or name.replace("_", " ").capitalize(), text))
    return shown


def plain_error(request: WebRequest, error: Exception) -> Response[Any]:
    """For what is neither a page nor the API."""
    status = status_of(error)
    return Response({"status": status, "request_id": request_id_of(request.scope)}, status_code=status)
