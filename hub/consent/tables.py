"""Consents as documents, and the grants that follow from them as rows for joins."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import code, day, day_or_none, instant_or_none, key, link, text
from hub.db.tables import DocumentMixin
from hub.directory.tables import Organization
from hub.members.tables import Member


class Consent(DocumentMixin, Table, tablename="consent"):
    """A member's consent. FHIR Consent. `status` is FHIR's: draft, active, rejected, inactive, entered-in-error."""

    member = link(Member)
    status = code()
    recorder = link(Organization)  # who recorded it
    given_on = day()
    from_date = day()
    until_date = day_or_none()
    revoked_at = instant_or_none()


class ConsentGrant(Table, tablename="consent_grant"):
    """This member's data may go from discloser to recipient for a purpose, on these days (inclusive)."""

    id = key()
    consent = link(Consent)
    member = link(Member)
    discloser = link(Organization)
    recipient = link(Organization)
    purpose = code()  # v3-ActReason code, such as TREAT
    labels = text()  # sensitive categories permitted, separated by spaces; none unless named
    from_date = day()
    until_date = day_or_none()
    data_from = day_or_none()
    data_until = day_or_none()


class ConsentParty(Table, tablename="consent_party"):
    """An organization that a consent names, also after its grants have ended: it may see the consent."""

    id = key()
    consent = link(Consent)
    organization = link(Organization)
