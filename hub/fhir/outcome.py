"""Refusals as OperationOutcomes. The words of a refusal hold no personal data; of anything else nothing is told."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from hub.db.faults import refusal_of_fault
from hub.kernel.errors import Issue, NotAllowed, NotFound, Refusal
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode

FHIR_JSON = "application/fhir+json"

log = structlog.get_logger("hub.fhir")

_CLIENT_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")


class Failed(Refusal):
    """Something broke in the hub itself."""

    status, code, title = 500, "exception", "The hub failed"


class RouterRefusal(Refusal):
    """What the router or the server says: 404, 405, 413, …"""

    def __init__(self, status: int, words: str, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(words, headers=headers)
        self.status, self.code = status, code


def outcome(issues: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def issue_of(issue: Issue, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.words}
    if issue.where:
        found["expression"] = [f"{prefix}{issue.where}"]
    return found


def of_refusal(refusal: Refusal, prefix: str = "") -> dict[str, Any]:
    """`prefix` says where in a Bundle; an issue's path then starts there instead of at its type."""
    if not refusal.issues:
        found: dict[str, Any] = {"severity": "error", "code": refusal.code, "diagnostics": refusal.words}
        if prefix:
            found["expression"] = [prefix.rstrip(".")]
        return outcome([found])
    issues = []
    for one in refusal.issues:
        where = one.where
        if prefix and where:
            where = prefix + (where.split(".", 1)[1] if "." in where else "")
            where = where.rstrip(".")
        issues.append(issue_of(Issue(where or prefix.rstrip("."), one.words, one.code, one.severity)))
    return outcome(issues)


def words(text: str, severity: str = "information", code: str = "informational") -> str:
    return encode(outcome([{"severity": severity, "code": code, "diagnostics": text}]))


def request_id(request: Request[Any, Any, Any]) -> str:
    """The hub's own id of this request, made once; the pages' kit keeps it at the same place."""
    held: dict[str, Any] = request.scope.setdefault("state", {}).setdefault("hub", {})
    return str(held.setdefault("request_id", new_id()))


def trace_headers(request: Request[Any, Any, Any]) -> dict[str, str]:
    own = request_id(request)
    found = {"X-Request-Id": own, "Cache-Control": "no-store"}
    theirs = ""
    for name, value in request.scope["headers"]:
        if name == b"x-request-id" or (name == b"x-correlation-id" and not theirs):
            theirs = value.decode("latin-1")
    if theirs and theirs != own and _CLIENT_ID.fullmatch(theirs):
        found["X-Correlation-Id"] = theirs
    return found


def refusal_of(error: Exception) -> Refusal:
    """Any exception as a refusal. Where it is a fault of the hub, only its class and place are logged: an exception's
    words may hold a member's data."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException) and error.status_code < 500:
        status = error.status_code
        if status == 404:
            return NotFound("There is nothing at this address.")
        if status == 405:
            return NotAllowed("This interaction is not supported here.", headers=dict(error.headers or {}))
        if status == 413:
            return RouterRefusal(413, "The body is too large.", "too-long")
        return RouterRefusal(status, "The request cannot be understood.", "invalid")
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    log.error(
        "fhir_failed",
        error=type(error).__name__,
        where=[f"{frame.filename.rsplit('/hub/', 1)[-1]}:{frame.lineno}" for frame in frames],
    )
    if (fault := refusal_of_fault(error)) is not None:
        return fault
    return Failed("The hub failed. The failure is logged under the request's id.")


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The exception handler of everything under /fhir."""
    refusal = refusal_of(error)
    headers = {**trace_headers(request), **refusal.headers}
    if refusal.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    body = encode(of_refusal(refusal)).encode()
    return Response(body, status_code=refusal.status, media_type=FHIR_JSON, headers=headers)
