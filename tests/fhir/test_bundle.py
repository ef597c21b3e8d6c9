"""Transaction and batch: all or none, references rewritten, answers in the order of the questions."""

from __future__ import annotations

from typing import Any

import pytest

from hub.db.engine import fetch_value
from tests.fhir.toy import BASE, CIN, Toy, patient, request_for, task_for

P, R, T = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))


def entry(
    document: dict[str, Any], full_url: str | None = None, method: str = "POST", **request: Any
) -> dict[str, Any]:
    url = document["resourceType"] if method == "POST" else f"{document['resourceType']}/{document['id']}"
    found = {"resource": document, "request": {"method": method, "url": url, **request}}
    return {"fullUrl": full_url, **found} if full_url else found


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def referral(**more: Any) -> list[dict[str, Any]]:
    """Listed against the order in which they can be stored."""
    return [entry(task_for(R, P, **more), T), entry(request_for(P), R), entry(patient(), P)]


async def rows() -> list[int]:
    tables = ("member", "service_request", "task", "resource_version")
    return [int(await fetch_value(f"SELECT count(*) FROM {one}")) for one in tables]


async def test_a_referral_lands_whole_with_its_references_rewritten(toy: Toy) -> None:
    answer = await toy.post("/fhir", bundle(*referral()))
    body = answer.json()
    assert (answer.status_code, body["type"]) == (200, "transaction-response")
    assert [one["response"]["status"] for one in body["entry"]] == ["201"] * 3
    paths = [one["response"]["location"].removeprefix(f"{BASE}/fhir/").split("/_history")[0] for one in body["entry"]]
    assert [one.split("/")[0] for one in paths] == ["Task", "ServiceRequest", "Patient"]
    task = (await toy.get(f"/fhir/{paths[0]}")).json()
    assert (task["focus"]["reference"], task["for"]["reference"]) == (paths[1], paths[2])
    assert (await toy.get(f"/fhir/{paths[1]}")).json()["subject"]["reference"] == paths[2]
    assert body["entry"][0]["response"]["etag"] == 'W/"1"'
    recorded = [one for one in toy.said.entries if one["interaction"] == "transaction"]
    assert (len(recorded), sorted(recorded[0]["ids"])) == (1, sorted(paths))


async def test_a_member_who_is_known_is_found_and_the_rest_refers_to_them(toy: Toy) -> None:
    known = (await toy.post("/fhir/Patient", patient())).json()["id"]
    body = (await toy.post("/fhir", bundle(*referral()), Prefer="return=representation")).json()
    assert [one["response"]["status"] for one in body["entry"]] == ["201", "201", "200"]
    assert body["entry"][0]["resource"]["for"]["reference"] == f"Patient/{known}"


@pytest.mark.parametrize(
    ("more", "status", "where"),
    [
        ({"description": "forbidden"}, 403, "Bundle.entry[0].resource"),
        ({"status": "bogus"}, 422, "Bundle.entry[0].resource.status"),
        ({"colour": "red"}, 400, "Bundle.entry[0].resource.colour"),
        ({"focus": {"reference": P}}, 422, "Bundle.entry[0].resource.focus.reference"),
        ({"focus": {"reference": "urn:uuid:nobody"}}, 422, "Bundle.entry[0].resource.focus.reference"),
    ],
)
async def test_if_one_entry_fails_nothing_is_stored(toy: Toy, more: dict[str, Any], status: int, where: str) -> None:
    before = await rows()
    refused = await toy.post("/fhir", bundle(*referral(**more)))
    assert refused.status_code == status, refused.text
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert refused.json()["issue"][0]["expression"] == [where]
    assert await rows() == before


async def test_a_fault_in_the_middle_stores_nothing(toy: Toy) -> None:
    before = await rows()
    assert (await toy.post("/fhir", bundle(*referral(description="broken")))).status_code == 500
    assert await rows() == before


async def test_entries_that_refer_to_each_other_in_a_circle_are_refused(toy: Toy) -> None:
    one = {**request_for("Patient/x"), "basedOn": [{"reference": R}]}
    other = {**request_for("Patient/x"), "basedOn": [{"reference": P}]}
    refused = await toy.post("/fhir", bundle(entry(one, P), entry(other, R)))
    assert refused.status_code == 422
    assert "circle" in refused.json()["issue"][0]["diagnostics"] or refused.json()["issue"][0]["code"] == "invariant"


async def test_a_conditional_reference_finds_exactly_one(toy: Toy) -> None:
    known = (await toy.post("/fhir/Patient", patient())).json()["id"]
    await toy.post("/fhir/Patient", patient("92234567B"))

    async def sent(query: str) -> Any:
        return await toy.post("/fhir", bundle(entry(request_for(f"Patient?{query}"))), Prefer="return=representation")

    found = await sent(f"identifier={CIN}|91234567A")
    assert found.json()["entry"][0]["resource"]["subject"]["reference"] == f"Patient/{known}"
    for query in (f"identifier={CIN}|nobody", "family=Marsh"):
        refused = await sent(query)
        assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (422, ["Bundle.entry[0].resource"])


async def test_entries_honour_if_match_and_if_none_exist(toy: Toy) -> None:
    first = (await toy.post("/fhir", bundle(*referral()), Prefer="return=representation")).json()
    task = first["entry"][0]["resource"]
    stale = bundle(entry({**task, "status": "accepted"}, method="PUT", ifMatch='W/"9"'))
    assert (await toy.post("/fhir", stale)).status_code == 412
    again = bundle(
        entry(patient("95234567E"), P, ifNoneExist=f"identifier={CIN}|91234567A"),
        entry({**task, "status": "accepted"}, method="PUT", ifMatch='W/"1"'),
        {"request": {"method": "GET", "url": f"Task/{task['id']}"}},
        {"request": {"method": "GET", "url": "Task?status=accepted"}},
    )
    body = (await toy.post("/fhir", again)).json()
    assert [one["response"]["status"] for one in body["entry"]] == ["200"] * 4
    assert body["entry"][2]["resource"]["status"] == "accepted"
    assert body["entry"][3]["resource"]["total"] == 1


async def test_a_scope_is_needed_for_each_entry(toy: Toy) -> None:
    toy.scoped("system/Patient.c", "system/ServiceRequest.c", "system/Task.rs")
    before = await rows()
    refused = await toy.post("/fhir", bundle(*referral()))
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (403, ["Bundle.entry[0].resource"])
    assert await rows() == before
    assert toy.said.last["interaction"] == "transaction"


async def test_references_relative_to_a_full_url_are_rewritten_too(toy: Toy) -> None:
    body = bundle(
        entry(request_for("Patient/7"), "http://plan.example/fhir/ServiceRequest/8"),
        entry(patient(), "http://plan.example/fhir/Patient/7"),
    )
    stored = (await toy.post("/fhir", body, Prefer="return=representation")).json()["entry"]
    assert stored[0]["resource"]["subject"]["reference"] == f"Patient/{stored[1]['resource']['id']}"


async def test_in_a_batch_each_entry_stands_for_itself(toy: Toy) -> None:
    body = bundle(
        entry(patient()),
        entry({"resourceType": "Patient", "gender": "bogus"}),
        {"request": {"method": "GET", "url": "Task/nothing"}},
        {"request": {"method": "GET", "url": "Patient?family=marsh"}},
        {"request": {"method": "DELETE", "url": "Patient/1"}},
        entry(task_for("ServiceRequest/x", "Patient/x", description="broken")),
        kind="batch",
    )
    answer = await toy.post("/fhir", body)
    assert (answer.status_code, answer.json()["type"]) == (200, "batch-response")
    entries = answer.json()["entry"]
    assert [one["response"]["status"] for one in entries] == ["201", "422", "404", "200", "405", "500"]
    assert entries[1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource.gender"]
    assert entries[3]["resource"]["total"] == 1
    assert "Rosa" not in answer.text


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"resourceType": "Patient"}, "resourceType"),
        ({"resourceType": "Bundle"}, "Bundle.type"),
        ({"resourceType": "Bundle", "type": "searchset"}, "Bundle.type"),
        ({"resourceType": "Bundle", "type": "batch", "entry": []}, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [{}]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [None]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "type": "batch", "entry": ["x"]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "type": "batch", "entry": {"a": 1}}, None),
        (bundle({"request": {"method": "POST", "url": "Task"}}), "Bundle.entry[0].resource"),
        (bundle({"resource": {}, "request": {"method": "GET", "url": "Task"}}), "Bundle.entry[0].resource"),
        (bundle({"request": {"method": "STEAL", "url": "Task"}}), "Bundle.entry[0].request.url"),
        (bundle({"request": {"method": "GET", "url": "http://elsewhere.example/Task"}}), "Bundle.entry[0].request.url"),
        (bundle({"fullUrl": T, "colour": 1, "request": {"method": "GET", "url": "Task"}}), "Bundle.entry[0].colour"),
    ],
)
async def test_what_is_no_bundle_is_refused_with_the_place_named(toy: Toy, body: Any, where: str | None) -> None:
    refused = await toy.post("/fhir", body)
    assert refused.status_code == 400, refused.text
    assert refused.json()["issue"][0].get("expression") == ([where] if where else None)


async def test_an_empty_transaction_is_answered(toy: Toy) -> None:
    answer = await toy.post("/fhir", {"resourceType": "Bundle", "type": "transaction"})
    assert (answer.status_code, "entry" in answer.json()) == (200, False)


async def test_two_entries_may_not_overlap(toy: Toy) -> None:
    assert (await toy.post("/fhir", bundle(entry(patient(), P), entry(patient("9"), P)))).status_code == 422
