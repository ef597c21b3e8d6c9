"""The FHIR documents of organizations, people and appointments. Pure.

Only what the directory knows for its own purpose: names, business telephone and e-mail, positions and their
time.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.directory.rules import NAMES, Position

ORGANIZATION_SYSTEM = "urn:ihss-hub:organization"
COUNTY_SYSTEM = "urn:ihss-hub:county-number"  # CDSS county number, 01 to 58
POSITION_SYSTEM = "urn:ihss-hub:position"
KIND_SYSTEM = "http://terminology.hl7.org/CodeSystem/organization-type"
KIND_CODES = {
    "county": ("govt", "Government"),
    "state": ("govt", "Government"),
    "plan": ("pay", "Payer"),
    "hub": ("other", "Other"),
}


def organization(
    *, kind: str, name: str, short_name: str, identifier: str, county_number: int | None, active: bool = True
) -> dict[str, Any]:
    identifiers = [{"system": ORGANIZATION_SYSTEM, "value": identifier}]
    if county_number is not None:
        identifiers.append({"system": COUNTY_SYSTEM, "value": f"{county_number:02d}"})
    code, display = KIND_CODES[kind]
    return {
        "resourceType": "Organization",
        "identifier": identifiers,
        "active": active,
        "type": [{"coding": [{"system": KIND_SYSTEM, "code": code, "display": display}]}],
        "name": name,
        **({"alias": [short_name]} if short_name and short_name != name else {}),
    }


def _telecom(phone: str, email: str) -> list[dict[str, str]]:
    return [
        {"system": "phone", "value": phone, "use": "work"},
        {"system": "email", "value": email, "use": "work"},
    ]


def practitioner(*, given: str, family: str, phone: str, email: str, active: bool = True) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "active": active,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "telecom": _telecom(phone, email),
    }


def practitioner_role(
    *,
    person: str,
    person_name: str,
    organization: str,
    organization_name: str,
    position: Position,
    phone: str,
    email: str,
    from_date: date,
    until_date: date | None = None,
    today: date,
) -> dict[str, Any]:
    """`active` speaks of the day on which the document was written; the period says the rest.

    One that ended before it began was replaced on its first day: it never took effect, so it has no period.
    """
    took_effect = until_date is None or until_date >= from_date
    period = {"start": from_date.isoformat(), **({"end": until_date.isoformat()} if until_date else {})}
    return {
        "resourceType": "PractitionerRole",
        "active": until_date is None or (took_effect and until_date >= today),
        **({"period": period} if took_effect else {}),
        "practitioner": {"reference": f"Practitioner/{person}", "display": person_name},
        "organization": {"reference": f"Organization/{organization}", "display": organization_name},
        "code": [
            {
                "coding": [{"system": POSITION_SYSTEM, "code": position.value, "display": NAMES[position]}],
                "text": NAMES[position],
            }
        ],
        "telecom": _telecom(phone, email),
    }
