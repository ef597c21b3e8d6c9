"""What fhir.resources lets pass is refused by the hub's own checks, in every type that it takes, on every way in.

The list is that of the issue "Fast and durable", section Documents.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest

from hub.consent.document import consent
from hub.db.engine import fetch
from hub.kernel import clock
from hub.members.document import patient
from hub.referrals import document
from hub.referrals.rules import Service
from tests.cast import SINCE, Cast
from tests.fhir.api import Api, system_of
from tests.referrals.build import agree

KINDS = ("Patient", "Consent", "ServiceRequest", "Task", "Procedure")
TRANSACTION, BATCH = "a transaction's entry", "a batch's entry"
WAYS = ("POST", "PUT", "PATCH", TRANSACTION, BATCH)
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Defect:
    """`at` is where it is put, `where` what the OperationOutcome names; both as FHIR writes paths."""

    at: str
    value: Any
    where: str = ""

    @property
    def path(self) -> Path:
        return tuple(int(one) if one.isdigit() else one for one in re.findall(r"\w+", self.at))

    @property
    def named(self) -> str:
        return self.where or self.at


def deep(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"url": "http://e.org/x", "valueString": "x"}
    for _ in range(levels):
        inner = {"url": "http://e.org/x", "extension": [inner]}
    return inner


_NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x()</script></div>'}

_CHANGEABLE = ("Patient", "ServiceRequest", "Procedure")  # of a Consent or Task that was sent only the status changes

# What each type has no element for is tried on the one that comes nearest.
DEFECTS: dict[str, dict[str, Defect]] = {
    "a code outside a required value set": {
        "Patient": Defect("gender", "f"),
        "Consent": Defect("status", "bogus"),
        "ServiceRequest": Defect("intent", "bogus"),
        "Task": Defect("status", "bogus"),
        "Procedure": Defect("status", "bogus"),
    },
    "a text for a boolean": {
        "Patient": Defect("active", "true"),
        "Consent": Defect("verification", [{"verified": "true"}], "verification[0].verified"),
        "ServiceRequest": Defect("doNotPerform", "true"),
        "Task": Defect("code.coding[0].userSelected", "true"),
        "Procedure": Defect("code.coding[0].userSelected", "true"),
    },
    "seconds since 1970 for a date": {
        "Patient": Defect("birthDate", -600000000),
        "Consent": Defect("dateTime", 1700000000),
        "ServiceRequest": Defect("authoredOn", 1700000000),
        "Task": Defect("authoredOn", 1700000000),
        "Procedure": Defect("performedDateTime", 1700000000),
    },
    "seconds since 1970 as a text": {
        "Patient": Defect("birthDate", "1700000000"),
        "Consent": Defect("dateTime", "1700000000"),
        "ServiceRequest": Defect("authoredOn", "1700000000"),
        "Task": Defect("lastModified", "1700000000"),
        "Procedure": Defect("performedDateTime", "1700000000"),
    },
    "an empty array": dict.fromkeys(KINDS, Defect("identifier", [])),
    "an empty object": dict.fromkeys(KINDS, Defect("identifier", [{}], "identifier[0]")),
    "a null": dict.fromkeys(KINDS, Defect("language", None)),
    "a null in an array": dict.fromkeys(KINDS, Defect("identifier", [None], "identifier[0]")),
    "an id of 65 characters": dict.fromkeys(
        KINDS, Defect("contained", [{"resourceType": "Patient", "id": "x" * 65}], "contained[0].id")
    ),
    "a contained resource of a type that nobody knows": dict.fromkeys(
        KINDS, Defect("contained", [{"resourceType": "Nothing", "id": "a"}], "contained[0].resourceType")
    ),
    "a contained resource without its type": dict.fromkeys(
        KINDS, Defect("contained", [{"id": "a"}], "contained[0].resourceType")
    ),
    "nesting that overflows the stack": dict.fromkeys(
        KINDS, Defect("extension", [deep(200)], "extension[0]" + 48 * ".extension[0]")
    ),
    "a reference to a type that is not allowed there": {
        "Patient": Defect("generalPractitioner", [{"reference": "Task/1"}], "generalPractitioner[0].reference"),
        "Consent": Defect("patient.reference", "Organization/1"),
        "ServiceRequest": Defect("subject.reference", "Organization/1"),
        "Task": Defect("owner.reference", "Task/1"),
        "Procedure": Defect("subject.reference", "Organization/1"),
    },
    "a period that ends before it starts": {
        "Patient": Defect("name[0].period", {"start": "2026-02-02", "end": "2026-02-01"}),
        "Consent": Defect("provision.period", {"start": "2026-02-02", "end": "2026-01"}),
        "ServiceRequest": Defect("occurrencePeriod", {"start": "2026-02-02", "end": "2026-02-01"}),
        "Task": Defect("executionPeriod", {"start": "2026-02-02T10:00:00Z", "end": "2026-02-02T09:00:00Z"}),
        "Procedure": Defect("performer[0].actor.identifier", {"period": {"start": "2026", "end": "2025"}},
                            "performer[0].actor.identifier.period"),
    },
    "script in the narrative": dict.fromkeys(KINDS, Defect("text", _NARRATIVE, "text.div")),
    "an element that the type does not have": dict.fromkeys(KINDS, Defect("bogus", "x")),
}  # fmt: skip


@dataclass
class Sent:
    """Golden Poppy's own resources as they are on file."""

    poppy: Api
    documents: dict[str, dict[str, Any]]

    async def send(self, way: str, kind: str, defect: Defect) -> httpx.Response:
        good = self.documents[kind]
        wrong = put(good, defect.path, defect.value)
        address = f"/{kind}/{good['id']}"
        if way == "PUT":
            return await self.poppy.put(address, wrong)
        if way == "PATCH":
            pointer = "/" + "/".join(map(str, defect.path))
            change = [{"op": "add", "path": pointer, "value": defect.value}]
            return await self.poppy.send("PATCH", address, change, Content_Type="application/json-patch+json")
        new = {name: value for name, value in wrong.items() if name not in ("id", "meta")}
        if way == "POST":
            return await self.poppy.post(f"/{kind}", new)
        together = (new,) if way == BATCH else (new, another(self.documents["Patient"]))
        bundle = {
            "resourceType": "Bundle",
            "type": "batch" if way == BATCH else "transaction",
            "entry": [{"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in together],
        }
        return await self.poppy.post("", bundle)


def another(good: dict[str, Any]) -> dict[str, Any]:
    """A member who would be stored, if the entry beside it were not refused."""
    new = {name: value for name, value in good.items() if name not in ("id", "meta")}
    return {**new, "identifier": [{"system": "urn:ihss-hub:cin", "value": "90000009Z"}]}


def put(found: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(found)
    holder: Any = result
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return result


@pytest.fixture
async def sent(cast: Cast, web: Any) -> Sent:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    poppy, at = await system_of(web, cast.poppy), clock.now()
    said = {"given_on": SINCE, "from_date": SINCE, "until_date": None, "two_way": True, "form": "ASCMI"}
    new: list[dict[str, Any]] = [
        patient(cin="90000003C", given="June", family="Marsh", birth_date=date(1950, 2, 1)),
        consent(member=cast.rosa, organizations=(cast.poppy, cast.alameda), **said),  # type: ignore[arg-type]
        document.service_request(
            member=cast.rosa, service=Service.IHSS_APPLICATION, requester=cast.poppy, performer=cast.alameda, at=at,
            need="Cannot bathe alone.",
        ),
    ]  # fmt: skip
    stored = {one["resourceType"]: (await poppy.post(f"/{one['resourceType']}", one)).json() for one in new}
    asked = {"service_request": stored["ServiceRequest"]["id"], "member": cast.rosa}
    for one in (
        document.task(requester=cast.poppy, owner=cast.alameda, at=at, **asked),
        {
            **document.procedure(performer=cast.poppy, words="Meals", on="2026-11-18", **asked),
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "410606002"}], "text": "Meals"},
        },
    ):
        stored[one["resourceType"]] = (await poppy.post(f"/{one['resourceType']}", one)).json()
    assert all(one["resourceType"] == kind for kind, one in stored.items()), stored
    return Sent(poppy, stored)


async def on_file() -> list[tuple[Any, ...]]:
    """All that a write would have changed."""
    rows = await fetch("SELECT resource_id, version FROM resource_version ORDER BY resource_id, version")
    duties = await fetch("SELECT id, version FROM duty ORDER BY id")
    return [tuple(row.values()) for row in (*rows, *duties)]


def expressions(answer: Any) -> Iterator[str]:
    """The elements that an OperationOutcome names."""
    assert answer["resourceType"] == "OperationOutcome", answer
    for issue in answer["issue"]:
        yield from issue.get("expression", [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_fhir_resources_lets_pass_is_refused_with_the_element_named_and_never_stored(
    sent: Sent, kind: str, way: str
) -> None:
    before = await on_file()
    for words, by_kind in DEFECTS.items():
        defect = by_kind[kind]
        answer = await sent.send(way, kind, defect)
        body, status, where = answer.json(), answer.status_code, f"{kind}.{defect.named}"
        if way == BATCH:
            assert status == 200, (words, body)
            refused = body["entry"][0]["response"]
            body, status = refused["outcome"], int(refused["status"][:3])
        if way in (TRANSACTION, BATCH):
            where = f"Bundle.entry[0].resource.{defect.named}"
        assert status in (400, 422), (words, status, body)
        assert where in list(expressions(body)), (words, body)
        assert await on_file() == before, words


@pytest.mark.parametrize("way", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_id_of_65_characters_is_refused(sent: Sent, kind: str, way: str) -> None:
    before = await on_file()
    wrong, address = {**sent.documents[kind], "id": "x" * 65}, f"/{kind}/{sent.documents[kind]['id']}"
    if way == "POST":
        answer = await sent.poppy.post(f"/{kind}", wrong)
    elif way == "PUT":
        answer = await sent.poppy.put(address, wrong)
    else:
        change = [{"op": "replace", "path": "/id", "value": "x" * 65}]
        answer = await sent.poppy.send("PATCH", address, change, Content_Type="application/json-patch+json")
    assert (answer.status_code, list(expressions(answer.json()))) == (400, [f"{kind}.id"])
    assert await on_file() == before


@pytest.mark.parametrize("way", ["POST", "PUT"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_that_stands_twice_is_refused_and_named(sent: Sent, kind: str, way: str) -> None:
    before = await on_file()
    good = sent.documents[kind]
    text = json.dumps(good)[:-1] + ', "language": "en", "language": "es"}'
    address = f"/{kind}/{good['id']}" if way == "PUT" else f"/{kind}"
    answer = await sent.poppy.send(way, address, text.encode())
    assert (answer.status_code, list(expressions(answer.json()))) == (400, ["language"])
    assert await on_file() == before


@pytest.mark.parametrize(
    ("kind", "way"),
    [(kind, way) for kind in KINDS for way in WAYS if kind in _CHANGEABLE or way not in ("PUT", "PATCH")],
)
async def test_the_same_document_without_a_defect_is_taken(sent: Sent, kind: str, way: str) -> None:
    """So that what is refused above is refused for its defect."""
    answer = await sent.send(way, kind, Defect("language", "en"))
    body = answer.json()
    taken = [one["response"]["status"] for one in body["entry"]] if "entry" in body else [str(answer.status_code)]
    assert set(taken) <= {"200", "201"}, body
