"""Turning an example referral, ours or a published one, into the transaction Bundle that a plan's system sends.

What is changed, and nothing else:

- Patient: gets the CIN (the published ones have no Medicaid number).
- Consent: gets a provision that permits, with its two actors, the purpose and the period; `organization` is the plan.
- ServiceRequest: active; requester is the plan; supportingInfo points at the Consent.
- Task: `requested` (a Task is created so); requester is the plan, owner the county; output, statusReason and
  businessStatus, which belong to a later state, go.
- References to types of later issues (Condition, Observation, Goal, …), and to requests that are not in the Bundle, go.
- Each gets a `urn:uuid:` address, and the references between them follow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from hub.members.rules import IDENTIFIER_TYPES

OURS = Path(__file__).parents[1] / "examples"
PUBLISHED = Path(__file__).parents[3] / "shared" / "examples" / "fhir" / "gravity"

TRIPLES = {
    "ours": (OURS, ("patient.json", "consent.json", "service-request.json", "task.json")),
    "food-pantry": (
        PUBLISHED,
        (
            "Patient-pat-53234.json",
            "Consent-SDOHCC-ConsentInformationDisclosureExample.json",
            "ServiceRequest-SDOHCC-ServiceRequestActiveFoodPantryApplicationAssistExample.json",
            "Task-SDOHCC-TaskReferralManagementOrderFulfillmentAcceptedExample.json",
        ),
    ),
    "food-pantry-completed": (
        PUBLISHED,
        (
            "Patient-pat-53234.json",
            "Consent-SDOHCC-ConsentInformationDisclosureExample.json",
            "ServiceRequest-SDOHCC-ServiceRequestActiveFoodPantryApplicationAssistExample.json",
            "Task-SDOHCC-TaskReferralManagementOrderFulfillmentCompletedExample.json",
        ),
    ),
    "wic": (
        PUBLISHED,
        (
            "Patient-SDOHCC-PatientBabyAbbas.json",
            "Consent-SDOHCC-ConsentInformationDisclosureExample.json",
            "ServiceRequest-SDOHCC-ServiceRequestActiveWICReferralExample.json",
            "Task-SDOHCC-TaskContentRichReferralWICExample.json",
        ),
    ),
    "summer-food-subtask": (
        PUBLISHED,
        (
            "Patient-pat-53234.json",
            "Consent-SDOHCC-ConsentInformationDisclosureExample.json",
            "ServiceRequest-SDOHCC-ServiceRequestSubreferralSummerFoodProgramExample.json",
            "Task-SDOHCC-TaskReferralManagementOrderSubtaskAcceptedExample.json",
        ),
    ),
}
_LATER_STATE = ("output", "statusReason", "businessStatus", "partOf", "input")
_LATER_TYPES = ("reasonReference", "basedOn")


def names() -> list[str]:
    """The examples that are at hand: ours always, the published ones where `shared` is."""
    return [name for name, (folder, files) in TRIPLES.items() if all((folder / file).exists() for file in files)]


def load(name: str) -> list[dict[str, Any]]:
    folder, files = TRIPLES[name]
    return [json.loads((folder / file).read_text("utf-8")) for file in files]


def adapt(documents: list[dict[str, Any]], *, cin: str, plan: str, county: str) -> dict[str, Any]:
    """Patient, Consent, ServiceRequest and Task as one transaction Bundle. `plan` and `county` are Organization ids."""
    patient, consent, request, task = (json.loads(json.dumps(document)) for document in documents)
    at = {document["resourceType"]: f"urn:uuid:{uuid4()}" for document in documents}
    plan_reference, county_reference = {"reference": f"Organization/{plan}"}, {"reference": f"Organization/{county}"}
    medicaid = {"type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "MC"}]}, "value": cin}
    patient["identifier"] = [*patient.get("identifier", []), medicaid]

    consent["patient"] = {"reference": at["Patient"]}
    consent["organization"] = [plan_reference]
    consent["provision"] = {
        "type": "permit",
        "period": {"start": "2026-01-01", "end": "2027-12-31"},
        "actor": [_actor("CST", plan_reference), _actor("IRCP", county_reference)],
        "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}],
    }

    request = {key: value for key, value in request.items() if key not in _LATER_TYPES}
    request["status"] = "active"
    request["subject"] = {"reference": at["Patient"]}
    request["requester"] = plan_reference
    request["supportingInfo"] = [{"reference": at["Consent"]}]

    task = {key: value for key, value in task.items() if key not in _LATER_STATE}
    task |= {
        "status": "requested",
        "focus": {"reference": at["ServiceRequest"]},
        "for": {**task["for"], "reference": at["Patient"]},
        "requester": plan_reference,
        "owner": county_reference,
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": at[document["resourceType"]],
                "resource": {key: value for key, value in document.items() if key != "id"},
                "request": {"method": "POST", "url": document["resourceType"]},
            }
            for document in (task, request, consent, patient)  # on purpose not in the order of their references
        ],
    }
    copied: dict[str, Any] = json.loads(json.dumps(bundle))
    return copied


def _actor(role: str, reference: dict[str, str]) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    return {"role": {"coding": [{"system": system, "code": role}]}, "reference": reference}


def without(bundle: dict[str, Any], resource_type: str) -> dict[str, Any]:
    """The Bundle without its resource of one type, and without what points at it."""
    left = json.loads(json.dumps(bundle))
    gone = [e["fullUrl"] for e in left["entry"] if e["resource"]["resourceType"] == resource_type]
    left["entry"] = [e for e in left["entry"] if e["fullUrl"] not in gone]
    for entry in left["entry"]:
        if entry["resource"].get("supportingInfo", [{}])[0].get("reference") in gone:
            del entry["resource"]["supportingInfo"]
    return left
