"""Search as fhir.md, section 6 E wants it, over the toy hub on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from hub.fhir import search
from hub.kernel import clock
from tests.conftest import NOW
from tests.fhir.toy import BASE, CIN, Toy, patient, request_for, task_for


@pytest_asyncio.fixture
async def stored(toy: Toy) -> dict[str, str]:
    """June Marsh with two referrals (`asked`, `done`), Ana Ortiz with one (`other`), a minute apart."""
    found: dict[str, str] = {}
    people = {"june": patient(), "ana": patient("92234567B", "Ortiz", "1961-11-30")}
    people["ana"]["name"][0]["given"] = ["Ana"]
    for name, document in people.items():
        found[name] = (await toy.post("/fhir/Patient", document)).json()["id"]
    wanted = [("asked", "june", "requested"), ("done", "june", "completed"), ("other", "ana", "draft")]
    for number, (name, person, status) in enumerate(wanted):
        with clock.set_to(NOW + timedelta(minutes=number)):
            request = await toy.post("/fhir/ServiceRequest", request_for(f"Patient/{found[person]}"))
            found[f"{name}_request"] = request.json()["id"]
            document = task_for(f"ServiceRequest/{request.json()['id']}", f"Patient/{found[person]}", status=status)
            document["authoredOn"] = f"2026-11-1{number}T09:30:00-08:00"
            found[name] = (await toy.post("/fhir/Task", document)).json()["id"]
    return found


SEARCHES = [
    ("status=requested", "asked"),
    ("status=requested,completed", "asked done"),
    ("status:not=draft", "asked done"),
    ("status:not=draft,completed", "asked"),
    ("status=http://hl7.org/fhir/task-status|requested", "asked"),
    ("status=http://elsewhere.example|requested", ""),
    ("status=|requested", ""),
    ("status=http://hl7.org/fhir/task-status|", "asked done other"),
    ("code=http://hl7.org/fhir/CodeSystem/task-code|fulfill", "asked done other"),
    ("code=fulfill", "asked done other"),
    ("code=approve", ""),
    ("intent=order", "asked done other"),
    ("business-status:missing=true", "asked done other"),
    ("business-status:missing=false", ""),
    ("business-status:not=7.0", "asked done other"),
    ("patient={june}", "asked done"),
    ("patient=Patient/{june}", "asked done"),
    ("patient=" + BASE + "/fhir/Patient/{june}", "asked done"),
    ("patient=http://elsewhere.example/Patient/{june}", ""),
    ("patient=Organization/{june}", ""),
    ("patient:Patient={june}", "asked done"),
    ("patient={june},{ana}", "asked done other"),
    ("patient={june}&status=completed", "done"),
    ("patient.identifier=" + CIN + "|91234567A", "asked done"),
    ("patient:Patient.family=ort", "other"),
    ("subject={ana}", "other"),
    ("subject:missing=true", ""),
    ("subject.family=marsh", "asked done"),
    ("focus=ServiceRequest/{asked_request}", "asked"),
    ("owner:missing=true", ""),
    ("_id={asked},{other}", "asked other"),
    ("_id=nothing", ""),
    ("authored-on=2026-11-11", "done"),
    ("authored-on=2026-11", "asked done other"),
    ("authored-on=2026-11-11T17:30:00Z", "done"),
    ("authored-on=2026-11-11T09:30:00-08:00", "done"),
    ("authored-on=2026-11-11T17:30Z", "done"),
    ("authored-on=gt2026-11-10", "done other"),
    ("authored-on=ge2026-11-11", "done other"),
    ("authored-on=lt2026-11-11", "asked"),
    ("authored-on=le2026-11-11", "asked done"),
    ("authored-on=ne2026-11-11", "asked other"),
    ("authored-on=sa2026-11-11", "other"),
    ("authored-on=eb2026-11-11", "asked"),
    ("authored-on=ge2026-11-11&authored-on=lt2026-11-12", "done"),
    ("authored-on=2026-11-10,2026-11-12", "asked other"),
    ("sent=2026-11-11", "done"),
    ("sent=gt2026-11-10T20:00:00Z", "done other"),
    ("sent=le2026-11-11", "asked done"),
    ("sent=ne2026-11", ""),
    ("_lastUpdated=gt2026-11-18T18:00:00.000Z", "done other"),
    ("_lastUpdated=ge2026-11-18T18:00:00.000Z", "asked done other"),
    ("_lastUpdated=gt2026-11-18T18:00:00Z&_lastUpdated=le2026-11-18T18:01:00Z", "done"),
    ("_lastupdated=gt2026-11-18T18:01:00Z", "other"),
]


async def test_every_kind_of_search_finds_what_it_should(toy: Toy, stored: dict[str, str]) -> None:
    names = {value: key for key, value in stored.items()}
    for query, wanted in SEARCHES:
        found = await toy.ids(f"/fhir/Task?{query.format(**stored)}")
        assert " ".join(sorted(names[one] for one in found)) == wanted, query


async def test_people_are_found_by_name_birth_date_and_identifier(toy: Toy, stored: dict[str, str]) -> None:
    for query, wanted in [
        ("family=MAR", ["june"]), ("family:exact=Marsh", ["june"]), ("family:exact=marsh", []),
        ("family:contains=ti", ["ana"]), ("name=an", ["ana"]), ("family=%25", []), ("family=_arsh", []),
        ("birthdate=1950-02-03", ["june"]), ("birthdate=1961", ["ana"]), ("birthdate=lt1960", ["june"]),
        (f"identifier={CIN}|92234567B", ["ana"]), ("identifier=92234567B", ["ana"]), ("identifier=urn:x|92234567B", []),
        (f"identifier={CIN}|", ["june", "ana"]), ("family=marsh,ortiz", ["june", "ana"]),
    ]:  # fmt: skip
        found = await toy.ids(f"/fhir/Patient?{query}")
        assert sorted(found) == sorted(stored[one] for one in wanted), query


async def test_a_search_by_post_is_the_same(toy: Toy, stored: dict[str, str]) -> None:
    by_get = (await toy.get(f"/fhir/Task?status=requested&patient={stored['june']}")).json()
    by_post = await toy("POST", "/fhir/Task/_search", data={"status": "requested", "patient": stored["june"]})
    assert by_post.status_code == 200
    assert by_post.json()["link"] == by_get["link"]
    assert by_post.json()["entry"] == by_get["entry"]


async def test_what_is_included_comes_once_and_says_so(toy: Toy, stored: dict[str, str]) -> None:
    async def modes(path: str) -> list[tuple[str, str]]:
        entries = (await toy.get(path)).json().get("entry", [])
        assert len({one["fullUrl"] for one in entries}) == len(entries)
        return sorted((one["resource"]["resourceType"], one["search"]["mode"]) for one in entries)

    both = f"/fhir/Task?_id={stored['asked']},{stored['done']}"
    matches = [("Task", "match")] * 2
    assert await modes(f"{both}&_include=Task:focus") == [("ServiceRequest", "include")] * 2 + matches
    assert await modes(f"{both}&_include=Task:patient") == [("Patient", "include"), *matches]
    assert await modes(f"{both}&_include=Task:subject") == [("Patient", "include"), *matches]
    assert await modes(f"{both}&_include=Task:*&_include=Task:focus:ServiceRequest") == [
        ("Patient", "include"), *[("ServiceRequest", "include")] * 2, *matches,
    ]  # fmt: skip
    assert await modes(f"{both}&_include=Task:focus&_include:iterate=ServiceRequest:patient") == [
        ("Patient", "include"), *[("ServiceRequest", "include")] * 2, *matches,
    ]  # fmt: skip
    request = f"/fhir/ServiceRequest?_id={stored['asked_request']}"
    assert await modes(f"{request}&_revinclude=Task:focus") == [("ServiceRequest", "match"), ("Task", "include")]
    person = f"/fhir/Patient?_id={stored['june']}"
    assert await modes(f"{person}&_revinclude=Task:subject") == [("Patient", "match"), *[("Task", "include")] * 2]
    toy.scoped("system/Task.rs")
    assert await modes(f"{both}&_include=Task:focus") == matches


async def test_what_the_decision_function_withholds_is_in_no_page_total_or_include(toy: Toy, stored: Any) -> None:
    secret = task_for(f"ServiceRequest/{stored['asked_request']}", f"Patient/{stored['june']}", description="secret")
    await toy.post("/fhir/Task", secret)
    page = (await toy.get(f"/fhir/Task?focus={stored['asked_request']}")).json()
    assert [one["resource"]["id"] for one in page["entry"]] == [stored["asked"]]
    assert page["total"] == 1  # as if there were nothing else: no total at all would tell that there is
    back = (await toy.get(f"/fhir/ServiceRequest?_id={stored['asked_request']}&_revinclude=Task:focus")).json()
    assert "secret" not in str(back)


async def test_pages_walk_every_match_once_while_others_write(toy: Toy, stored: dict[str, str]) -> None:
    document = task_for(f"ServiceRequest/{stored['asked_request']}", f"Patient/{stored['june']}")
    many = [(await toy.post("/fhir/Task", document)).json()["id"] for _ in range(5)]
    for sort in ("", "&_sort=-_lastUpdated", "&_sort=status,-authored-on", "&_sort=-_id", "&_sort=business-status",
                 "&_sort=-sent", "&_sort=-business-status,status"):  # fmt: skip
        found: list[str] = []
        path = f"/fhir/Task?_count=2{sort}"
        while path:
            page = (await toy.get(path)).json()
            assert len(page["entry"]) <= 2
            found += [one["resource"]["id"] for one in page["entry"]]
            path = next((one["url"].removeprefix(BASE) for one in page["link"] if one["relation"] == "next"), "")
            if len(found) == 2:
                many.append((await toy.post("/fhir/Task", document)).json()["id"])
        assert len(found) == len(set(found)), sort
        assert set(found) >= {stored["asked"], stored["done"], stored["other"], *many[:-1]}, sort
    newest = (await toy.get("/fhir/Task?_sort=-_lastUpdated&_count=1")).json()["entry"][0]["resource"]["id"]
    assert newest == stored["other"]


async def test_a_total_that_would_take_too_many_decisions_is_not_given_and_that_is_said(
    toy: Toy, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COUNT_FREELY", 2)
    for query in ("_summary=count", "_count=1&_total=accurate"):
        page = (await toy.get(f"/fhir/Task?{query}")).json()
        assert "total" not in page, query
        (told,) = [one["resource"] for one in page["entry"] if one["search"]["mode"] == "outcome"]
        assert (told["issue"][0]["severity"], told["issue"][0]["code"]) == ("warning", "too-costly")
    assert (await toy.get("/fhir/Task?_summary=count&status:not=draft")).json()["total"] == 2


async def test_a_total_is_exact(toy: Toy, stored: dict[str, str]) -> None:
    for query, total in (("_summary=count", 3), ("_count=0", 3), ("_count=1&_total=accurate", 3), ("status=draft", 1),
                         ("_count=1&_total=accurate&status:not=draft", 2), ("status=failed", 0)):  # fmt: skip
        page = (await toy.get(f"/fhir/Task?{query}")).json()
        assert page["total"] == total, query
    assert "entry" not in (await toy.get("/fhir/Task?_count=0")).json()
    assert "entry" not in (await toy.get("/fhir/Task?status=failed")).json()
    assert "total" not in (await toy.get("/fhir/Task?_total=none")).json()
    # Each Task has to be decided before it counts: nobody who did not ask pays for those of the other pages.
    assert "total" not in (await toy.get("/fhir/Task?_count=1")).json()


async def test_the_self_link_says_what_was_applied(toy: Toy, stored: dict[str, str]) -> None:
    page = (await toy.get("/fhir/Task?status=requested&colour=red&_include=Task:colour&_count=9999")).json()
    assert page["link"][0]["url"] == f"{BASE}/fhir/Task?status=requested&_count=500"
    warned = [one["resource"] for one in page["entry"] if one["search"]["mode"] == "outcome"]
    assert [one["severity"] for one in warned[0]["issue"]] == ["warning", "warning"]
    alias = (await toy.get("/fhir/Task?_lastupdated=gt2020")).json()
    assert alias["entry"][-1]["resource"]["resourceType"] == "OperationOutcome"
    assert alias["link"][0]["url"].endswith("?_lastUpdated=gt2020")


@pytest.mark.parametrize(
    "query",
    [
        "status:text=x", "patient:identifier=x", "authored-on:exact=2026", "family:not=x", "status:missing=yes",
        "authored-on=yesterday", "authored-on=2026-02-30", "authored-on=zz2026", "authored-on=2026-11-11T25:00:00Z",
        "authored-on=9999-12-31", "authored-on=0000", "patient=a b", "status=,", "status=a|b|c", "status=|",
        "sent=0001-01-01T00:00:00Z", "sent=ap0001", "status=%00", "_count=-1", "_count=x",
        "_sort=colour", "_sort=patient.name", "_total=all", "_summary=x", "_cursor=x", "_cursor=W10",
        "_include:exact=Task:focus", "&".join(["status=x"] * 201), "_id=" + ",".join(map(str, range(600))),
    ],
)  # fmt: skip
async def test_a_search_that_cannot_be_done_never_answers_200(toy: Toy, query: str) -> None:
    refused = await toy.get(f"/fhir/{'Patient' if query.startswith('family') else 'Task'}?{query}")
    assert refused.status_code == 400, refused.text
    assert refused.json()["resourceType"] == "OperationOutcome"


async def test_a_strict_client_hears_of_unknown_parameters(toy: Toy) -> None:
    for query in ("colour=red", "_include=Task:colour", "_has:Task:focus:status=x", "_summary=text"):
        assert (await toy.get(f"/fhir/Task?{query}")).status_code == 200
        assert (await toy.get(f"/fhir/Task?{query}", Prefer="handling=strict")).status_code == 400


async def test_every_advertised_parameter_and_include_works(toy: Toy, stored: dict[str, str]) -> None:
    samples = {"token": "x", "reference": "x", "date": "2026-11-18", "string": "x"}
    statement = (await toy.client.get("/fhir/metadata")).json()
    for one in statement["rest"][0]["resource"]:
        for param in one["searchParam"]:
            path = f"/fhir/{one['type']}?{param['name']}={samples[param['type']]}"
            answer = await toy.get(path, Prefer="handling=strict")
            assert answer.status_code == 200, path
        for kind in ("searchInclude", "searchRevInclude"):
            for value in one.get(kind, []):
                name = "_include" if kind == "searchInclude" else "_revinclude"
                answer = await toy.get(f"/fhir/{one['type']}?{name}={value}", Prefer="handling=strict")
                assert answer.status_code == 200, value


async def test_the_capability_statement_is_valid_and_public(toy: Toy) -> None:
    from hub.fhir.parse import model_issues
    from hub.fhir.structure import Walk, shape_of

    answer = await toy.client.get("/fhir/metadata")
    body = answer.json()
    walk = Walk()
    walk.document(shape_of("CapabilityStatement"), body)
    assert (walk.malformed, walk.broken, model_issues("CapabilityStatement", body)) == ([], [], [])
    assert (body["fhirVersion"], body["kind"]) == ("4.0.1", "instance")
    again = await toy.client.get("/fhir/metadata", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    by_type = {one["type"]: one for one in body["rest"][0]["resource"]}
    offered = {kind: [one["code"] for one in by_type[kind]["interaction"]] for kind in by_type}
    assert "update" not in offered["Patient"]
    assert offered["Task"] == ["read", "vread", "history-instance", "search-type", "create", "update", "patch"]
    assert by_type["Task"]["searchInclude"] == ["Task:patient", "Task:focus", "Task:subject"]
    assert by_type["ServiceRequest"]["searchRevInclude"] == ["Task:focus"]


async def test_the_smart_configuration_is_public_whatever_the_client_accepts(toy: Toy) -> None:
    answer = await toy.client.get("/fhir/.well-known/smart-configuration", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    body = answer.json()
    assert body["token_endpoint"] == f"{BASE}/oauth/token"
    assert body["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
    assert body["grant_types_supported"] == ["client_credentials"]
