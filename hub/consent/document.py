"""FHIR Consent: what the hub reads out of it, and how the page's form becomes one (fhir.md 1.7, PCF). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.consent.rules import PURPOSE_SYSTEM
from hub.fhir.dates import bounds
from hub.kernel import clock
from hub.kernel.errors import Issue

ROLES = {
    "CST": "discloser",  # v3-RoleClass / ParticipationType custodian: who holds the data
    "IRCP": "recipient",  # information recipient
    "PRCP": "recipient",  # primary information recipient
}
_UNSUPPORTED = ("provision", "data", "dataPeriod", "class", "code", "action", "modifierExtension")


@dataclass(frozen=True, slots=True)
class Read:
    """A Consent as the rules want it. References are FHIR's texts."""

    patient: str
    status: str
    given_on: date
    from_date: date
    until_date: date | None
    disclosers: tuple[str, ...]
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    labels: tuple[str, ...]
    data_from: date | None
    data_until: date | None


def _codes(concept: Mapping[str, Any] | None) -> list[str]:
    return [str(c.get("code")) for c in (concept or {}).get("coding") or []]


def _day(text: Any) -> date | None:
    """The legal date of a FHIR dateTime; a year or month stands for its first day."""
    if not text:
        return None
    text = str(text)
    if "T" in text:
        return clock.legal_date(bounds(text)[0])
    return date.fromisoformat({4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text))


def _last_day(text: Any) -> date | None:
    """The last legal date of a period's end: a year or month ends with its last day."""
    if text and len(str(text)) == 4:
        return date(int(str(text)), 12, 31)
    if text and len(str(text)) == 7:
        year, month = int(str(text)[:4]), int(str(text)[5:7])
        following = date(year + month // 12, month % 12 + 1, 1)
        return date.fromordinal(following.toordinal() - 1)
    return _day(text)


def check(document: Mapping[str, Any]) -> list[Issue]:
    """The profile's rules, and what the hub cannot honour (and so refuses, rather than release too much)."""
    found: list[Issue] = []

    def need(condition: object, where: str, words: str, code: str = "required") -> None:
        if not condition:
            found.append(Issue(f"Consent.{where}", words, code))

    need("patient-privacy" in _codes(document.get("scope")), "scope", "scope must be patient-privacy.", "code-invalid")
    categories = [code for concept in document.get("category") or [] for code in _codes(concept)]
    need("IDSCL" in categories, "category", "category needs v3-ActCode IDSCL (information disclosure).")
    need(document.get("patient"), "patient", "A Consent needs the patient.")
    need(document.get("dateTime"), "dateTime", "A Consent needs the date on which it was given.")
    need(document.get("organization"), "organization", "A Consent needs its organization (the custodian).")
    need(
        document.get("sourceAttachment") or document.get("sourceReference"),
        "source",
        "A Consent needs its source: the signed form, or where it is.",
    )
    need(
        document.get("policy") or document.get("policyRule"), "policy", "A Consent needs a policy (ppc-1).", "invariant"
    )
    provision = document.get("provision") or {}
    if document.get("status") == "active":
        need(
            provision.get("type") == "permit",
            "provision.type",
            "The provision must be of type permit; a refusal is recorded with status rejected.",
        )
        need(purposes(document), "provision.purpose", "The provision must name its purpose (v3-ActReason).")
        need(_actors(provision, "recipient"), "provision.actor", "The provision must name who may receive (role IRCP).")
    for name in _UNSUPPORTED:
        need(
            name not in provision,
            f"provision.{name}",
            f"The hub cannot honour provision.{name} yet, and so does not take this Consent.",
            "not-supported",
        )
    need(
        "modifierExtension" not in document,
        "modifierExtension",
        "The hub does not know this modifier, and so does not take this Consent.",
        "not-supported",
    )
    return found


def purposes(document: Mapping[str, Any]) -> tuple[str, ...]:
    coded = (document.get("provision") or {}).get("purpose") or []
    return tuple(str(c["code"]) for c in coded if c.get("code") and c.get("system", PURPOSE_SYSTEM) == PURPOSE_SYSTEM)


def _actors(provision: Mapping[str, Any], side: str) -> tuple[str, ...]:
    return tuple(
        str((actor.get("reference") or {}).get("reference", ""))
        for actor in provision.get("actor") or []
        if side in {ROLES.get(code) for code in _codes(actor.get("role"))}
    )


def read(document: Mapping[str, Any]) -> Read:
    """Of a document that `check` let pass. Where no actor is named as custodian, `organization` discloses."""
    provision = document.get("provision") or {}
    period, data_period = provision.get("period") or {}, provision.get("dataPeriod") or {}
    given = _day(document["dateTime"]) or clock.today()  # `check` saw that it is there
    organizations = tuple(str(o.get("reference", "")) for o in document.get("organization") or [])
    return Read(
        patient=str(document["patient"].get("reference", "")),
        status=str(document.get("status", "")),
        given_on=given,
        from_date=_day(period.get("start")) or given,
        until_date=_last_day(period.get("end")),
        disclosers=_actors(provision, "discloser") or organizations,
        recipients=_actors(provision, "recipient"),
        purposes=purposes(document),
        labels=tuple(sorted({str(c["code"]) for c in provision.get("securityLabel") or [] if c.get("code")})),
        data_from=_day(data_period.get("start")),
        data_until=_last_day(data_period.get("end")),
    )


def consent(
    *,
    member: str,
    given_on: date,
    from_date: date,
    until_date: date | None,
    organizations: tuple[str, str],
    two_way: bool,
    form: str,
    labels: tuple[str, ...] = (),
    refused: bool = False,
) -> dict[str, Any]:
    """A Consent from what a person typed. `organizations` are ids: who discloses, who receives."""

    def actor(organization: str, role: str) -> dict[str, Any]:
        system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
        return {
            "role": {"coding": [{"system": system, "code": role}]},
            "reference": {"reference": f"Organization/{organization}"},
        }

    discloser, recipient = organizations
    actors = [actor(discloser, "CST"), actor(recipient, "IRCP")]
    if two_way:
        actors += [actor(recipient, "CST"), actor(discloser, "IRCP")]
    period = {"start": from_date.isoformat()}
    if until_date:
        period["end"] = until_date.isoformat()
    provision: dict[str, Any] = {
        "type": "deny" if refused else "permit",  # a refusal names to whom the member did not want to let it go
        "period": period,
        "actor": actors,
        "purpose": [{"system": PURPOSE_SYSTEM, "code": "TREAT"}],
    }
    if labels:
        system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
        provision["securityLabel"] = [{"system": system, "code": label} for label in labels]
    return {
        "resourceType": "Consent",
        "status": "rejected" if refused else "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL"}]}],
        "patient": {"reference": f"Patient/{member}"},
        "dateTime": given_on.isoformat(),
        "organization": [{"reference": f"Organization/{discloser}"}],
        "sourceAttachment": {"contentType": "text/plain", "title": form},
        "policy": [{"uri": "urn:ihss-hub:policy:mou-data-sharing"}],
        "provision": provision,
    }


def with_status(document: Mapping[str, Any], status: str) -> dict[str, Any]:
    return {**document, "status": status}
