"""Which data element each part of a resource belongs to. What is not listed belongs to none, and is not shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from hub.consent.rules import UNRESTRICTED
from hub.kernel.jsontext import decode, encode
from hub.mou.rules import DataElement as E

STRUCTURE = frozenset({"resourceType", "id", "meta", "implicitRules", "language", "text"})
"""Says nothing about the person beyond what the other parts say. Of a narrative see `elements_of`."""

_NO_MORE = ("generated", "empty")  # a narrative that, by its status, says no more than the elements do

ELEMENTS: dict[str, dict[str, E]] = {
    "Patient": {
        **dict.fromkeys(
            ("identifier", "name", "birthDate", "gender", "active", "deceasedBoolean", "deceasedDateTime"), E.IDENTITY
        ),
        **dict.fromkeys(("telecom", "address", "contact"), E.CONTACT),
        **dict.fromkeys(
            ("extension", "maritalStatus", "communication", "multipleBirthBoolean", "multipleBirthInteger"),
            E.DEMOGRAPHICS,
        ),
        **dict.fromkeys(("managingOrganization", "generalPractitioner", "link"), E.IDENTITY),
    },
    "ServiceRequest": {
        **dict.fromkeys(
            (
                "identifier",
                "basedOn",
                "replaces",
                "requisition",
                "status",
                "intent",
                "category",
                "priority",
                "doNotPerform",
                "code",
                "orderDetail",
                "quantityQuantity",
                "subject",
                "encounter",
                "occurrencePeriod",
                "occurrenceDateTime",
                "occurrenceTiming",
                "authoredOn",
                "requester",
                "performerType",
                "performer",
                "locationCode",
                "locationReference",
                "insurance",
                "extension",
            ),
            E.REFERRAL,
        ),
        **dict.fromkeys(("reasonCode", "note", "patientInstruction"), E.NEED),
        **dict.fromkeys(("reasonReference", "relevantHistory"), E.CLINICAL),
        "supportingInfo": E.CONSENT,
    },
    "Task": {
        **dict.fromkeys(
            (
                "identifier",
                "basedOn",
                "groupIdentifier",
                "partOf",
                "intent",
                "priority",
                "code",
                "focus",
                "for",
                "encounter",
                "executionPeriod",
                "authoredOn",
                "lastModified",
                "requester",
                "performerType",
                "owner",
                "location",
                "restriction",
                "relevantHistory",
                "instantiatesCanonical",
                "extension",
            ),
            E.REFERRAL,
        ),
        **dict.fromkeys(("status", "statusReason", "businessStatus", "output"), E.OUTCOME),
        **dict.fromkeys(("description", "note", "reasonCode", "reasonReference"), E.NEED),
        "input": E.CLINICAL,
    },
    "Procedure": {
        **dict.fromkeys(
            (
                "identifier",
                "basedOn",
                "partOf",
                "status",
                "statusReason",
                "category",
                "code",
                "subject",
                "encounter",
                "performedDateTime",
                "performedPeriod",
                "performedString",
                "recorder",
                "asserter",
                "performer",
                "location",
                "outcome",
                "extension",
            ),
            E.OUTCOME,
        ),
        **dict.fromkeys(("reasonCode", "note", "followUp"), E.NEED),
        **dict.fromkeys(("reasonReference", "bodySite", "report", "complication", "usedReference"), E.CLINICAL),
    },
    "Consent": dict.fromkeys(
        (
            "identifier",
            "status",
            "scope",
            "category",
            "patient",
            "dateTime",
            "performer",
            "organization",
            "sourceAttachment",
            "sourceReference",
            "policy",
            "policyRule",
            "verification",
            "provision",
            "extension",
        ),
        E.CONSENT,
    ),
}


def elements_of(document: Mapping[str, Any]) -> tuple[dict[str, E], tuple[str, ...]]:
    """Which FHIR paths of a document belong to which data element, and which paths belong to none.

    `contained` resources are looked into: what they hold counts as if it stood by itself. A narrative that was not
    generated from the elements alone may hold any of them, and so counts as all. A modifierExtension belongs to none.
    """
    kind = str(document.get("resourceType", ""))
    known = ELEMENTS.get(kind, {})
    paths: dict[str, E] = {}
    unmapped: list[str] = []
    if "text" in document and document["text"].get("status") not in _NO_MORE:
        paths |= {f"{kind}.text ({element.value})": element for element in known.values()}
    for name in document:
        bare = name.removeprefix("_")
        if bare in STRUCTURE:
            continue
        if bare == "contained":
            for inner in document[name]:
                more, none = elements_of(inner)
                paths |= {f"{kind}.contained.{path}": element for path, element in more.items()}
                unmapped += [f"{kind}.contained.{path}" for path in none]
        elif bare in known:
            paths[f"{kind}.{bare}"] = known[bare]
        else:
            unmapped.append(f"{kind}.{bare}")
    return paths, tuple(unmapped)


def labels_of(documents: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The labels (DS4P codes in meta.security) of these documents, and of what they contain, that restrict them."""
    found: set[str] = set()
    for document in documents:
        labels = (document.get("meta") or {}).get("security") or []
        found |= {str(label.get("code") or "without a code") for label in labels}
        found |= labels_of(document.get("contained") or [])
    return frozenset(found - UNRESTRICTED)


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a document holds, as far as a decision asks for it. Most documents share theirs with many others."""

    paths: Mapping[str, E]
    elements: frozenset[E]
    unmapped: tuple[str, ...]
    labels: frozenset[str] = frozenset()


class _Meta(msgspec.Struct):
    security: Any = None


class _Narrative(msgspec.Struct):
    status: Any = None


_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_meta = msgspec.json.Decoder(_Meta)
_narrative = msgspec.json.Decoder(_Narrative)


@lru_cache(maxsize=2048)
def content_of(text: str) -> Content:
    """`elements_of` and `labels_of` of a stored document. It is a function of the text alone.

    Nearly every document holds nothing but elements that speak for themselves: then the names of its elements say it
    all, and documents with the same names come again and again.
    """
    parts = _parts.decode(text)
    if (
        "contained" in parts
        or ("meta" in parts and _meta.decode(parts["meta"]).security is not None)
        or ("text" in parts and _narrative.decode(parts["text"]).status not in _NO_MORE)
    ):
        document = decode(text)
        paths, unmapped = elements_of(document)
        return Content(paths, frozenset(paths.values()), unmapped, labels_of([document]))
    return _plain(bytes(parts["resourceType"]), tuple(parts))


def content_in(document: Mapping[str, Any] | str) -> Content:
    """`content_of`, for a document that may not be stored yet."""
    if isinstance(document, str):
        return content_of(document)
    meta, text = document.get("meta") or {}, document.get("text")
    if "contained" in document or "security" in meta or (text is not None and text.get("status") not in _NO_MORE):
        paths, unmapped = elements_of(document)
        return Content(paths, frozenset(paths.values()), unmapped, labels_of([document]))
    return _plain(encode(document["resourceType"]).encode(), tuple(document))


@lru_cache(maxsize=1024)
def joined(contents: tuple[Content, ...]) -> Content:
    """What several documents hold."""
    paths: dict[str, E] = {}
    for one in contents:
        paths |= one.paths
    unmapped = tuple(path for one in contents for path in one.unmapped)
    labels = frozenset(label for one in contents for label in one.labels)
    return Content(paths, frozenset(paths.values()), unmapped, labels)


@lru_cache(maxsize=4096)
def _plain(kind: bytes, names: tuple[str, ...]) -> Content:
    paths, unmapped = elements_of({**dict.fromkeys(names), "resourceType": decode(kind), "text": {"status": "empty"}})
    return Content(paths, frozenset(paths.values()), unmapped)
