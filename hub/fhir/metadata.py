"""What the endpoint can do, said from the descriptions: exactly what works."""

from __future__ import annotations

from typing import Any

from hub.fhir.asked import MAX_COUNT
from hub.fhir.description import Date, Param, Reference, Resource, String
from hub.fhir.wiring import Wiring

COORDINATION_PLATFORM = "http://hl7.org/fhir/us/sdoh-clinicalcare/CapabilityStatement/SDOHCC-CoordinationPlatform"
PUBLISHED = "2026-11-18"  # of this shape of the statement
JSON_PATCH = "application/json-patch+json"
SIGNING = ("RS384", "ES384")


def capability_statement(wiring: Wiring) -> dict[str, Any]:
    writes = any(one.update for one in wiring.resources)
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{wiring.fhir_base}/metadata",
        "version": wiring.software_version,
        "name": "IhssHub",
        "title": "IHSS hub",
        "status": "active",
        "date": PUBLISHED,
        "description": "Closed-loop referrals between counties' IHSS programs and Medi-Cal managed care plans. JSON"
        f" only. A page of a search holds at most {MAX_COUNT} matches.",
        "kind": "instance",
        "instantiates": [COORDINATION_PLATFORM],
        "software": {"name": "ihss-hub", "version": wiring.software_version},
        "implementation": {"description": "IHSS hub", "url": wiring.fhir_base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        **({"patchFormat": [JSON_PATCH]} if writes else {}),
        "rest": [
            {
                "mode": "server",
                "security": _security(wiring),
                "resource": [_resource(wiring, one) for one in wiring.resources],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _security(wiring: Wiring) -> dict[str, Any]:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
    return {
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [{"url": "token", "valueUri": wiring.token_url}],
            }
        ],
        "service": [{"coding": [coding]}],
        "description": "SMART Backend Services: client_credentials with a signed assertion (RS384, ES384).",
    }


_POLLING = (
    "The time of the write. Another write of the same moment may be committed after it: poll from a minute before the"
    " last poll, and leave out the versions that you have."
)


def _resource(wiring: Wiring, resource: Resource) -> dict[str, Any]:
    codes = ["read", "vread", "history-instance", "search-type"]
    codes += ["create"] if resource.create else []
    codes += ["update", "patch"] if resource.update else []
    found: dict[str, Any] = {"type": resource.name}
    if resource.profiles:
        found["supportedProfile"] = list(resource.profiles)
    if resource.documentation:
        found["documentation"] = resource.documentation
    found |= {
        "interaction": [{"code": code} for code in codes],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": resource.create is not None,
        "conditionalRead": "full-support",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "local"],
    }
    if follow := includes(wiring, resource):
        found["searchInclude"] = follow
    if back := reverse_includes(wiring, resource):
        found["searchRevInclude"] = back
    found["searchParam"] = [
        {"name": "_id", "type": "token"},
        {"name": "_lastUpdated", "type": "date", "documentation": _POLLING},
        *(_parameter(one) for one in resource.search),
    ]
    return found


def includes(wiring: Wiring, resource: Resource) -> list[str]:
    return [
        f"{resource.name}:{one.name}"
        for one in resource.search
        if isinstance(one, Reference) and one.include and any(target in wiring.by_name for target in one.targets)
    ]


def reverse_includes(wiring: Wiring, resource: Resource) -> list[str]:
    return [f"{source.name}:{param.name}" for source, param in wiring.reverse_includes[resource.name]]


_ORDERED = "Without _sort and _lastUpdated what it finds may come in its order, and not in the order of change."


def _parameter(param: Param) -> dict[str, str]:
    found = {"name": param.name, "type": param.type}
    ordered = (isinstance(param, Date) and param.in_order) or (isinstance(param, String) and param.folded is not None)
    if words := [one for one in (param.documentation, _ORDERED if ordered else "") if one]:
        found["documentation"] = " ".join(words)
    return found


def smart_configuration(wiring: Wiring) -> dict[str, Any]:
    scopes = ["system/*.cruds", "system/*.rs"]
    for one in wiring.resources:
        letters = ("c" if one.create else "") + "r" + ("u" if one.update else "") + "s"
        scopes.append(f"system/{one.name}.{letters}")
    return {
        "token_endpoint": wiring.token_url,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(SIGNING),
        "scopes_supported": scopes,
        "capabilities": ["client-confidential-asymmetric", "permission-v2", "permission-v1"],
    }
