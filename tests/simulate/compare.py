"""Two sets of rows about the same things, with ids that differ: brought into one form, so that they can be compared."""

from __future__ import annotations

import re
from typing import Any

from hub.simulate.rows import COLUMNS, Rows
from tests.simulate.build import plain

Told = dict[str, list[tuple[Any, ...]]]
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

KEYS: dict[str, tuple[str, ...]] = {
    "agreement": ("title",),
    "agreement_party": ("agreement", "role"),
    "agreement_section": ("agreement", "section"),
    "agreement_element": ("agreement", "discloser", "element"),
    "mou_term": ("agreement", "discloser", "element"),
    "agreement_event": ("agreement", "recorded_at"),
    "appointment": ("organization", "counterpart", "position"),
    "appointment_event": ("appointment", "recorded_at"),
    "member": ("cin",),
    "member_organization": ("relation", "from_date"),
    "consent": ("given_on",),
    "consent_party": ("consent", "organization"),
    "consent_grant": ("consent", "discloser"),
    "service_request": ("service",),
    "task": ("service",),
    "procedure": ("performed_on",),
    "task_output": (),
    "request_consent": (),
    "referral_event": ("task_version",),
    "meeting": ("agreement", "quarter"),
    "meeting_event": ("meeting", "recorded_at"),
    "meeting_attendance": ("meeting", "person"),
    "action_item": ("meeting", "title"),
    "agenda_item": ("meeting", "position"),
    "duty": ("rule", "subject_id", "period", "organization"),
    "duty_event": ("duty", "version"),
    "resource_version": ("resource_type", "resource_id", "version"),
}
"""By what the rows of a table are told apart; what they point at comes before them."""


def told(rows: Rows | Told, known: set[str]) -> Told:
    """The rows in an order of their own, every id but the `known` ones replaced by the place of its row."""
    names: dict[str, str] = {}

    def renamed(value: Any) -> Any:
        return _ID.sub(lambda found: names.get(found[0], found[0]), value) if isinstance(value, str) else value

    ordered: Told = {}
    for table, key in KEYS.items():
        places = [COLUMNS[table].index(name) for name in key]
        raw = [tuple(plain(value) for value in row) for row in rows.get(table, [])]
        pairs = sorted(
            ((tuple(str(renamed(row[place])) for place in places), row) for row in raw), key=lambda pair: pair[0]
        )
        for place, (_, row) in enumerate(pairs):
            if row[0] not in known:
                names[str(row[0])] = f"{table} {place}"
        ordered[table] = [row for _, row in pairs]
    return {table: [tuple(map(renamed, row)) for row in these] for table, these in ordered.items()}
