"""Positions, who holds them, and what is fit to be recorded of a person: pure data and functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hub.kernel.actor import OrganizationKind
from hub.kernel.errors import Problems


class Position(StrEnum):
    """The four that an IHSS MOU names (seed 004; domain.md 1.2), and the compliance officers who are reported
    to.
    """

    MCP_RESPONSIBLE_PERSON = "mcp_responsible_person"
    MCP_IHSS_LIAISON = "mcp_ihss_liaison"
    IHSS_RESPONSIBLE_PERSON = "ihss_responsible_person"
    IHSS_LIAISON = "ihss_liaison"
    MCP_COMPLIANCE_OFFICER = "mcp_compliance_officer"
    COUNTY_COMPLIANCE_OFFICER = "county_compliance_officer"


NAMES: dict[Position, str] = {
    Position.MCP_RESPONSIBLE_PERSON: "MCP Responsible Person",
    Position.MCP_IHSS_LIAISON: "MCP-IHSS Liaison",
    Position.IHSS_RESPONSIBLE_PERSON: "IHSS Responsible Person",
    Position.IHSS_LIAISON: "IHSS Liaison",
    Position.MCP_COMPLIANCE_OFFICER: "MCP Compliance Officer",
    Position.COUNTY_COMPLIANCE_OFFICER: "County Compliance Officer",
}

ASK_ABOUT: dict[Position, str] = {
    Position.MCP_RESPONSIBLE_PERSON: "Compliance with the MOU, escalations, decisions for the plan",
    Position.MCP_IHSS_LIAISON: "Referrals, care coordination, the quarterly meeting",
    Position.IHSS_RESPONSIBLE_PERSON: "Compliance with the MOU, escalations, decisions for the county",
    Position.IHSS_LIAISON: "Referrals, care coordination, the quarterly meeting",
    Position.MCP_COMPLIANCE_OFFICER: "Reports on compliance with the MOU",
    Position.COUNTY_COMPLIANCE_OFFICER: "Reports on compliance with the MOU",
}

SIDE: dict[Position, str] = {
    position: "plan" if position.value.startswith("mcp_") else "county" for position in Position
}

LIAISON_OF: dict[str, Position] = {"county": Position.IHSS_LIAISON, "plan": Position.MCP_IHSS_LIAISON}
RESPONSIBLE_OF: dict[str, Position] = {
    "county": Position.IHSS_RESPONSIBLE_PERSON,
    "plan": Position.MCP_RESPONSIBLE_PERSON,
}
COMPLIANCE_OF: dict[str, Position] = {
    "county": Position.COUNTY_COMPLIANCE_OFFICER,
    "plan": Position.MCP_COMPLIANCE_OFFICER,
}
REQUIRED_FOR_MOU: tuple[Position, ...] = (
    Position.IHSS_RESPONSIBLE_PERSON,
    Position.IHSS_LIAISON,
    Position.MCP_RESPONSIBLE_PERSON,
    Position.MCP_IHSS_LIAISON,
)


def required_of(kind: str) -> tuple[Position, ...]:
    """The positions that an organization of this kind must fill towards a partner, liaison first."""
    return (LIAISON_OF[kind], RESPONSIBLE_OF[kind]) if kind in LIAISON_OF else ()


def positions_of_kind(kind: str) -> tuple[Position, ...]:
    return (*required_of(kind), COMPLIANCE_OF[kind]) if kind in COMPLIANCE_OF else ()


@dataclass(frozen=True, slots=True)
class Tenure:
    """An appointment as the rules need it."""

    id: str
    counterpart: str | None
    from_date: date
    until_date: date | None

    def holds_on(self, day: date) -> bool:
        return self.from_date <= day and (self.until_date is None or day <= self.until_date)


def in_office(tenures: Iterable[Tenure], counterpart: str | None, on: date) -> Tenure | None:
    """Who holds the position on a day: one towards this partner wins over one towards everybody, a later over
    an earlier.
    """
    able = [tenure for tenure in tenures if tenure.holds_on(on) and tenure.counterpart in (None, counterpart)]
    return max(able, key=lambda t: (t.counterpart is not None, t.from_date, t.id), default=None)


# Deliberately plain: one @, something on each side, a dot in the domain. The mail server knows the rest.
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def normal_phone(text: str) -> str | None:
    """In E.164, with an extension kept as `;ext=`; None if it is no telephone number of this country or
    another.
    """
    import phonenumbers  # the numbers of all countries: with the first number, not at each start

    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


def phone_in_words(stored: str) -> str:
    """`(510) 555-0100` from what is stored; as it is, if it is none of this country."""
    import phonenumbers

    try:
        number = phonenumbers.parse(stored.replace(";ext=", " ext. "), "US")
    except phonenumbers.NumberParseException:
        return stored
    style = phonenumbers.PhoneNumberFormat.NATIONAL
    return phonenumbers.format_number(number, style if number.country_code == 1 else style + 1)


def person_problems(fields: Mapping[str, str], problems: Problems) -> None:
    """What is wrong with a contact person's data; the fields are named as the form names them."""
    for field, words in (("given", "a given name"), ("family", "a family name")):
        if not fields.get(field, "").strip():
            problems.add(field, f"Enter {words}.", "required")
    if not fields.get("email", "").strip():
        problems.add("email", "Enter an e-mail address.", "required")
    elif not _EMAIL.fullmatch(fields["email"].strip()):
        problems.add("email", "Enter an e-mail address such as name@county.gov.")
    if not fields.get("phone", "").strip():
        problems.add("phone", "Enter a telephone number.", "required")
    elif normal_phone(fields["phone"]) is None:
        problems.add("phone", "Enter a telephone number with its area code, such as (510) 555-0100.")


def fits(position: Position, kind: OrganizationKind | str) -> bool:
    """A plan's position is held in a plan, a county's in a county."""
    return SIDE[position] == str(kind)
