"""What people type about referrals."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, Field

from hub.referrals.rules import ClosureReason, Event, Service


class Priority(StrEnum):
    """FHIR request-priority, as far as the page offers it."""

    ROUTINE = "routine"
    URGENT = "urgent"


class NewDraft(BaseModel):
    member: str | None = None


class FindMember(BaseModel):
    words: str = Field(title="A CIN, case number or name", min_length=2, max_length=120)


class ChooseMember(BaseModel):
    version: int
    member: str


class AskWhat(BaseModel):
    version: int
    partner: str = Field(title="Partner")
    service: Service = Field(title="Service")
    priority: Priority = Field(title="How urgent it is", default=Priority.ROUTINE)


class Need(BaseModel):
    version: int
    need: str = Field(title="What the member needs and why", max_length=4000)


class ConsentToSend(BaseModel):
    version: int
    consents: list[str] = Field(title="Consents", default_factory=list)


class Plain(BaseModel):
    """A step that needs nothing but the version that the person saw."""

    version: int


class Hold(Plain):
    reason: str = Field(title="Why it waits", max_length=2000)


class Ending(Plain):
    closure: ClosureReason = Field(title="Reason for closure")
    reason: str = Field(title="What happened, in your words", max_length=2000)


class Outcome(Plain):
    outcome: str = Field(title="What was done", max_length=2000)
    performed_on: date = Field(title="Date on which it was done")
    note: str = Field(title="Note", default="", max_length=4000)


FORM_OF: dict[Event, type[Plain]] = {
    Event.HOLD: Hold,
    Event.DECLINE: Ending,
    Event.CANCEL: Ending,
    Event.FAIL: Ending,
    Event.COMPLETE: Outcome,
}
"""Events that ask for more than a button."""
