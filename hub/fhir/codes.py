"""Required bindings of FHIR R4: fhir.resources takes any code, so the hub keeps the lists itself.

Keyed by the model's class and element: a resource type, a data type, or a backbone element (`ConsentProvision`). Only
for the types that the hub stores, and the data types that they use.
"""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REQUEST_STATUS = _words("draft active on-hold revoked completed entered-in-error unknown")
_PRIORITY = _words("routine urgent asap stat")
_EVENT_STATUS = _words("preparation in-progress not-done on-hold stopped completed entered-in-error unknown")
_GENDER = _words("male female other unknown")
_DAYS = _words("mon tue wed thu fri sat sun")
_UNITS_OF_TIME = _words("s min h d wk mo a")
_ATTENTION = _words("< <= >= >")

# The code systems of the `code` elements that are searched (`status=<system>|requested`), by parameter.
SYSTEMS: Mapping[str, str] = {
    "Task.status": "http://hl7.org/fhir/task-status",
    "Task.intent": "http://hl7.org/fhir/request-intent",
    "Task.priority": "http://hl7.org/fhir/request-priority",
    "Task.business-status": "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS",
    "ServiceRequest.status": "http://hl7.org/fhir/request-status",
    "ServiceRequest.intent": "http://hl7.org/fhir/request-intent",
    "ServiceRequest.priority": "http://hl7.org/fhir/request-priority",
    "Procedure.status": "http://hl7.org/fhir/event-status",
    "Consent.status": "http://hl7.org/fhir/consent-state-codes",
    "Patient.gender": "http://hl7.org/fhir/administrative-gender",
}

REQUIRED: Mapping[str, frozenset[str]] = {
    "Task.status": _words(
        "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed "
        "entered-in-error"
    ),
    "Task.intent": _words("unknown proposal plan order original-order reflex-order filler-order instance-order option"),
    "Task.priority": _PRIORITY,
    "ServiceRequest.status": _REQUEST_STATUS,
    "ServiceRequest.intent": _words(
        "proposal plan directive order original-order reflex-order filler-order instance-order option"
    ),
    "ServiceRequest.priority": _PRIORITY,
    "Procedure.status": _EVENT_STATUS,
    "Consent.status": _words("draft proposed active rejected inactive entered-in-error"),
    "ConsentProvision.type": _words("deny permit"),
    "ConsentProvisionData.meaning": _words("instance related dependents authoredby"),
    "Patient.gender": _GENDER,
    "PatientContact.gender": _GENDER,
    "PatientLink.type": _words("replaced-by replaces refer seealso"),
    "Practitioner.gender": _GENDER,
    "PractitionerRoleAvailableTime.daysOfWeek": _DAYS,
    "Address.use": _words("home work temp old billing"),
    "Address.type": _words("postal physical both"),
    "ContactPoint.system": _words("phone fax email pager url sms other"),
    "ContactPoint.use": _words("home work temp old mobile"),
    "HumanName.use": _words("usual official temp nickname anonymous old maiden"),
    "Identifier.use": _words("usual official temp secondary old"),
    "Narrative.status": _words("generated extensions additional empty"),
    "Quantity.comparator": _ATTENTION,
    "TimingRepeat.dayOfWeek": _DAYS,
    "TimingRepeat.durationUnit": _UNITS_OF_TIME,
    "TimingRepeat.periodUnit": _UNITS_OF_TIME,
}
