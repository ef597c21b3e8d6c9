"""Reads of meetings: only the two parties see one, case-specific items only those who may see referrals."""

from hub.meetings.queries.items import ActionItemRow, action_item, action_items
from hub.meetings.queries.meeting import (
    CASES,
    AgendaRow,
    MeetingRow,
    agenda,
    agenda_item,
    attendance,
    events,
    grouped,
    meeting,
)
from hub.meetings.queries.partners import (
    Parties,
    Partnership,
    agreement_parties,
    binding_agreements,
    partnerships,
)
from hub.meetings.queries.table import Seat, invitation, knows, posting_duty, seats

__all__ = [
    "CASES",
    "ActionItemRow",
    "AgendaRow",
    "MeetingRow",
    "Parties",
    "Partnership",
    "Seat",
    "action_item",
    "action_items",
    "agenda",
    "agenda_item",
    "agreement_parties",
    "attendance",
    "binding_agreements",
    "events",
    "grouped",
    "invitation",
    "knows",
    "meeting",
    "partnerships",
    "posting_duty",
    "seats",
]
