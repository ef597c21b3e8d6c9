"""What the hub refuses to take for FHIR, with the element named; fhir.md, sections 5 and 6 A.3, G 39."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.fhir.description import Resource
from hub.fhir.parse import check, decode, decode_document
from hub.fhir.structure import is_resource_type
from hub.kernel.errors import BadRequest, Invalid, Issue, Refusal
from hub.kernel.jsontext import encode
from hub.members.tables import Member

PUBLISHED = Path(__file__).parents[3] / "shared" / "examples" / "fhir"


def described(name: str, **more: Any) -> Resource:
    return Resource(name, table=Member, visible=lambda actor: ("1 = 1", []), **more)


EXTENDED = {"extension": [{"url": "http://e.org/x", "valueCode": "a"}]}
GOOD: dict[str, dict[str, Any]] = {
    "Task": {
        "resourceType": "Task",
        "status": "requested",
        "_status": {"extension": [{"url": "http://e.org/x", "valueString": "said by telephone"}]},
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]},
        "focus": {"reference": "ServiceRequest/1"},
        "for": {"reference": "Patient/1"},
        "authoredOn": "2026-11-17T09:30:00.671-08:00",
        "executionPeriod": {"start": "2026-11", "end": "2026-11-30"},
        "restriction": {"repetitions": 2},
        "output": [{"type": {"text": "x"}, "valueReference": {"reference": "#p"}}],
        "contained": [
            {"resourceType": "Procedure", "id": "p", "status": "completed", "subject": {"reference": "Patient/1"}}
        ],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">one <b>talk</b></div>'},
    },
    "Patient": {
        "resourceType": "Patient",
        "active": True,
        "gender": "female",
        "name": [{"family": "Marsh", "given": ["June", None], "_given": [None, EXTENDED]}],
        "multipleBirthInteger": 2,
        "birthDate": "1950-02",
    },
    "Consent": {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "IDSCL"}]}],
        "patient": {"reference": "Patient/1"},
        "policyRule": {"text": "x"},
        "provision": {"type": "permit", "period": {"start": "2026-01-01", "end": "2026-12-31"}},
    },
}  # fmt: skip

DEFECTS: list[tuple[str, list[Any], Any, int, str]] = [
    ("Task", ["status"], "bogus", 422, "Task.status"),
    ("Task", ["status"], None, 400, "Task.status"),
    ("Task", ["status"], ["requested"], 400, "Task.status"),
    ("Task", ["intent"], "", 400, "Task.intent"),
    ("Task", ["priority"], "soon", 422, "Task.priority"),
    ("Task", ["code"], {}, 400, "Task.code"),
    ("Task", ["code", "coding"], [], 400, "Task.code.coding"),
    ("Task", ["code", "coding", 0], {}, 400, "Task.code.coding[0]"),
    ("Task", ["code", "coding", 0], None, 400, "Task.code.coding[0]"),
    ("Task", ["code", "coding", 0, "sytem"], "x", 400, "Task.code.coding[0].sytem"),
    ("Task", ["code", "coding", 0, "userSelected"], "true", 400, "Task.code.coding[0].userSelected"),
    ("Task", ["code", "coding"], {"code": "x"}, 400, "Task.code.coding"),
    ("Task", ["focus"], "ServiceRequest/1", 400, "Task.focus"),
    ("Task", ["focus", "reference"], "ServiceRequest 1", 422, "Task.focus.reference"),
    ("Task", ["focus", "reference"], "Servicerequest/1", 422, "Task.focus.reference"),
    ("Task", ["focus", "reference"], "Patient/1", 422, "Task.focus.reference"),
    ("Task", ["focus", "reference"], "https://e.org/fhir/Patient/1", 422, "Task.focus.reference"),
    ("Task", ["focus", "reference"], "urn:uuid:1", 422, "Task.focus.reference"),
    ("Task", ["focus", "type"], "Patient", 422, "Task.focus.type"),
    ("Task", ["output", 0, "valueReference", "reference"], "#q", 422, "Task.output[0].valueReference.reference"),
    ("Task", ["output", 0, "valueString"], "x", 400, "Task.output[0]"),
    ("Task", ["owner"], {"reference": "Task/1"}, 422, "Task.owner.reference"),
    ("Task", ["authoredOn"], 1700000000, 400, "Task.authoredOn"),
    ("Task", ["authoredOn"], "1700000000", 400, "Task.authoredOn"),
    ("Task", ["authoredOn"], "2026-02-30", 400, "Task.authoredOn"),
    ("Task", ["authoredOn"], "2026-11-17T09:30:00", 400, "Task.authoredOn"),
    ("Task", ["authoredOn"], "2026-11-17T09:30Z", 400, "Task.authoredOn"),
    ("Task", ["executionPeriod", "end"], "2026-10-31", 422, "Task.executionPeriod"),
    ("Task", ["restriction", "repetitions"], "2", 400, "Task.restriction.repetitions"),
    ("Task", ["restriction", "repetitions"], True, 400, "Task.restriction.repetitions"),
    ("Task", ["restriction", "repetitions"], Decimal("2.5"), 400, "Task.restriction.repetitions"),
    ("Task", ["id"], "x" * 65, 400, "Task.id"),
    ("Task", ["id"], "a_b", 400, "Task.id"),
    ("Task", ["contained", 0, "resourceType"], "Nothing", 400, "Task.contained[0].resourceType"),
    ("Task", ["contained", 0, "resourceType"], "Reference", 400, "Task.contained[0].resourceType"),
    ("Task", ["contained", 0, "resourceType"], 7, 400, "Task.contained[0].resourceType"),
    ("Task", ["contained", 0, "resourceType"], None, 400, "Task.contained[0].resourceType"),
    ("Task", ["contained", 0, "status"], "bogus", 422, "Task.contained[0].status"),
    ("Task", ["fhir_comments"], ["x"], 400, "Task.fhir_comments"),
    ("Task", ["resource_type"], "Task", 400, "Task.resource_type"),
    ("Task", ["description"], "a\x00b", 400, "Task.description"),
    ("Task", ["description"], "   ", 400, "Task.description"),
    ("Task", ["resourceType"], "Patient", 400, "Task.resourceType"),
    ("Task", ["text", "div"], "<div><script>x</script></div>", 422, "Task.text.div"),
    ("Task", ["text", "div"], '<div><a href="java&#115;cript:x()">x</a></div>', 422, "Task.text.div"),
    ("Task", ["text", "div"], '<div><img src="x"\nonerror=x></div>', 422, "Task.text.div"),
    ("Task", ["text", "div"], "<p>x</p>", 422, "Task.text.div"),
    ("Task", ["text", "status"], "bogus", 422, "Task.text.status"),
    ("Patient", ["active"], "true", 400, "Patient.active"),
    ("Patient", ["active"], 1, 400, "Patient.active"),
    ("Patient", ["gender"], "f", 422, "Patient.gender"),
    ("Patient", ["name", 0, "given", 0], None, 400, "Patient.name[0].given[0]"),
    ("Patient", ["name", 0, "use"], "x", 422, "Patient.name[0].use"),
    ("Patient", ["birthDate"], "1950-13-01", 400, "Patient.birthDate"),
    ("Patient", ["deceasedBoolean"], "false", 400, "Patient.deceasedBoolean"),
    ("Patient", ["multipleBirthBoolean"], True, 400, "Patient"),
    ("Patient", ["generalPractitioner"], [{"reference": "Task/1"}], 422, "Patient.generalPractitioner[0].reference"),
    ("Consent", ["provision", "type"], "perhaps", 422, "Consent.provision.type"),
    ("Consent", ["provision", "period", "end"], "2025-12-31", 422, "Consent.provision.period"),
    ("Consent", ["category"], [], 400, "Consent.category"),
    ("Consent", ["patient", "reference"], "Organization/1", 422, "Consent.patient.reference"),
]  # fmt: skip


def changed(document: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(document)
    holder: Any = result
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return result


@pytest.mark.parametrize("name", GOOD)
def test_a_good_document_passes_and_stays_as_it_is(name: str) -> None:
    document = decode_document(encode(GOOD[name]).encode())
    check(described(name, references={"Task.focus": ("ServiceRequest",)}), document)
    assert document == GOOD[name]


@pytest.mark.parametrize(("name", "path", "value", "status", "where"), DEFECTS)
def test_one_defect_is_refused_with_the_element_named(
    name: str, path: list[Any], value: Any, status: int, where: str
) -> None:
    with pytest.raises(Refusal) as refused:
        check(described(name, references={"Task.focus": ("ServiceRequest",)}), changed(GOOD[name], path, value))
    assert (refused.value.status, refused.value.issues[0].where) == (status, where), refused.value.issues


@pytest.mark.parametrize("element", ["status", "intent"])
def test_a_missing_mandatory_element_is_named(element: str) -> None:
    document = {key: value for key, value in GOOD["Task"].items() if key not in (element, f"_{element}")}
    with pytest.raises(BadRequest) as refused:
        check(described("Task"), document)
    assert refused.value.issues == (Issue(f"Task.{element}", "This element is required.", "required"),)


def test_a_description_narrows_codes_and_adds_rules() -> None:
    with pytest.raises(Invalid) as refused:
        check(described("Task", codes={"Task.intent": frozenset({"plan"})}), GOOD["Task"])
    assert refused.value.issues[0].where == "Task.intent"
    rule = Issue("Task.owner", "Needs an owner.", "required")
    with pytest.raises(Invalid) as refused:
        check(described("Task", checks=(lambda document: [rule],)), GOOD["Task"])
    assert refused.value.issues == (rule,)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"7", b"{", b'{"a":1,}', b'{"a":NaN}', b'{"a":1,"a":2}', b'{"b":{"a":1,"a":1}}', b"\xff{}",
        b'{"a":"\\ud800"}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":1e' + b"9" * 50 + b"}", b'{"a":' * 5000,
        b'{"a":"\x01"}',
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        decode_document(body)


def test_a_duplicate_key_is_named() -> None:
    with pytest.raises(BadRequest) as refused:
        decode(b'{"status":"draft","status":"requested"}')
    assert refused.value.issues[0].where == "status"


@pytest.mark.parametrize("depth", [60, 150, 300, 900])
def test_nesting_that_would_overflow_is_refused(depth: int) -> None:
    inner: dict[str, Any] = {"url": "http://e.org/x", "valueString": "x"}
    for _ in range(depth):
        inner = {"url": "http://e.org/x", "extension": [inner]}
    with pytest.raises(BadRequest):
        check(described("Patient"), {"resourceType": "Patient", "extension": [inner]})


def test_only_resource_types_are_resource_types() -> None:
    assert is_resource_type("Task")
    for name in ("task", "Nothing", "Reference", "Resource", "DomainResource", "HumanName", "AbstractBase", "", "a b"):
        assert not is_resource_type(name), name


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab<", max_size=3),
                    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
                        st.sampled_from(["resourceType", "status", "code", "coding", "focus", "reference", "contained",
                                         "extension", "url", "text", "div", "id", "period", "start", "_status"]),
                        inner, max_size=4), max_leaves=12))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_comes_in_is_taken_or_refused_but_never_fails(value: Any) -> None:
    document = value if isinstance(value, dict) else {"status": value}
    try:
        check(described("Task"), {**document, "resourceType": "Task"})
    except Refusal as refused:
        assert refused.status in (400, 422)


def test_the_published_examples_are_valid_wherever_they_are_at_hand() -> None:
    for path in sorted(PUBLISHED.glob("*/*.json")):
        document = decode_document(path.read_bytes())
        kind = document["resourceType"]
        if kind in ("Task", "ServiceRequest", "Consent", "Patient", "Procedure", "Organization", "PractitionerRole"):
            check(described(kind), document)
            assert json.loads(encode(document)) == json.loads(path.read_text())
