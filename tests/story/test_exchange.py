"""The story's steps 2, 3 and 5, over a real socket, by a public FHIR client (fhirpy), with the examples as input."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fhirpy.base.exceptions import OperationOutcome

from hub.db.engine import fetch, fetch_value
from hub.kernel import clock
from hub.kernel.jsontext import decode
from hub.mou.tables import Agreement, MouTerm
from hub.referrals.actions.desk import Outcome, take_step
from hub.referrals.rules import Event
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_county
from tests.story import adapt
from tests.story.system import PlanSystem, register

CIN = "91234567C"
COUNTED = ("member", "consent", "service_request", "task", "resource_version", "duty", "referral_event")


@pytest.fixture
async def poppy(cast: Cast, live: Any) -> PlanSystem:
    return await register(live.base, cast.poppy)


def bundle(cast: Cast, name: str = "ours") -> dict[str, Any]:
    return adapt.adapt(adapt.load(name), cin=CIN, plan=cast.poppy, county=cast.alameda)


async def counts() -> dict[str, int]:
    return {table: await fetch_value(f"SELECT count(*) FROM {table}") for table in COUNTED}


def location(answer: dict[str, Any], resource_type: str) -> str:
    """`Task/id` from the Location of a transaction's answer."""
    found = [e["response"]["location"] for e in answer["entry"] if f"{resource_type}/" in e["response"]["location"]]
    return "/".join(found[0].split("/_history")[0].split("/")[-2:])


# --- Step 2: the plan's system calls ------------------------------------------------------------------------------


async def test_step_2_a_system_finds_out_where_to_get_a_token_and_what_works(cast: Cast, live: Any) -> None:
    async with httpx.AsyncClient(base_url=live.base) as http:
        statement = (await http.get("/fhir/metadata")).json()
        smart = (await http.get("/fhir/.well-known/smart-configuration")).json()
    assert statement["fhirVersion"] == "4.0.1"
    assert {r["type"] for r in statement["rest"][0]["resource"]} >= {
        "Patient",
        "Consent",
        "ServiceRequest",
        "Task",
        "Procedure",
        "Organization",
        "Practitioner",
        "PractitionerRole",
    }
    assert smart["token_endpoint"] == f"{live.base}/oauth/token"
    assert smart["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_step_2_a_signed_assertion_gets_a_token_once(cast: Cast, live: Any, algorithm: str) -> None:
    system = await register(live.base, cast.poppy, algorithm)
    assert system.token
    used = {"jti": "the same"}
    assert (await system.ask_token(**used)).status_code == 200
    again = await system.ask_token(**used)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("name", adapt.names())
async def test_step_2_one_bundle_lands_whole_with_its_references_rewritten(
    cast: Cast, poppy: PlanSystem, name: str
) -> None:
    sent = bundle(cast, name)
    answer = await poppy.fhir.execute("", method="post", data=sent)
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201"] * 4
    task = await poppy.fhir.get("Task", location(answer, "Task").split("/")[1])
    assert task["focus"]["reference"] == location(answer, "ServiceRequest")
    assert task["for"]["reference"] == location(answer, "Patient")
    stored = decode(await fetch_value("SELECT document FROM service_request"))
    assert stored["supportingInfo"] == [{"reference": location(answer, "Consent")}]
    expected = next(e["resource"] for e in sent["entry"] if e["resource"]["resourceType"] == "ServiceRequest")
    rewritten = {"subject", "supportingInfo", "id", "meta"}
    kept = {k: v for k, v in stored.items() if k not in rewritten}
    assert kept == decode(json.dumps({k: v for k, v in expected.items() if k not in rewritten}))


async def test_step_2_the_same_member_is_found_and_not_doubled(cast: Cast, poppy: PlanSystem) -> None:
    first = await poppy.fhir.execute("", method="post", data=bundle(cast))
    again = await poppy.fhir.execute("", method="post", data=bundle(cast))
    assert location(first, "Patient") == location(again, "Patient")
    assert location(first, "Task") != location(again, "Task")
    assert await fetch_value("SELECT count(*) FROM member WHERE cin = {}", CIN) == 1


# --- Step 3: authority and consent, before anything is stored ------------------------------------------------------


async def _refused(poppy: PlanSystem, sent: dict[str, Any]) -> dict[str, Any]:
    before, refusals = await counts(), await fetch_value("SELECT count(*) FROM audit_entry WHERE outcome = 'refused'")
    answer = await poppy.post("", sent)
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert await counts() == before
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE outcome = 'refused'") == refusals + 1
    outcome: dict[str, Any] = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome


def _said(outcome: dict[str, Any]) -> str:
    return " ".join(i.get("diagnostics", "") + str(i.get("details", {}).get("text", "")) for i in outcome["issue"])


async def test_step_3_without_an_executed_mou_the_answer_is_403_authority(cast: Cast, poppy: PlanSystem) -> None:
    await Agreement.update({"state": "terminated"}).where(Agreement.id == cast.mou)
    assert "authority" in _said(await _refused(poppy, bundle(cast)))


async def test_step_3_an_mou_that_has_ended_gives_no_authority(cast: Cast, poppy: PlanSystem) -> None:
    yesterday = clock.today() - timedelta(days=1)
    await Agreement.update({"end_date": yesterday}).where(Agreement.id == cast.mou)
    assert "authority" in _said(await _refused(poppy, bundle(cast)))


async def test_step_3_an_element_in_excess_is_named(cast: Cast, poppy: PlanSystem) -> None:
    await MouTerm.delete().where((MouTerm.discloser == cast.poppy) & (MouTerm.element == "contact"))
    outcome = await _refused(poppy, bundle(cast))
    assert "data-elements" in _said(outcome)
    assert "Patient.telecom" in _said(outcome)
    named = [expression for issue in outcome["issue"] for expression in issue["expression"]]
    assert named == ["Bundle.entry[3].resource.address", "Bundle.entry[3].resource.telecom"]


async def test_step_3_without_a_consent_the_answer_is_403_consent(cast: Cast, poppy: PlanSystem) -> None:
    assert "consent" in _said(await _refused(poppy, adapt.without(bundle(cast), "Consent")))


@pytest.mark.parametrize("defect", ["recipient", "purpose", "period", "rejected"])
async def test_step_3_a_consent_that_does_not_cover_the_release_is_no_consent(
    cast: Cast, poppy: PlanSystem, defect: str
) -> None:
    sent = bundle(cast)
    consent = next(e["resource"] for e in sent["entry"] if e["resource"]["resourceType"] == "Consent")
    if defect == "recipient":
        consent["provision"]["actor"][1]["reference"]["reference"] = f"Organization/{cast.sonoma}"
    elif defect == "purpose":
        consent["provision"]["purpose"][0]["code"] = "HPAYMT"
    elif defect == "period":
        consent["provision"]["period"] = {"start": "2025-01-01", "end": "2026-10-31"}
    else:
        consent["status"] = "rejected"
    assert "consent" in _said(await _refused(poppy, sent))


async def test_step_3_a_plan_cannot_record_a_consent_that_lets_only_itself_receive(
    cast: Cast, poppy: PlanSystem
) -> None:
    sent = bundle(cast)
    consent = next(e["resource"] for e in sent["entry"] if e["resource"]["resourceType"] == "Consent")
    roles = [actor["role"]["coding"][0] for actor in consent["provision"]["actor"]]
    roles[0]["code"], roles[1]["code"] = "IRCP", "CST"
    assert "consent" in _said(await _refused(poppy, sent))


async def test_step_3_a_broken_profile_is_422_and_names_the_element(cast: Cast, poppy: PlanSystem) -> None:
    sent = bundle(cast)
    task = next(e["resource"] for e in sent["entry"] if e["resource"]["resourceType"] == "Task")
    task["code"]["coding"][0]["code"] = "approve"
    before = await counts()
    answer = await poppy.post("", sent)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.code"]
    assert await counts() == before


async def test_step_3_what_the_asker_may_not_know_of_is_404(cast: Cast, poppy: PlanSystem) -> None:
    for kind, row_id in (("Patient", cast.henry), ("Patient", cast.rosa), ("Task", "no-such-task")):
        assert (await poppy.get(f"/{kind}/{row_id}")).status_code == 404
    found = await poppy.fhir.resources("Patient").fetch_all()
    assert found == []


async def test_step_3_a_revocation_holds_at_the_next_request(cast: Cast, poppy: PlanSystem) -> None:
    from hub.consent.actions import revoke

    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    assert (await poppy.get(f"/Task/{task}")).status_code == 200
    assert (await poppy.get(f"/Patient/{cast.rosa}")).status_code == 200
    await revoke(cast.marisol, agreed, 1)
    assert (await poppy.get(f"/Task/{task}")).status_code == 404
    assert (await poppy.get(f"/Patient/{cast.rosa}")).status_code == 404
    assert await poppy.fhir.resources("Task").fetch_all() == []


# --- Step 5: the plan's system polls, and the loop is closed on both sides ------------------------------------------


async def _poll(system: PlanSystem, since: str) -> dict[str, Any]:
    found = await system.fhir.resources("Task").search(_lastUpdated=f"gt{since}").include("Task", "focus").fetch_raw()
    return dict(found)


async def test_step_5_the_plan_polls_each_step_finds_the_outcome_and_closes_the_loop(
    cast: Cast, poppy: PlanSystem
) -> None:
    answer = await poppy.fhir.execute("", method="post", data=bundle(cast))
    task_id = location(answer, "Task").split("/")[1]
    for version, event in enumerate((Event.ACCEPT, Event.START), start=1):
        with clock.set_to(clock.now() + timedelta(hours=version)):
            await take_step(cast.marisol, task_id, event, version=version)
        read = await poppy.get(f"/Task/{task_id}")
        assert read.headers["etag"] == f'W/"{version + 1}"'
    done = clock.now() + timedelta(hours=5)
    with clock.set_to(done):
        await take_step(
            cast.marisol, task_id, Event.COMPLETE, version=3, outcome=Outcome("Application taken", clock.today())
        )
    polled = await _poll(poppy, (done - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    modes = {e["resource"]["resourceType"]: e["search"]["mode"] for e in polled["entry"]}
    assert modes == {"Task": "match", "ServiceRequest": "include"}
    task = next(e["resource"] for e in polled["entry"] if e["resource"]["resourceType"] == "Task")
    assert (task["status"], task["meta"]["versionId"]) == ("completed", "4")
    outcome = await poppy.fhir.get("Procedure", task["output"][0]["valueReference"]["reference"].split("/")[1])
    assert outcome["code"]["text"] == "Application taken"

    request = (
        await poppy.fhir.resources("ServiceRequest").search(_id=location(answer, "ServiceRequest").split("/")[1]).get()
    )
    request["status"] = "completed"
    await request.save()
    rows = await fetch("SELECT loop_closed_on FROM task WHERE id = {}", task_id)
    assert rows[0]["loop_closed_on"] == clock.today()
    assert {r["state"] for r in await fetch("SELECT state FROM duty WHERE subject_id = {}", task_id)} == {"met"}
    assert await _poll(poppy, (done + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")) | {} is not None


async def test_step_5_the_other_direction_the_plans_system_answers_a_referral_of_the_county(
    cast: Cast, poppy: PlanSystem
) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task_id = await referral_from_county(cast)
    open_tasks = await poppy.fhir.resources("Task").search(status="requested", owner=cast.poppy).fetch_all()
    assert [task["id"] for task in open_tasks] == [task_id]
    task = open_tasks[0]
    for status in ("accepted", "in-progress"):
        task["status"] = status
        task.pop("businessStatus", None)
        await task.save()
    procedure = poppy.fhir.resource(
        "Procedure",
        status="completed",
        code={"text": "Meals delivered"},
        subject={"reference": f"Patient/{cast.rosa}"},
        basedOn=[{"reference": task["focus"]["reference"]}],
        performedDateTime="2026-11-18",
    )
    await procedure.save()
    task["status"] = "completed"
    task["output"] = [
        {
            "type": {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
                        "code": "resulting-activity",
                    }
                ]
            },
            "valueReference": {"reference": f"Procedure/{procedure['id']}"},
        }
    ]
    await task.save()
    from hub.referrals.queries import referral

    seen = await referral(cast.marisol, task_id)
    assert [done.words for done in seen.outcomes] == ["Meals delivered"]
    assert seen.may_close


async def test_step_4_a_wrong_step_is_refused_over_fhir_as_on_the_page(cast: Cast, poppy: PlanSystem) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await poppy.fhir.resources("Task").search(_id=await referral_from_county(cast)).get()
    task["status"] = "in-progress"
    with pytest.raises(OperationOutcome) as refused:
        await task.save()
    assert "business-rule" in str(refused.value)
    assert await fetch_value("SELECT status FROM task") == "requested"
