"""What an MOU is made of and how it moves: pure data and functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from hub.directory.rules import NAMES, Position
from hub.kernel.errors import Issue


class Section(StrEnum):
    """The ten required content areas (domain.md 1.1 fact 4; seed 004)."""

    SERVICES = "services-covered"
    OBLIGATIONS = "party-obligations"
    TRAINING = "training-and-education"
    REFERRALS = "referrals"
    CARE_COORDINATION = "care-coordination"
    DATA_SHARING = "data-sharing-and-confidentiality"
    MEETINGS = "quarterly-meetings"
    QUALITY = "quality-improvement"
    DISPUTES = "dispute-resolution"
    GENERAL = "general"


class DataElement(StrEnum):
    """What parties may agree to share (Exhibit C, domain.md 1.7).

    FHIR paths are mapped to these by each description.
    """

    IDENTITY = "identity"  # name, birth date, sex, CIN
    DEMOGRAPHICS = "demographics"  # language, race and ethnicity, marital status
    CONTACT = "contact"  # address, telephone, contact persons
    REFERRAL = "referral"  # what is asked, priority, dates, who asks whom
    NEED = "need"  # reason, functional need, notes
    CLINICAL = "clinical"  # diagnoses, assessments, supporting clinical information
    CONSENT = "consent"  # documentation of the sharing authorization
    OUTCOME = "outcome"  # status, reason, what was done: the closed loop
    CASE = "case"  # IHSS case number, status, hours


ELEMENT_WORDS: dict[DataElement, tuple[str, str]] = {
    DataElement.IDENTITY: ("Identity", "Name, birth date, sex, CIN"),
    DataElement.DEMOGRAPHICS: ("Demographics", "Language, race and ethnicity, marital status"),
    DataElement.CONTACT: ("Contact", "Address, telephone, contact persons"),
    DataElement.REFERRAL: ("Referral", "What is asked, priority, dates, who asks whom"),
    DataElement.NEED: ("Need", "Reason for the referral, functional need, notes"),
    DataElement.CLINICAL: ("Clinical", "Diagnoses, assessments, other clinical information"),
    DataElement.CONSENT: ("Consent", "Documentation of the member’s sharing authorization"),
    DataElement.OUTCOME: ("Outcome", "Status, reason, what was done: what closes the loop"),
    DataElement.CASE: ("IHSS case", "Case number, case status, authorized hours"),
}

# Without these a referral cannot be sent, or its sender never learns what became of it. The plan must share what a
# referral needs; the county is free in what it shares, but a loop that nobody closes is no closed loop (seed 004).
CLOSES_THE_LOOP: dict[str, frozenset[DataElement]] = {
    "plan": frozenset({DataElement.IDENTITY, DataElement.REFERRAL, DataElement.NEED, DataElement.OUTCOME}),
    "county": frozenset({DataElement.REFERRAL, DataElement.OUTCOME}),
}


class Kind(StrEnum):
    COUNTY_MCP_IHSS = "county-mcp-ihss"
    COUNTY_DHCS_FRAUD = "county-dhcs-fraud"  # its own sections and guards come with program integrity (P11)


class Template(StrEnum):
    """Which text the MOU follows. One that predates the DHCS template does not satisfy it (seed 004)."""

    DHCS_IHSS_2024 = "dhcs-ihss-2024"
    NONE = "none"


TEMPLATE_WORDS = {
    Template.DHCS_IHSS_2024: "DHCS IHSS MOU template (APL 23-029)",
    Template.NONE: "Predates the template",
}


class Renewal(StrEnum):
    AUTOMATIC = "automatic"
    FIXED = "fixed"


RENEWAL_WORDS = {
    Renewal.AUTOMATIC: "Renews every year unless a party gives notice",
    Renewal.FIXED: "Ends on its end date",
}


class State(StrEnum):
    DRAFT = "draft"
    NEGOTIATION = "negotiation"
    IN_SIGNATURE = "in_signature"
    EXECUTED = "executed"
    IN_ANNUAL_REVIEW = "in_annual_review"
    AMENDED = "amended"
    EXPIRED = "expired"
    TERMINATED = "terminated"


STATE_WORDS: dict[State, str] = {
    State.DRAFT: "Draft",
    State.NEGOTIATION: "In negotiation",
    State.IN_SIGNATURE: "In signature",
    State.EXECUTED: "Executed",
    State.IN_ANNUAL_REVIEW: "In annual review",
    State.AMENDED: "Amended",
    State.EXPIRED: "Expired",
    State.TERMINATED: "Terminated",
}

EDITABLE = frozenset({State.DRAFT, State.NEGOTIATION})  # what is being signed stays as it is
BEFORE_EXECUTION = EDITABLE | {State.IN_SIGNATURE}
IN_FORCE = frozenset({State.EXECUTED, State.IN_ANNUAL_REVIEW, State.AMENDED})
FINAL = frozenset({State.EXPIRED, State.TERMINATED})


class Event(StrEnum):
    """Steps of an MOU. What else happens to it (a section filled in, a person named) leaves a history row, no
    step.
    """

    NEGOTIATE = "negotiate"
    SEND_FOR_SIGNATURE = "send_for_signature"
    REOPEN = "reopen"
    EXECUTE = "execute"
    BEGIN_REVIEW = "begin_review"
    COMPLETE_REVIEW = "complete_review"
    AMEND = "amend"
    RENEW = "renew"
    EXPIRE = "expire"
    TERMINATE = "terminate"


EVENT_WORDS: dict[Event, str] = {
    Event.NEGOTIATE: "Open negotiation",
    Event.SEND_FOR_SIGNATURE: "Send for signature",
    Event.REOPEN: "Reopen the text",
    Event.EXECUTE: "Execute the MOU",
    Event.BEGIN_REVIEW: "Begin the annual review",
    Event.COMPLETE_REVIEW: "Complete the annual review",
    Event.AMEND: "Record an amendment",
    Event.RENEW: "Renew",
    Event.EXPIRE: "Expire",
    Event.TERMINATE: "Terminate the MOU",
}


HISTORY_WORDS: dict[str, str] = {
    **{
        Event.NEGOTIATE: "Negotiation opened",
        Event.SEND_FOR_SIGNATURE: "Sent for signature",
        Event.REOPEN: "Text reopened; signatures set aside",
        Event.EXECUTE: "Executed",
        Event.BEGIN_REVIEW: "Annual review begun",
        Event.COMPLETE_REVIEW: "Annual review completed",
        Event.AMEND: "Amended",
        Event.RENEW: "Renewed",
        Event.EXPIRE: "Expired",
        Event.TERMINATE: "Terminated",
    },
    "recorded": "MOU recorded",
    "details_changed": "Dates and terms of the MOU changed",
    "party_added": "Party added",
    "party_removed": "Party removed",
    "section_filled": "Section changed",
    "elements_agreed": "Data elements agreed",
    "position_named": "Position named",
    "position_ended": "Position ended",
    "change_told": "Change of people told",
    "signatory_named": "Signatory named",
    "signed": "Signature recorded",
    "document_recorded": "Signed document recorded",
    "effort": "Good-faith effort",
    "published": "Posted",
}
"""What the timeline calls each event: the steps, and what else happens to an MOU."""


@dataclass(frozen=True, slots=True)
class NewAgreement:
    """What is asked for when an MOU is recorded."""

    county: str
    plan: str
    title: str = ""
    kind: Kind = Kind.COUNTY_MCP_IHSS
    template: Template = Template.DHCS_IHSS_2024
    effective_date: date | None = None
    end_date: date | None = None
    renewal: Renewal = Renewal.AUTOMATIC
    collects_consent_for_both: bool = False


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who is named for a position and is not in the directory yet."""

    given: str
    family: str
    email: str
    phone: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Where a step leads, and who may take it. `capability` None: only the hub's own job."""

    to: State
    capability: str | None
    sides: frozenset[str] = frozenset({"county", "plan"})
    note_required: bool = False


_WRITE, _SIGN = "mou.write", "mou.sign"
STEPS: dict[tuple[State, Event], Step] = {
    (State.DRAFT, Event.NEGOTIATE): Step(State.NEGOTIATION, _WRITE),
    (State.DRAFT, Event.SEND_FOR_SIGNATURE): Step(State.IN_SIGNATURE, _WRITE),
    (State.NEGOTIATION, Event.SEND_FOR_SIGNATURE): Step(State.IN_SIGNATURE, _WRITE),
    (State.IN_SIGNATURE, Event.REOPEN): Step(State.NEGOTIATION, _WRITE, note_required=True),
    (State.IN_SIGNATURE, Event.EXECUTE): Step(State.EXECUTED, _SIGN),
    **{(state, Event.BEGIN_REVIEW): Step(State.IN_ANNUAL_REVIEW, _WRITE) for state in IN_FORCE
       if state is not State.IN_ANNUAL_REVIEW},
    (State.IN_ANNUAL_REVIEW, Event.COMPLETE_REVIEW): Step(State.EXECUTED, _SIGN, note_required=True),
    **{(state, Event.AMEND): Step(State.AMENDED, _SIGN, note_required=True) for state in IN_FORCE},
    **{(state, Event.RENEW): Step(state, None) for state in IN_FORCE},
    **{(state, Event.EXPIRE): Step(State.EXPIRED, None) for state in IN_FORCE},
    **{(state, Event.TERMINATE): Step(State.TERMINATED, _SIGN, note_required=True)
       for state in State if state not in FINAL},
}  # fmt: skip


def possible(state: State, can: Iterable[str], side: str | None) -> list[Event]:
    """What somebody of a side with these capabilities may do next: the buttons on the page."""
    held = frozenset(can)
    return [
        event
        for (at, event), step in STEPS.items()
        if at is state and step.capability is not None and step.capability in held and side in step.sides
    ]


@dataclass(frozen=True, slots=True)
class Signature:
    """A party that must sign, and what is on record of its signature."""

    party: str
    name: str
    role: str  # county | plan | subcontractor
    signatory: str | None
    signatory_title: str | None
    signed_on: date | None


@dataclass(frozen=True, slots=True)
class Seat:
    """A position that this MOU needs: of whom, towards whom, and whether somebody holds it."""

    position: Position
    organization: str
    organization_name: str
    counterpart: str
    counterpart_name: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """What the parties put into a section."""

    terms: str = ""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Direction:
    """Who shares with whom, and what was agreed."""

    discloser: str
    discloser_name: str
    discloser_kind: str
    recipient: str
    recipient_name: str
    recipient_kind: str
    elements: frozenset[DataElement]

    @property
    def required(self) -> frozenset[DataElement]:
        """A subcontractor signs, but need not exchange data of its own."""
        if "subcontractor" in (self.discloser_kind, self.recipient_kind):
            return frozenset()
        return CLOSES_THE_LOOP.get(self.discloser_kind, frozenset())


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that decides whether an MOU may be executed."""

    state: State
    template: str
    renewal: str | None
    effective_date: date | None
    end_date: date | None
    signatures: tuple[Signature, ...] = ()
    seats: tuple[Seat, ...] = ()
    sections: Mapping[Section, Filled] = field(default_factory=dict)
    directions: tuple[Direction, ...] = ()


SECTION_NAMES: dict[Section, str] = {
    Section.SERVICES: "Services covered by this MOU",
    Section.OBLIGATIONS: "Party obligations",
    Section.TRAINING: "Training and education",
    Section.REFERRALS: "Referrals",
    Section.CARE_COORDINATION: "Care coordination",
    Section.DATA_SHARING: "Data sharing and confidentiality",
    Section.MEETINGS: "Quarterly meetings",
    Section.QUALITY: "Quality improvement",
    Section.DISPUTES: "Dispute resolution",
    Section.GENERAL: "General",
}


def missing_in_text(contents: Contents) -> list[Issue]:
    """What the text lacks: template, dates, sections, data elements. Nothing of it may be missing at
    signature.
    """
    found: list[Issue] = []
    if contents.template == Template.NONE:
        words = "This MOU predates the DHCS template and does not satisfy it. Draft one that follows the template."
        found.append(Issue("template", words, "business-rule"))
    found += _date_issues(contents)
    if not any(one.role == "plan" for one in contents.signatures):
        found.append(Issue("parties", "A managed care plan must be a party.", "required"))
    if not any(one.role == "county" for one in contents.signatures):
        found.append(Issue("parties", "A county must be a party.", "required"))
    for section in Section:
        filled = contents.sections.get(section, Filled())
        if not filled.terms.strip():
            words = f"Section “{SECTION_NAMES[section]}” is empty."
            found.append(Issue(f"section:{section}", words, "required"))
        elif not filled.complete:
            words = f"Section “{SECTION_NAMES[section]}” is begun, but not marked complete."
            found.append(Issue(f"section:{section}", words, "required"))
    for direction in contents.directions:
        lacking = [element for element in DataElement if element in direction.required - direction.elements]
        if lacking:
            named = ", ".join(ELEMENT_WORDS[element][0].lower() for element in lacking)
            words = (
                f"Data elements: {direction.discloser_name} does not yet share with {direction.recipient_name}"
                f" what closes the loop: {named}."
            )
            found.append(Issue(f"elements:{direction.discloser}:{direction.recipient}", words, "required"))
    return found


def _date_issues(contents: Contents) -> list[Issue]:
    if contents.effective_date is None:
        return [Issue("effective_date", "The date on which the MOU takes effect is not set.", "required")]
    if contents.end_date is None:
        if contents.renewal == Renewal.AUTOMATIC:
            return []
        words = "The end date is not set, and the MOU does not renew itself."
        return [Issue("end_date", words, "required")]
    if contents.end_date <= contents.effective_date:
        return [Issue("end_date", "The end date must come after the date on which the MOU takes effect.")]
    return []


def missing_for_execution(contents: Contents) -> list[Issue]:
    """Everything that stands between this MOU and its execution, each in words; empty: nothing does."""
    found = missing_in_text(contents)
    for seat in contents.seats:
        if not seat.filled:
            words = f"{seat.organization_name} has named no {NAMES[seat.position]} towards {seat.counterpart_name}."
            found.append(Issue(f"position:{seat.organization}:{seat.position}", words, "required"))
    for signature in contents.signatures:
        if not (signature.signatory or "").strip():
            found.append(Issue(f"party:{signature.party}", f"{signature.name} has no signatory named.", "required"))
        if signature.signed_on is None:
            found.append(Issue(f"party:{signature.party}", f"{signature.name} has not signed.", "required"))
    if contents.state not in (State.IN_SIGNATURE, *IN_FORCE, *FINAL):
        found.append(Issue("state", "The MOU has not been sent for signature.", "business-rule"))
    return found


def guard(event: Event, contents: Contents) -> list[Issue]:
    """What must be there before a step. The one place where steps meet conditions."""
    if event is Event.EXECUTE:
        return missing_for_execution(contents)
    if event is Event.SEND_FOR_SIGNATURE:
        return missing_in_text(contents)
    return []
