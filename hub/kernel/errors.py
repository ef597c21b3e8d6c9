"""Refusals: exceptions that know their HTTP status and their words.

A rule raises one; each face (page, FHIR, command line) renders it with its one handler. The words are for the person
who asked, say what to do, and hold no personal data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: where (a form field's name or a FHIRPath expression), the words, FHIR's issue code."""

    where: str
    words: str
    code: str = "invalid"
    severity: str = "error"


class Refusal(Exception):
    """The hub declines. `audit`, where given, is written in a transaction of its own after the rollback."""

    status = 422
    code = "processing"
    title = "This cannot be done"

    def __init__(
        self,
        words: str,
        *,
        issues: Iterable[Issue] = (),
        audit: object | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(words)
        self.words = words
        self.issues: tuple[Issue, ...] = tuple(issues)
        self.audit = audit
        self.headers = headers or {}


class BadRequest(Refusal):
    status, code, title = 400, "invalid", "The request cannot be understood"


class Unauthenticated(Refusal):
    status, code, title = 401, "login", "Sign in first"


class Forbidden(Refusal):
    status, code, title = 403, "forbidden", "Not permitted"


class NotFound(Refusal):
    """Also for what the asker may not know of."""

    status, code, title = 404, "not-found", "Not found"


class NotAllowed(Refusal):
    status, code, title = 405, "not-supported", "Not supported"


class Conflict(Refusal):
    status, code, title = 409, "conflict", "This conflicts with what is recorded"


class Gone(Refusal):
    status, code, title = 410, "deleted", "Deleted"


class Stale(Refusal):
    """Somebody else changed it meanwhile."""

    status, code, title = 412, "conflict", "Somebody else changed this meanwhile"


class Invalid(Refusal):
    """Well-formed, but a profile or business rule is broken; `issues` names each element or field."""

    status, code, title = 422, "business-rule", "Something needs to be corrected"


class WrongStep(Invalid):
    """The state machine has no such step from here, or not for this actor."""

    title = "This step is not possible now"


class TooMany(Refusal):
    status, code, title = 429, "throttled", "Too many attempts"


class Busy(Refusal):
    """The hub is well, but cannot do it now. The answer says after how many seconds to try again."""

    status, code, title = 503, "transient", "The hub is busy; try again in a moment"
    retry_after = 1

    def __init__(self, words: str, *, headers: dict[str, str] | None = None, **rest: Any) -> None:
        super().__init__(words, headers={"Retry-After": str(self.retry_after), **(headers or {})}, **rest)


class Away(Busy):
    """The database cannot be reached, or does not answer."""

    code, title, retry_after = "no-store", "The hub cannot reach its database", 5


class Full(Busy):
    """There is no room to save anything."""

    code, title, retry_after = "no-store", "The hub cannot save anything now", 60


@dataclass(slots=True)
class Problems:
    """Gathers what is wrong, so that a person sees all of it at once."""

    found: list[Issue] = field(default_factory=list)

    def add(self, where: str, words: str, code: str = "invalid") -> None:
        self.found.append(Issue(where, words, code))

    def refuse(self, words: str) -> None:
        """Raise `Invalid` if anything was found."""
        if self.found:
            raise Invalid(words, issues=self.found)
