"""What an MOU is made of and how it moves: pure data and functions."""

from __future__ import annotations

from enum import StrEnum


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
    """What parties may agree to share (Exhibit C, domain.md 1.7). FHIR paths are mapped to these by each description."""

    IDENTITY = "identity"  # name, birth date, sex, CIN
    DEMOGRAPHICS = "demographics"  # language, race and ethnicity, marital status
    CONTACT = "contact"  # address, telephone, contact persons
    REFERRAL = "referral"  # what is asked, priority, dates, who asks whom
    NEED = "need"  # reason, functional need, notes
    CLINICAL = "clinical"  # diagnoses, assessments, supporting clinical information
    CONSENT = "consent"  # documentation of the sharing authorization
    OUTCOME = "outcome"  # status, reason, what was done: the closed loop
    CASE = "case"  # IHSS case number, status, hours
