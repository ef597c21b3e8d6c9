"""FHIR Patient: what the hub reads out of it, and how the page's form becomes one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.kernel.errors import Issue
from hub.members.rules import CIN_SYSTEM, IDENTIFIER_TYPES, MEDICAID_NUMBER, name_key, normal_cin


def _is_cin(identifier: Mapping[str, Any]) -> bool:
    if identifier.get("system") == CIN_SYSTEM:
        return True
    codings = (identifier.get("type") or {}).get("coding") or []
    return any(c.get("code") == MEDICAID_NUMBER and c.get("system") == IDENTIFIER_TYPES for c in codings)


def cin_of(document: Mapping[str, Any]) -> str | None:
    """The CIN, in normal form: the identifier of the hub's system, or of type MC (Medicaid number)."""
    for identifier in document.get("identifier") or []:
        if _is_cin(identifier):
            return normal_cin(str(identifier.get("value", "")))
    return None


def _name(document: Mapping[str, Any]) -> Mapping[str, Any]:
    names = document.get("name") or [{}]
    official = [n for n in names if n.get("use") in ("official", "usual")]
    chosen: Mapping[str, Any] = (official or names)[0]
    return chosen


def check(document: Mapping[str, Any]) -> list[Issue]:
    """What the hub needs of a Patient beyond FHIR's own rules."""
    issues = []
    if cin_of(document) is None:
        issues.append(
            Issue(
                "Patient.identifier",
                f"A Patient needs its CIN, 9 letters or digits: an identifier of system {CIN_SYSTEM} or type MC.",
                "required",
            )
        )
    name = _name(document)
    if not name.get("family"):
        issues.append(Issue("Patient.name.family", "A Patient needs a family name.", "required"))
    if not name.get("given"):
        issues.append(Issue("Patient.name.given", "A Patient needs a given name.", "required"))
    try:
        date.fromisoformat(str(document.get("birthDate", "")))
    except ValueError:
        issues.append(Issue("Patient.birthDate", "A Patient needs a full birth date.", "required"))
    return issues


def project(document: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `Member`, of a document that `check` let pass."""
    name = _name(document)
    given, family = " ".join(name.get("given") or []), str(name.get("family", ""))
    return {
        "cin": cin_of(document),
        "given": given,
        "family": family,
        "given_key": name_key(given),
        "family_key": name_key(family),
        "birth_date": date.fromisoformat(str(document["birthDate"])),
    }


def patient(
    *,
    cin: str,
    given: str,
    family: str,
    birth_date: date,
    phone: str | None = None,
    address: str | None = None,
    language: str | None = None,
) -> dict[str, Any]:
    """A Patient from what a person typed."""
    document: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [
            {
                "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": MEDICAID_NUMBER}]},
                "system": CIN_SYSTEM,
                "value": cin,
            }
        ],
        "name": [{"use": "official", "family": family, "given": given.split()}],
        "birthDate": birth_date.isoformat(),
    }
    if phone:
        document["telecom"] = [{"system": "phone", "value": phone}]
    if address:
        document["address"] = [{"text": address}]
    if language:
        document["communication"] = [{"language": {"text": language}}]
    return document


def contact_of(document: Mapping[str, Any]) -> tuple[str, str, str]:
    """Telephone, address and language in words; '' for what is not there."""
    phones = [str(t.get("value", "")) for t in document.get("telecom") or [] if t.get("system") == "phone"]
    languages = [
        concept.get("text") or next((c.get("display") or c.get("code") for c in concept.get("coding") or []), "")
        for concept in (one.get("language") or {} for one in document.get("communication") or [])
    ]
    return (
        ", ".join(filter(None, phones)),
        "; ".join(filter(None, (_address(one) for one in document.get("address") or []))),
        ", ".join(filter(None, map(str, languages))),
    )


def _address(address: Mapping[str, Any]) -> str:
    if address.get("text"):
        return str(address["text"])
    parts = [*(address.get("line") or []), address.get("city"), address.get("state"), address.get("postalCode")]
    return ", ".join(str(part) for part in parts if part)
