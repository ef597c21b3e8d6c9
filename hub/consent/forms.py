"""What people type about a member's consent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, Field

from hub.consent.rules import SENSITIVE
from hub.kernel import clock
from hub.kernel.errors import Issue


class Answer(StrEnum):
    AGREES = "agrees"
    REFUSES = "refuses"


class Direction(StrEnum):
    BOTH = "both"
    OUT = "out"


class SignedForm(StrEnum):
    """Which form was signed (domain.md section 4: ASCMI has two variants)."""

    ASCMI_AB133 = "ascmi-ab133"
    ASCMI = "ascmi"
    OTHER = "other"


FORM_WORDS = {
    SignedForm.ASCMI_AB133: "ASCMI form, AB 133 (Medi-Cal members)",
    SignedForm.ASCMI: "ASCMI form, non-AB 133",
    SignedForm.OTHER: "Another signed form",
}


class Step(StrEnum):
    """Where the person is: the form, the answers shown for a check, or storing them."""

    CHECK = "check"
    EDIT = "edit"
    STORE = "store"


class NewConsent(BaseModel):
    step: Step = Step.CHECK
    answer: Answer = Field(title="What the member decided")
    partner: str = Field(title="Partner")
    direction: Direction = Field(title="Which way", default=Direction.BOTH)
    form: SignedForm = Field(title="Form used")
    kept: str = Field(title="Where the signed form is kept", default="", max_length=200)
    given_on: date = Field(title="Date of the signature")
    from_date: date | None = Field(title="Holds from", default=None)
    until_date: date | None = Field(title="Holds until", default=None)
    labels: list[str] = Field(title="Sensitive categories", default_factory=list)

    @property
    def starts(self) -> date:
        return self.from_date or self.given_on

    @property
    def source(self) -> str:
        words = FORM_WORDS[self.form]
        return f"{words}; kept: {self.kept}" if self.kept else words

    def problems(self) -> list[Issue]:
        """What a field alone cannot tell."""
        found = []
        if self.given_on > clock.today():
            found.append(Issue("given_on", "The date of the signature must not be in the future"))
        if self.until_date and self.until_date < self.starts:
            found.append(Issue("until_date", "The last day must not be before the first"))
        if not set(self.labels) <= set(SENSITIVE):
            found.append(Issue("labels", "Choose the sensitive categories from the list"))
        if self.form is SignedForm.OTHER and not self.kept:
            found.append(Issue("kept", "Say which form it is and where it is kept"))
        return found


class Revocation(BaseModel):
    version: int
