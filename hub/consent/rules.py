"""Who may see what of a member, decided over plain data (architecture, Grants). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import msgspec

from hub.mou.rules import DataElement

CARE = "TREAT"
"""v3-ActReason TREAT: the purpose of a referral and of coordinating care."""

PURPOSE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PURPOSES = {
    "TREAT": "treatment and care coordination",
    "HPAYMT": "payment",
    "HOPERAT": "health care operations",
}
SENSITIVE = {
    "ETH": "substance use (42 CFR Part 2)",
    "ETHUD": "alcohol use disorder (42 CFR Part 2)",
    "OPIOIDUD": "opioid use disorder (42 CFR Part 2)",
    "PSY": "mental health",
    "SDV": "sexual assault and domestic violence",
    "HIV": "HIV and AIDS",
}
"""Sensitivity labels that a consent can name on the hub's form, in words."""

UNRESTRICTED = frozenset({"U", "L", "M", "N", "HTEST", "SUBSETTED"})
"""Security labels that restrict nothing: v3-Confidentiality up to normal, test data, a part of a resource. Every other
label, also one that the hub does not know, has to be named by a consent before labelled data may go.
"""

LOOP = frozenset({DataElement.REFERRAL, DataElement.OUTCOME})
"""What goes back to a referrer so that a loop can always be closed, also after a revocation."""


class Ground(StrEnum):
    """Which of the three failed."""

    AUTHORITY = "authority"
    ELEMENTS = "data-elements"
    CONSENT = "consent"


class Grant(msgspec.Struct, frozen=True):
    """A row that a consent opened: this discloser to this recipient, for this purpose, on these days (inclusive)."""

    consent: str
    discloser: str
    recipient: str
    purpose: str
    labels: frozenset[str]
    from_date: date
    until_date: date | None


@dataclass(frozen=True, slots=True)
class Question:
    """May `recipient` have these data of the member from `discloser`, for this purpose, on this day?"""

    discloser: str
    recipient: str
    purpose: str
    on: date
    elements: frozenset[DataElement]  # those of the paths
    unmapped: tuple[str, ...] = ()  # FHIR paths that belong to no data element: never agreed
    paths: Mapping[str, DataElement] = field(default_factory=dict)  # which path brought which element, for the words
    labels: frozenset[str] = frozenset()
    loop: bool = False  # the recipient is the referrer, and the data are the loop's


class Facts(msgspec.Struct, frozen=True):
    """What is on record for this pair and this member."""

    agreement: str | None  # id of an MOU in force between the two on that day
    terms: frozenset[DataElement]  # what discloser shares with recipient under it
    grants: tuple[Grant, ...]


class Decision(msgspec.Struct, frozen=True):
    """Permitted or not, on which basis, and in words for the trail and for the asker."""

    permitted: bool
    basis: str
    failed: Ground | None = None
    excess: tuple[str, ...] = ()


OWN = Decision(True, "own record")


def in_force(from_date: date, until_date: date | None, on: date) -> bool:
    """Both days belong to it."""
    return from_date <= on and (until_date is None or on <= until_date)


def decide(question: Question, facts: Facts) -> Decision:
    """The one decision. Anything that is not known to be permitted is refused."""
    if question.discloser == question.recipient:
        return OWN
    if facts.agreement is None:
        return Decision(
            False, "There is no executed MOU in force between the two organizations today.", Ground.AUTHORITY
        )
    if question.unmapped or not question.elements <= facts.terms:
        excess = question.unmapped + tuple(
            path for path, element in sorted(question.paths.items()) if element not in facts.terms
        )
        named = excess or tuple(sorted(e.value for e in question.elements - facts.terms))
        return Decision(
            False,
            f"The MOU does not agree to share: {', '.join(named)}.",
            Ground.ELEMENTS,
            named,
        )
    if question.loop and question.elements <= LOOP and not question.labels:
        return Decision(True, f"closed-loop term of MOU {facts.agreement}")
    for grant in facts.grants:
        if covers(grant, question):
            return Decision(True, f"consent {grant.consent} under MOU {facts.agreement}")
    return Decision(
        False,
        "No active consent of the member covers this discloser, this recipient and this purpose today.",
        Ground.CONSENT,
    )


def covers(grant: Grant, question: Question) -> bool:
    return (
        grant.discloser == question.discloser
        and grant.recipient == question.recipient
        and grant.purpose == question.purpose
        and question.labels <= grant.labels
        and grant.from_date <= question.on
        and (grant.until_date is None or question.on <= grant.until_date)
    )


def may_record(
    recorder: str, disclosers: frozenset[str], recipients: frozenset[str], collects_for: frozenset[str]
) -> bool:
    """A discloser that the consent names may record it; so may the other side where the MOU says that it collects
    for both (`collects_for`: the organizations for which the recorder does). Nobody records a consent that lets only
    itself receive.
    """
    if recipients <= {recorder}:
        return False
    return recorder in disclosers or (bool(disclosers) and disclosers <= collects_for)
