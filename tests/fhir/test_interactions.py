"""What FHIR asks of read, create, update, history; fhir.md, section 6, A and D."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.kernel import clock
from tests.conftest import NOW
from tests.fhir.toy import BASE, Toy, patient, request_for, task_for


async def referral(toy: Toy, **more: Any) -> dict[str, Any]:
    """A stored Task, with what it refers to."""
    member = (await toy.post("/fhir/Patient", patient())).json()["id"]
    asked = (await toy.post("/fhir/ServiceRequest", request_for(f"Patient/{member}"))).json()["id"]
    answer = await toy.post("/fhir/Task", task_for(f"ServiceRequest/{asked}", f"Patient/{member}", **more))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_created_resource_tells_where_it_is_and_which_version(toy: Toy) -> None:
    answer = await toy.post("/fhir/Patient", {**patient(), "id": "mine", "meta": {"versionId": "7"}})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["location"] == f"{BASE}/fhir/Patient/{made['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"] == "Wed, 18 Nov 2026 18:00:00 GMT"
    assert made["id"] != "mine"
    assert made["meta"]["versionId"] == "1"


async def test_what_is_read_is_what_was_sent(toy: Toy) -> None:
    sent = {
        **task_for("ServiceRequest/x", "Patient/x"),
        "note": [{"text": "Größe ☂", "time": "2026-11-17T09:30:00.671Z"}],
        "extension": [{"url": "http://example.org/x", "valueDecimal": 1.50}],
    }
    made = await referral(toy, note=sent["note"], extension=sent["extension"])
    read = await toy.get(f"/fhir/Task/{made['id']}")
    assert read.json() == made
    assert read.json()["note"] == sent["note"]
    assert read.headers["etag"] == 'W/"1"'


async def test_decimals_stay_as_they_were_written(toy: Toy) -> None:
    body = (
        '{"resourceType":"Patient","identifier":[{"system":"urn:ihss-hub:cin","value":"9"}],"birthDate":"1950-01-01",'
    )
    body += '"name":[{"family":"M","given":["J"]}],"extension":[{"url":"http://e.org/x","valueDecimal":1.500}]}'
    made = await toy("POST", "/fhir/Patient", content=body, headers={"Content-Type": "application/fhir+json"})
    assert '"valueDecimal":1.500' in (await toy.get(f"/fhir/Patient/{made.json()['id']}")).text


async def test_a_read_that_knows_the_version_gets_no_body(toy: Toy) -> None:
    made = await referral(toy)
    path = f"/fhir/Task/{made['id']}"
    for etag in ('W/"1"', '"1"', "1", 'W/"7", W/"1"'):
        answer = await toy.get(path, If_None_Match=etag)
        assert (answer.status_code, answer.content) == (304, b""), etag
    assert (await toy.get(path, If_None_Match='W/"2"')).status_code == 200
    assert (await toy.get(path, If_Modified_Since="Wed, 18 Nov 2026 18:00:00 GMT")).status_code == 304
    assert (await toy.get(path, If_Modified_Since="Wed, 18 Nov 2026 17:59:59 GMT")).status_code == 200


async def test_head_says_the_same_without_a_body(toy: Toy) -> None:
    made = await referral(toy)
    answer = await toy("HEAD", f"/fhir/Task/{made['id']}")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", 'W/"1"')
    assert (await toy("HEAD", "/fhir/Task?status=requested")).content == b""


async def test_an_update_makes_the_next_version_and_a_stale_one_writes_nothing(toy: Toy) -> None:
    made = await referral(toy)
    path = f"/fhir/Task/{made['id']}"
    first = await toy.put(path, {**made, "status": "accepted"}, If_Match='W/"1"')
    assert (first.status_code, first.headers["etag"], first.json()["status"]) == (200, 'W/"2"', "accepted")
    stale = await toy.put(path, {**made, "status": "rejected"}, If_Match='W/"1"')
    assert stale.status_code == 412
    assert stale.json()["resourceType"] == "OperationOutcome"
    assert (await toy.put(path, {**made, "status": "in-progress"})).status_code == 200
    assert (await toy.get(path)).json()["status"] == "in-progress"


async def test_of_many_writers_with_one_etag_exactly_one_wins(toy: Toy) -> None:
    made = await referral(toy)
    path = f"/fhir/Task/{made['id']}"
    answers = await asyncio.gather(
        *(toy.put(path, {**made, "status": "accepted", "description": str(n)}, If_Match='W/"1"') for n in range(6))
    )
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412, 412, 412]


async def test_an_update_needs_the_id_of_its_address_and_creates_nothing(toy: Toy) -> None:
    made = await referral(toy)
    path = f"/fhir/Task/{made['id']}"
    no_id = {key: value for key, value in made.items() if key != "id"}
    for body in (no_id, {**made, "id": "another"}):
        refused = await toy.put(path, body)
        assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, ["Task.id"])
    assert (await toy.put("/fhir/Task/unknown", {**made, "id": "unknown"})).status_code == 405
    assert (await toy.put(f"/fhir/Patient/{made['id']}", {**patient(), "id": made["id"]})).status_code == 405


async def test_history_shows_each_version_newest_first(toy: Toy) -> None:
    made = await referral(toy)
    path = f"/fhir/Task/{made['id']}"
    with clock.set_to(NOW + timedelta(hours=1)):
        await toy.put(path, {**made, "status": "accepted"})
    body = (await toy.get(f"{path}/_history")).json()
    assert (body["type"], body["total"]) == ("history", 2)
    assert [one["resource"]["meta"]["versionId"] for one in body["entry"]] == ["2", "1"]
    assert [one["request"]["method"] for one in body["entry"]] == ["PUT", "POST"]
    assert body["entry"][0]["response"]["etag"] == 'W/"2"'
    assert len((await toy.get(f"{path}/_history?_since=2026-11-18T18:30:00Z")).json()["entry"]) == 1
    assert (await toy.get(f"{path}/_history?_at=2026-11-18T18:10:00Z")).json()["total"] == 1
    page = (await toy.get(f"{path}/_history?_count=1")).json()
    following = next(one["url"] for one in page["link"] if one["relation"] == "next")
    rest = (await toy.get(following.removeprefix(BASE))).json()
    assert [one["resource"]["meta"]["versionId"] for one in rest["entry"]] == ["1"]
    old = await toy.get(f"{path}/_history/1")
    assert (old.json()["status"], old.headers["etag"]) == ("requested", 'W/"1"')
    assert (await toy.get(f"{path}/_history/3")).status_code == 404


async def test_if_none_exist_creates_once(toy: Toy) -> None:
    query = "identifier=urn:ihss-hub:cin|91234567A"
    answers = await asyncio.gather(*(toy.post("/fhir/Patient", patient(), If_None_Exist=query) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 200, 200, 201]
    assert len({one.json()["id"] for one in answers}) == 1
    again = await toy.post("/fhir/Patient", patient(), If_None_Exist=query)
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')
    await toy.post("/fhir/Patient", patient("92234567B"))
    several = await toy.post("/fhir/Patient", patient("93234567C"), If_None_Exist="family=marsh")
    assert several.status_code == 412
    assert (await toy.post("/fhir/Patient", patient(), If_None_Exist="colour=red")).status_code == 400


async def test_the_same_member_is_found_not_doubled(toy: Toy) -> None:
    first = await toy.post("/fhir/Patient", patient())
    again = await toy.post("/fhir/Patient", patient())
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


async def test_a_preference_decides_what_comes_back(toy: Toy) -> None:
    minimal = await toy.post("/fhir/Patient", patient(), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    outcome = await toy.post("/fhir/Patient", patient("92234567B"), Prefer="return=OperationOutcome")
    assert outcome.json()["resourceType"] == "OperationOutcome"
    refused = await toy.post("/fhir/Patient", {"resourceType": "Patient", "gender": "x"}, Prefer="return=minimal")
    assert refused.json()["resourceType"] == "OperationOutcome"


async def test_a_json_patch_is_judged_as_an_update(toy: Toy) -> None:
    made = await referral(toy)
    path, kind = f"/fhir/Task/{made['id']}", {"Content-Type": "application/json-patch+json"}
    good = '[{"op":"test","path":"/status","value":"requested"},{"op":"replace","path":"/status","value":"accepted"}]'
    done = await toy("PATCH", path, content=good, headers=kind)
    assert (done.status_code, done.json()["status"], done.headers["etag"]) == (200, "accepted", 'W/"2"')
    assert (await toy("PATCH", path, content=good, headers=kind)).status_code == 422
    assert (await toy("PATCH", path, content=good, headers={**kind, "If-Match": 'W/"1"'})).status_code == 412
    lost = await toy("PATCH", path, content='[{"op":"remove","path":"/nowhere"}]', headers=kind)
    assert lost.status_code == 422
    assert (await toy("PATCH", path, content="{}", headers=kind)).status_code == 400
    wrong = await toy("PATCH", path, content='[{"op":"add","path":"/status","value":"bogus"}]', headers=kind)
    assert wrong.json()["issue"][0]["expression"] == ["Task.status"]
    assert (await toy("PATCH", path, json=[])).status_code == 415


async def test_nothing_is_deleted(toy: Toy) -> None:
    made = await referral(toy)
    assert (await toy("DELETE", f"/fhir/Task/{made['id']}")).status_code == 405
    assert (await toy.get(f"/fhir/Task/{made['id']}")).status_code == 200


async def test_who_may_not_know_of_it_hears_of_nothing(toy: Toy, cast: Any) -> None:
    made = await referral(toy, description="secret")
    path = f"/fhir/Task/{made['id']}"
    assert (await toy.get(path)).status_code == 404  # the decision function leaves it out
    toy.actor = cast.laurel_system
    for one in (path, f"{path}/_history", f"{path}/_history/1"):
        refused = await toy.get(one)
        assert refused.status_code == 404
        assert toy.said.last["outcome"] == "refused"
    assert (await toy.put(path, made)).status_code == 405
    assert await toy.ids("/fhir/Task") == []


async def test_each_read_is_recorded_with_whose_data_it_is(toy: Toy) -> None:
    made = await referral(toy)
    answer = await toy.get(f"/fhir/Task/{made['id']}")
    member = made["for"]["reference"].removeprefix("Patient/")
    assert toy.said.last == {
        "interaction": "read", "type": "Task", "ids": [f"Task/{made['id']}"], "members": [member], "query": None,
        "outcome": "permitted", "basis": "toy", "request_id": answer.headers["x-request-id"],
    }  # fmt: skip
    await toy.get("/fhir/Task?status=requested&_include=Task:focus")
    assert toy.said.last["query"] == "status=requested&_include=Task%3Afocus"
    assert toy.said.last["members"] == [member]
    assert len(toy.said.last["ids"]) == 2


@pytest.mark.parametrize(
    ("scopes", "method", "status"),
    [
        (("system/Task.r",), "GET", 200),
        (("system/Task.read",), "GET", 200),
        (("system/*.*",), "PUT", 200),
        (("system/Task.rs",), "PUT", 403),
        (("system/Patient.cruds",), "GET", 403),
        (("system/Task.cud",), "GET", 403),
        (("system/Task.sr",), "GET", 403),
        ((), "GET", 403),
    ],
)
async def test_a_scope_is_needed_for_type_and_interaction(
    toy: Toy, scopes: tuple[str, ...], method: str, status: int
) -> None:
    made = await referral(toy)
    toy.scoped(*scopes)
    answer = await toy(method, f"/fhir/Task/{made['id']}", **({"json": made} if method == "PUT" else {}))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["issue"][0]["code"] == "forbidden"
        assert toy.said.last["outcome"] == "refused"


async def test_a_constrained_scope_filters(toy: Toy) -> None:
    made = await referral(toy)
    toy.scoped("system/Task.rs?status=requested")
    assert await toy.ids("/fhir/Task") == [made["id"]]
    toy.scoped("system/Task.rs?status=completed")
    assert await toy.ids("/fhir/Task") == []
    assert (await toy.get(f"/fhir/Task/{made['id']}")).status_code == 404


async def test_without_a_token_nothing_is_told(toy: Toy) -> None:
    for method, path in (("GET", "/fhir/Task"), ("POST", "/fhir"), ("GET", "/fhir/Nothing"), ("PUT", "/fhir/Task/1")):
        answer = await toy.client.request(method, path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["issue"][0]["code"] == "login"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/Observation/1", 404),
        ("POST", "/fhir/Observation", 404),
        ("GET", "/fhir/Task/unknown", 404),
        ("GET", "/fhir/nothing/at/all/here", 404),
        ("PATCH", "/fhir/Task", 405),
        ("DELETE", "/fhir/metadata", 405),
        ("GET", "/fhir/Task/$everything", 405),
        ("GET", "/fhir/Task/_history", 405),
        ("GET", "/fhir/Task/a%00b", 404),
        ("GET", "/fhir/Task/%27%20OR%201=1", 404),
        ("POST", "/fhir/Patient/_search", 415),
    ],
)
async def test_every_refusal_is_an_operation_outcome(toy: Toy, method: str, path: str, status: int) -> None:
    answer = await toy(method, path, **({"json": {}} if method != "GET" else {}))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("accept", "query", "status"),
    [
        ("application/fhir+json", "", 200),
        ("application/fhir+json; fhirVersion=4.0", "", 200),
        ("application/json", "", 200),
        ("text/html, */*;q=0.1", "", 200),
        ("application/fhir+xml", "", 406),
        ("application/fhir+json;fhirVersion=3.0", "", 406),
        ("application/json;q=0", "", 406),
        ("text/html", "?_format=json", 200),
        ("*/*", "?_format=application/fhir+json", 200),
        ("*/*", "?_format=xml", 406),
    ],
)
async def test_the_hub_speaks_json(toy: Toy, accept: str, query: str, status: int) -> None:
    for path in ("/fhir/metadata", "/fhir/Task"):
        assert (await toy.get(f"{path}{query}", Accept=accept)).status_code == status


async def test_a_body_of_another_type_is_refused(toy: Toy) -> None:
    for kind, status in (
        ("application/fhir+xml", 415),
        ("text/plain", 415),
        ("application/json; charset=latin-1", 415),
    ):
        answer = await toy("POST", "/fhir/Patient", content="{}", headers={"Content-Type": kind})
        assert answer.status_code == status
    assert (await toy("POST", "/fhir/Patient", json={"a": "x" * 100_001})).status_code == 413


async def test_the_clients_request_id_comes_back_beside_the_hubs(toy: Toy) -> None:
    answer = await toy.get("/fhir/Task", X_Request_Id="theirs-1")
    assert answer.headers["x-correlation-id"] == "theirs-1"
    assert answer.headers["x-request-id"] != "theirs-1"


async def test_a_fault_of_the_hub_tells_no_data(toy: Toy) -> None:
    made = await referral(toy)
    answer = await toy.post("/fhir/Task", task_for(made["focus"]["reference"], made["for"]["reference"],
                                                   description="broken"))  # fmt: skip
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["code"] == "exception"
    assert "Rosa" not in answer.text


async def test_a_refused_write_is_recorded_once(toy: Toy) -> None:
    made = await referral(toy)
    before = len(toy.said.entries)
    body = task_for(made["focus"]["reference"], made["for"]["reference"], description="forbidden")
    assert (await toy.post("/fhir/Task", body)).status_code == 403
    assert len(toy.said.entries) == before  # the feature's own entry is written by the unit of work
    assert (await toy.put(f"/fhir/Task/{made['id']}", {**made, "status": "ready"})).status_code == 422
    assert toy.said.last["outcome"] == "refused"
