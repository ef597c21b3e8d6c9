"""Reads of MOUs.

What takes an actor shows the actor's own MOUs only. The lookups of `in_force` are for the decisions of other features.
"""

from hub.mou.queries.in_force import (
    agreed,
    agreement_in_force,
    agreement_of_terms,
    any_in_force,
    asked_any,
    collects_for_both,
    elements_in,
    governs,
    in_force,
    partners_of,
    terms,
)
from hub.mou.queries.register import (
    Filter,
    RegisterRow,
    agreements,
    counts,
    vacancies,
    vacancies_between,
    visible_row,
)
from hub.mou.queries.rows import AgreementRow
from hub.mou.queries.view import AgreementView, HistoryRow, PartyRow, SeatView, SectionRow, agreement, view_of

__all__ = [
    "AgreementRow",
    "AgreementView",
    "Filter",
    "HistoryRow",
    "PartyRow",
    "RegisterRow",
    "SeatView",
    "SectionRow",
    "agreed",
    "agreement",
    "agreement_in_force",
    "agreement_of_terms",
    "agreements",
    "any_in_force",
    "asked_any",
    "collects_for_both",
    "counts",
    "elements_in",
    "governs",
    "in_force",
    "partners_of",
    "terms",
    "vacancies",
    "vacancies_between",
    "view_of",
    "visible_row",
]
