"""ServiceRequest, Task and Procedure: their profile's rules, what the hub reads out of them, and how it builds and
changes them (fhir.md 1.2 and 1.3). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.db.documents import instant_text
from hub.fhir.dates import bounds
from hub.kernel.errors import Issue
from hub.referrals.rules import (
    BUSINESS_STATUS,
    BUSINESS_SYSTEM,
    CLOSURE_SYSTEM,
    CLOSURE_WORDS,
    SERVICE_SYSTEM,
    SERVICE_WORDS,
    ClosureReason,
    Service,
    Status,
)

TASK_CODES = "http://hl7.org/fhir/CodeSystem/task-code"
OUTPUT_CODES = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
RESULTING_ACTIVITY = "resulting-activity"
MAX_CODE = 128  # what a column for a code holds
SNOMED = "http://snomed.info/sct"
_SOCIAL_SERVICE = {"system": SNOMED, "code": "410606002", "display": "Social service procedure"}


def reference(document: Mapping[str, Any], name: str) -> str:
    """The text of a single reference, or ''."""
    return str((document.get(name) or {}).get("reference", ""))


def id_of(text: str, kind: str) -> str | None:
    """`x` of `Kind/x`; None for anything else."""
    found, _, row_id = text.partition("/")
    return row_id if found == kind and row_id else None


def codings(concept: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((concept or {}).get("coding") or [])


def _need(issues: list[Issue], condition: object, where: str, words: str, code: str = "required") -> None:
    if not condition:
        issues.append(Issue(where, words, code))


def check_service_request(document: Mapping[str, Any]) -> list[Issue]:
    """SDOHCC-ServiceRequest, the rules that need no database."""
    issues: list[Issue] = []
    concept = document.get("code") or {}
    _need(
        issues,
        concept.get("coding") or concept.get("text"),
        "ServiceRequest.code",
        "A ServiceRequest says in code what is asked.",
    )
    _need(issues, reference(document, "subject"), "ServiceRequest.subject", "A ServiceRequest needs its subject.")
    for name in ("specimen", "bodySite"):
        _need(
            issues,
            name not in document,
            f"ServiceRequest.{name}",
            f"{name} is not allowed in a referral (SDOHCC-ServiceRequest).",
            "structure",
        )
    _need(
        issues,
        document.get("intent") in ("order", "original-order", "filler-order"),
        "ServiceRequest.intent",
        "The intent of a referral is order, original-order or filler-order.",
        "code-invalid",
    )
    return issues


def check_task(document: Mapping[str, Any]) -> list[Issue]:
    """SDOHCC-TaskForReferralManagement, the rules that need no database."""
    issues: list[Issue] = []
    status = document.get("status")
    if status not in _STATUSES:
        issues.append(Issue("Task.status", f"Task.status is one of {', '.join(Status)}.", "code-invalid"))
    _need(issues, document.get("intent") == "order", "Task.intent", "Task.intent is exactly order.", "code-invalid")
    _need(issues, _asks(document), "Task.code", _FULFILL, "code-invalid")
    for name in ("focus", "for", "requester"):
        if not reference(document, name):
            issues.append(Issue(f"Task.{name}", f"A referral Task needs {name}.", "required"))
    _need(
        issues,
        reference(document, "owner"),
        "Task.owner",
        "A referral Task needs its owner, the organization that is asked: the hub takes no open Tasks yet.",
    )
    _need(issues, document.get("authoredOn"), "Task.authoredOn", "A referral Task needs authoredOn.")
    reason = document.get("statusReason")
    _need(
        issues,
        reason is None or reason.get("text"),
        "Task.statusReason.text",
        "statusReason needs its text.",
    )
    if not reason and status in _WITH_REASON:
        words = f"A Task that is {status} says why in statusReason.text."
        issues.append(Issue("Task.statusReason", words, "required"))
    if status == Status.COMPLETED:
        _need(
            issues,
            any(_is_activity(output) for output in document.get("output") or []),
            "Task.output",
            "A completed Task says what was done: an output of type resulting-activity.",
        )
    for number, output in enumerate(document.get("output") or []):
        if "valueReference" not in output and "valueCodeableConcept" not in output:
            words = "An output is a reference to what was done, or a code."
            issues.append(Issue(f"Task.output[{number}].value", words, "not-supported"))
    for number, coding in enumerate(codings(document.get("businessStatus"))):
        if len(str(coding.get("code", ""))) > MAX_CODE:
            words = f"A code has at most {MAX_CODE} characters here."
            issues.append(Issue(f"Task.businessStatus.coding[{number}].code", words, "too-long"))
    modified, authored = document.get("lastModified"), document.get("authoredOn")
    if modified and authored and modified != authored:
        _need(
            issues,
            bounds(modified)[1] > _later(authored),
            "Task.lastModified",
            "lastModified is not before authoredOn (inv-1).",
            "invariant",
        )
    return issues


_STATUSES = frozenset(one.value for one in Status)
_WITH_REASON = frozenset(one.value for one in (Status.REJECTED, Status.CANCELLED, Status.ON_HOLD, Status.FAILED))
_FULFILL = f"Task.code is {TASK_CODES}#fulfill."


def _asks(document: Mapping[str, Any]) -> bool:
    concept = document.get("code")
    return any(one.get("code") == "fulfill" and one.get("system") == TASK_CODES for one in codings(concept))


def check_procedure(document: Mapping[str, Any]) -> list[Issue]:
    issues: list[Issue] = []
    _need(issues, document.get("code"), "Procedure.code", "A Procedure says in code what was done.")
    _need(issues, reference(document, "subject"), "Procedure.subject", "A Procedure needs its subject.")
    return issues


def _is_activity(output: Mapping[str, Any]) -> bool:
    return any(c.get("code") == RESULTING_ACTIVITY for c in codings(output.get("type"))) and bool(
        output.get("valueReference") or output.get("valueCodeableConcept")
    )


def _later(text: str) -> datetime:
    """A FHIR dateTime as an instant, for comparing; a bare date is its first moment in California."""
    return bounds(text)[0]


def instant_of(text: Any) -> datetime | None:
    return _later(str(text)) if text else None


def service_of(document: Mapping[str, Any]) -> Service:
    """Which of the hub's services a ServiceRequest asks for, by the coding of the hub's own system."""
    for concept in [document.get("code"), *(document.get("category") or [])]:
        for coding in codings(concept):
            if coding.get("system") == SERVICE_SYSTEM and coding.get("code") in set(Service):
                return Service(coding["code"])
    return Service.OTHER


def code_text(document: Mapping[str, Any]) -> str:
    """What is asked, in words."""
    service = service_of(document)
    if service is not Service.OTHER:
        return SERVICE_WORDS[service]
    concept = document.get("code") or {}
    shown = [c["display"] for c in codings(concept) if c.get("display")]
    return str(concept.get("text") or (shown[0] if shown else "Other service"))


def outputs(document: Mapping[str, Any]) -> list[str]:
    """Ids of the Procedures that a Task's output points at."""
    found = [id_of(reference(output, "valueReference"), "Procedure") for output in document.get("output") or []]
    return [row_id for row_id in found if row_id]


def consents_of(document: Mapping[str, Any]) -> list[str]:
    """Ids of the Consents that a ServiceRequest's supportingInfo points at."""
    found = [id_of(str(info.get("reference", "")), "Consent") for info in document.get("supportingInfo") or []]
    return [row_id for row_id in found if row_id]


def coded_reason(document: Mapping[str, Any]) -> str | None:
    for coding in codings(document.get("statusReason")):
        if coding.get("system") == CLOSURE_SYSTEM:
            return str(coding.get("code"))
    return None


def service_request(
    *,
    member: str,
    service: Service,
    requester: str,
    performer: str,
    at: datetime,
    need: str,
    priority: str = "routine",
    consents: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A ServiceRequest from what a person typed."""
    words = SERVICE_WORDS[service]
    document: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "category": [{"coding": [_SOCIAL_SERVICE], "text": words}],
        "priority": priority,
        "code": {
            "coding": [_SOCIAL_SERVICE, {"system": SERVICE_SYSTEM, "code": service.value, "display": words}],
            "text": words,
        },
        "subject": {"reference": f"Patient/{member}"},
        "authoredOn": instant_text(at),
        "requester": {"reference": f"Organization/{requester}"},
        "performer": [{"reference": f"Organization/{performer}"}],
    }
    if need:
        document["reasonCode"] = [{"text": need}]
    if consents:
        document["supportingInfo"] = [{"reference": f"Consent/{consent}"} for consent in consents]
    return document


def task(
    *, service_request: str, member: str, requester: str, owner: str, at: datetime, priority: str = "routine"
) -> dict[str, Any]:
    """A Task that asks `owner` to do what the ServiceRequest says."""
    number, words = BUSINESS_STATUS[Status.REQUESTED]
    return {
        "resourceType": "Task",
        "status": Status.REQUESTED.value,
        "businessStatus": {"coding": [{"system": BUSINESS_SYSTEM, "code": number, "display": words}]},
        "intent": "order",
        "priority": priority,
        "code": {"coding": [{"system": TASK_CODES, "code": "fulfill"}]},
        "focus": {"reference": f"ServiceRequest/{service_request}"},
        "for": {"reference": f"Patient/{member}"},
        "authoredOn": instant_text(at),
        "lastModified": instant_text(at),
        "requester": {"reference": f"Organization/{requester}"},
        "owner": {"reference": f"Organization/{owner}"},
    }


def procedure(
    *, member: str, service_request: str, performer: str, words: str, on: str, note: str = ""
) -> dict[str, Any]:
    """What was done, from what a person typed. `on` is a FHIR date."""
    document: dict[str, Any] = {
        "resourceType": "Procedure",
        "basedOn": [{"reference": f"ServiceRequest/{service_request}"}],
        "status": "completed",
        "category": {"coding": [_SOCIAL_SERVICE]},
        "code": {"coding": [_SOCIAL_SERVICE], "text": words},
        "subject": {"reference": f"Patient/{member}"},
        "performedDateTime": on,
        "performer": [{"actor": {"reference": f"Organization/{performer}"}}],
    }
    if note:
        document["outcome"] = {"text": note}
    return document


def apply_step(
    document: Mapping[str, Any],
    after: Status,
    at: datetime,
    *,
    reason: str = "",
    closure: ClosureReason | None = None,
    procedure_id: str | None = None,
) -> dict[str, Any]:
    """The Task after a step that was taken in the page."""
    changed = {k: v for k, v in document.items() if k not in ("statusReason", "businessStatus")}
    changed["status"] = after.value
    changed["lastModified"] = instant_text(at)
    if reason:
        changed["statusReason"] = {"text": reason}
        if closure is not None:
            changed["statusReason"]["coding"] = [
                {"system": CLOSURE_SYSTEM, "code": closure.value, "display": CLOSURE_WORDS[closure]}
            ]
    if after in BUSINESS_STATUS:
        number, words = BUSINESS_STATUS[after]
        changed["businessStatus"] = {"coding": [{"system": BUSINESS_SYSTEM, "code": number, "display": words}]}
    if procedure_id:
        output = {
            "type": {"coding": [{"system": OUTPUT_CODES, "code": RESULTING_ACTIVITY, "display": "Resulting Activity"}]},
            "valueReference": {"reference": f"Procedure/{procedure_id}"},
        }
        changed["output"] = [*(document.get("output") or []), output]
    return changed
