"""What people type about an MOU. Whether it is allowed is decided by rules and actions."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

from hub.mou.rules import Renewal, Template

_TERMS = 20_000
_NOTE = 2_000


class NewAgreementForm(BaseModel):
    county: str = Field(title="County")
    plan: str = Field(title="Managed care plan")
    title: str = Field("", max_length=200)
    effective_date: date | None = None
    end_date: date | None = None
    renewal: Renewal = Renewal.AUTOMATIC
    template: Template = Template.DHCS_IHSS_2024
    collects_consent_for_both: bool = False


class DetailsForm(BaseModel):
    title: str = Field("", max_length=200)
    effective_date: date | None = None
    end_date: date | None = None
    renewal: Renewal
    template: Template
    collects_consent_for_both: bool = False
    version: int


class SectionForm(BaseModel):
    terms: str = Field("", max_length=_TERMS, title="What the parties agreed")
    complete: bool = False
    version: int


class ElementsForm(BaseModel):
    """Each ticked box is `discloser:recipient:element`."""

    share: list[str] = Field(default_factory=list)
    note: str = Field("", max_length=_NOTE, title="What was agreed, and why")
    version: int


class PositionForm(BaseModel):
    person: str = ""
    given: str = Field("", max_length=100, title="Given name")
    family: str = Field("", max_length=100, title="Family name")
    email: str = Field("", max_length=200, title="E-mail")
    phone: str = Field("", max_length=40, title="Telephone")
    title: str = Field("", max_length=100, title="Job title")
    deputy: str = ""
    from_date: date = Field(title="First day")
    note: str = Field("", max_length=_NOTE)


class EndForm(BaseModel):
    appointment: str
    until_date: date = Field(title="Last day")
    note: str = Field("", max_length=_NOTE)


class ToldForm(BaseModel):
    rule: str
    period: str
    on: date = Field(title="Day on which they were told")
    how: str = Field("", max_length=_NOTE, title="How they were told")


class PartyForm(BaseModel):
    organization: str = Field(title="Managed care plan")
    role: str = Field(title="How it signs")
    version: int


class SignatureForm(BaseModel):
    signatory: str = Field("", max_length=200)
    title: str = Field("", max_length=200, title="Signatory’s title")
    signed_on: date | None = Field(None, title="Date of signature")
    version: int


class StepForm(BaseModel):
    on: date = Field(title="Date")
    note: str = Field("", max_length=_NOTE, title="Reason")
    version: int


class EffortForm(BaseModel):
    on: date = Field(title="Date")
    note: str = Field("", max_length=_NOTE, title="What was done")


class PublicationForm(BaseModel):
    address: str = Field("", max_length=500, title="Web address")
    on: date = Field(title="Date of posting")
    version: int
