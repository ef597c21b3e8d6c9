"""Rows on their way into the database: tuples of texts and numbers that both databases take as they stand.

Dates and instants are the texts that the hub's engines store, flags are 0 and 1.
"""

from __future__ import annotations

from datetime import date
from typing import Any

Row = tuple[str | int | None, ...]
Rows = dict[str, list[Row]]

_DOCUMENT = ("id", "version", "updated_at", "source", "document")

COLUMNS: dict[str, tuple[str, ...]] = {
    "resource_version": (
        "id", "resource_type", "resource_id", "version", "method", "updated_at", "organization", "document",
    ),
    "rule_version": (
        "id", "rule", "version", "trigger", "words", "owed_by", "limit_count", "limit_unit", "authority",
        "effective_from", "verified", "shared", "note",
    ),
    "holiday": ("id", "organization", "day", "name"),
    "organization": (
        *_DOCUMENT, "kind", "name", "short_name", "county_number", "identifier", "active",
    ),
    "person": (*_DOCUMENT, "organization", "given", "family", "email", "phone", "title", "active"),
    "person_role": ("id", "person", "role"),
    "appointment": (
        *_DOCUMENT, "organization", "counterpart", "position", "person", "deputy", "from_date", "until_date",
    ),
    "appointment_event": (
        "id", "appointment", "event", "actor_id", "actor_name", "effective_date", "recorded_at", "note",
    ),
    "api_system": ("id", "organization", "client_id", "name", "scopes", "jwks", "active", "created_at"),
    "account": ("id", "username", "password_hash", "person", "active", "created_at"),
    "agreement": (
        "id", "kind", "title", "county", "plan", "state", "effective_date", "end_date", "executed_on", "renewal",
        "template", "collects_consent_for_both", "document_name", "document_hash", "published_at", "published_on",
        "created_at", "version",
    ),
    "agreement_party": ("id", "agreement", "organization", "role", "signatory", "signatory_title", "signed_on"),
    "agreement_section": ("id", "agreement", "section", "terms", "complete", "version"),
    "agreement_element": ("id", "agreement", "discloser", "recipient", "element"),
    "mou_term": ("id", "agreement", "discloser", "recipient", "element", "from_date", "until_date"),
    "agreement_event": (
        "id", "agreement", "event", "from_state", "to_state", "actor_id", "actor_name", "effective_date",
        "recorded_at", "note",
    ),
    "duty": (
        "id", "rule", "rule_version", "subject_type", "subject_id", "period", "unique_key", "title", "why",
        "organization", "counterpart", "position", "member", "opened_on", "not_before", "due_on", "calendar",
        "escalate_position", "escalate_on", "agenda_on", "overdue_on", "escalated_on", "agenda_proposed_on", "shared",
        "state", "settled_on", "settled_by", "settlement", "version",
    ),
    "duty_event": (
        "id", "duty", "event", "actor_id", "actor_name", "effective_date", "recorded_at", "note", "version",
    ),
    "member": (*_DOCUMENT, "cin", "given", "family", "given_key", "family_key", "birth_date", "case_number"),
    "member_organization": ("id", "member", "organization", "relation", "from_date", "until_date"),
    "consent": (*_DOCUMENT, "member", "status", "recorder", "given_on", "from_date", "until_date", "revoked_at"),
    "consent_party": ("id", "consent", "organization"),
    "consent_grant": (
        "id", "consent", "member", "discloser", "recipient", "purpose", "labels", "from_date", "until_date",
        "data_from", "data_until",
    ),
    "service_request": (
        *_DOCUMENT, "status", "intent", "priority", "member", "requester", "performer", "service", "code_text",
        "authored_at",
    ),
    "request_consent": ("id", "service_request", "consent"),
    "task": (
        *_DOCUMENT, "status", "business_status", "service_request", "member", "requester", "owner", "service",
        "priority", "authored_at", "sent_on", "accepted_on", "ended_on", "closure_reason", "loop_closed_on",
    ),
    "procedure": (*_DOCUMENT, "status", "member", "service_request", "performer", "performed_on"),
    "task_output": ("id", "task", "procedure"),
    "referral_event": (
        "id", "task", "event", "from_status", "to_status", "actor_id", "actor_name", "organization", "channel",
        "effective_date", "recorded_at", "task_version", "note",
    ),
    "meeting": (
        "id", "agreement", "county", "plan", "quarter", "starts_at", "minutes_long", "place", "state", "sequence",
        "held_on", "minutes", "decisions", "others_present", "minuted_on", "posted_on", "posted_where", "created_at",
        "version",
    ),
    "meeting_attendance": ("id", "meeting", "person", "organization", "position", "invited", "attended"),
    "agenda_item": (
        "id", "meeting", "position", "topic", "kind", "title", "why", "subject_type", "subject_id", "confidential",
        "discussed", "removed",
    ),
    "action_item": (
        "id", "agreement", "meeting", "title", "organization", "owner", "due_on", "state", "done_on", "outcome",
        "confidential", "version",
    ),
    "meeting_event": (
        "id", "meeting", "event", "actor_id", "actor_name", "effective_date", "recorded_at", "note",
    ),
}  # fmt: skip
"""In the order in which they are written: what a row points at comes before it."""

BULK = (
    "resource_version", "member", "member_organization", "consent", "consent_party", "consent_grant",
    "service_request", "request_consent", "task", "procedure", "task_output", "referral_event", "duty", "duty_event",
)  # fmt: skip
"""The tables that grow with the State: they are filled without their indexes."""


def empty() -> Rows:
    return {table: [] for table in COLUMNS}


def put(rows: Rows, table: str, **values: Any) -> None:
    """One row by its columns, for tables where speed does not matter. Raises KeyError for a column forgotten."""
    columns = COLUMNS[table]
    if len(values) != len(columns):
        raise KeyError(f"{table}: {sorted(set(columns) ^ set(values))}")
    rows[table].append(tuple(_plain(values[name]) for name in columns))


def _plain(value: Any) -> str | int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None else value if isinstance(value, int) else str(value)
