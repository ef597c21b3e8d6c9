"""Agreements between a county and managed care plans, and the terms that the exchange enforces."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import (
    code,
    code_or_none,
    day,
    day_or_none,
    flag,
    instant,
    key,
    link,
    number,
    text,
    text_or_none,
)
from hub.directory.tables import Organization


class Agreement(Table, tablename="agreement"):
    """An MOU. States: mou.rules.State. `county` is the county party, `plan` the plan that leads."""

    id = key()
    kind = code()  # mou.rules.Kind
    title = text()
    county = link(Organization)
    plan = link(Organization)
    state = code(index=True)
    effective_date = day_or_none()
    end_date = day_or_none()
    executed_on = day_or_none()
    renewal = text_or_none()
    template = code()  # version of the DHCS template, or `none` for one that predates it
    collects_consent_for_both = flag()  # either side may record a consent for the other (architecture, Grants)
    document_name = text_or_none()
    document_hash = code_or_none()  # SHA-256 of the signed document
    published_at = text_or_none()  # where it is posted
    published_on = day_or_none()
    created_at = instant()
    version = number(default=1)


class AgreementParty(Table, tablename="agreement_party"):
    """An organization that must sign."""

    id = key()
    agreement = link(Agreement)
    organization = link(Organization)
    role = code()  # county | plan | subcontractor
    signatory = text_or_none()
    signatory_title = text_or_none()
    signed_on = day_or_none()


class AgreementSection(Table, tablename="agreement_section"):
    """One of the ten required sections: what the parties filled in, beside what the template requires."""

    id = key()
    agreement = link(Agreement)
    section = code()  # mou.rules.Section
    terms = text_or_none()
    complete = flag()
    version = number(default=1)


class AgreementElement(Table, tablename="agreement_element"):
    """A data element that one party agreed to share with another (Exhibit C), as negotiated."""

    id = key()
    agreement = link(Agreement)
    discloser = link(Organization)
    recipient = code()
    element = code()  # mou.rules.DataElement


class MouTerm(Table, tablename="mou_term"):
    """What an executed MOU permits, as rows for joins: discloser, recipient, data element, from, until (inclusive)."""

    id = key()
    agreement = link(Agreement)
    discloser = code(index=True)
    recipient = code(index=True)
    element = code()
    from_date = day()
    until_date = day_or_none()


class AgreementEvent(Table, tablename="agreement_event"):
    """The dated history that nobody can rewrite: each step and each change."""

    id = key()
    agreement = link(Agreement)
    event = code()
    from_state = code_or_none()
    to_state = code_or_none()
    actor_id = code()
    actor_name = text()
    effective_date = day()
    recorded_at = instant()
    note = text_or_none()
