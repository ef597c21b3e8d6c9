"""Closed-loop referrals: a ServiceRequest says what is asked, a Task follows the asking."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import (
    code,
    code_or_none,
    day,
    day_or_none,
    flag,
    instant,
    instant_or_none,
    key,
    link,
    link_or_none,
    number,
    text,
    text_or_none,
)
from hub.db.tables import DocumentMixin
from hub.directory.tables import Organization
from hub.members.tables import Member


class ServiceRequest(DocumentMixin, Table, tablename="service_request"):
    """What is asked for a member. Its status is the requester's alone."""

    status = code()
    intent = code()
    priority = code_or_none()
    member = link(Member)
    requester = link(Organization)
    performer = link_or_none(Organization)
    service = code()  # referrals.rules.Service, or `other`
    code_text = text()
    authored_at = instant_or_none()


class Task(DocumentMixin, Table, tablename="task"):
    """The asking: one organization asks another to do it. Its status follows referrals.rules."""

    status = code()
    business_status = code_or_none()
    service_request = link(ServiceRequest)  # Task.focus
    member = link(Member)  # Task.for
    requester = link(Organization)
    owner = link(Organization)
    service = code()  # of the ServiceRequest, for lists and figures
    priority = code_or_none()
    authored_at = instant()
    sent_on = day_or_none()  # the legal date on which it became `requested`
    accepted_on = day_or_none()
    ended_on = day_or_none()
    closure_reason = code_or_none()  # referrals.rules.ClosureReason
    loop_closed_on = day_or_none()  # the requester has closed its ServiceRequest as well


class Procedure(DocumentMixin, Table, tablename="procedure"):
    """What was done: the outcome of a Task."""

    status = code()
    member = link(Member)
    service_request = link_or_none(ServiceRequest)  # basedOn
    performer = link(Organization)
    performed_on = day_or_none()


class ReferralEvent(Table, tablename="referral_event"):
    """Each step of a referral: what, from, to, who, when it took effect and when it was recorded. Only inserted."""

    id = key()
    task = link(Task)
    event = code()
    from_status = code_or_none()
    to_status = code_or_none()
    actor_id = code()
    actor_name = text()
    organization = code_or_none()
    channel = code()  # page | fhir | hub
    effective_date = day()
    recorded_at = instant()
    task_version = number()
    note = text_or_none()


class ReferralDraft(Table, tablename="referral_draft"):
    """A new referral that somebody is still filling in, left and taken up again any time."""

    id = key()
    person = code(index=True)  # whose draft
    organization = link(Organization)
    data = text()  # JSON of the forms
    updated_at = instant()
    done = flag()


class TaskOutput(Table, tablename="task_output"):
    """Procedures that a Task's output points at, for searches."""

    id = key()
    task = link(Task)
    procedure = link(Procedure)


class RequestConsent(Table, tablename="request_consent"):
    """Consents that a ServiceRequest's supportingInfo points at, for searches."""

    id = key()
    service_request = link(ServiceRequest)
    consent = code(index=True)
