"""What a hostile partner's system tries: to learn of members and referrals, or to change them, without authority."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.auth.tables import AccessToken
from hub.consent.actions import revoke
from hub.consent.queries import member_seen
from hub.db.engine import fetch, fetch_value
from hub.directory.tables import Organization
from hub.directory.tables import System as ApiSystem
from hub.fhir import search
from hub.kernel import clock
from hub.kernel.jsontext import decode, encode
from hub.members.actions import change_member
from hub.members.queries import served_by
from hub.mou.tables import MouTerm
from hub.referrals import document as documents
from hub.referrals.actions.desk import Outcome, take_step
from hub.referrals.actions.requests import change_request, receive_request
from hub.referrals.actions.tasks import change_task, receive_task
from hub.referrals.rules import Event, Service
from tests.cast import Cast, executed_mou
from tests.fhir.api import Api, system_of
from tests.referrals.build import agree, referral_from_county, referral_from_plan
from tests.story import adapt

SECURITY = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@pytest.fixture
async def poppy(cast: Cast, web: Any) -> Api:
    return await system_of(web, cast.poppy)


@pytest.fixture
async def laurel(cast: Cast, web: Any) -> Api:
    """A plan with an MOU, but with another county: nothing of Alameda's is its business."""
    await executed_mou(cast.sonoma, cast.laurel)
    return await system_of(web, cast.laurel)


async def stored(table: str, row_id: str) -> dict[str, Any]:
    return dict(decode(await fetch_value(f"SELECT document FROM {table} WHERE id = {{}}", row_id)))


async def label(table: str, row_id: str, *codes: str) -> None:
    """The owner of a record marks it as sensitive."""
    document = await stored(table, row_id)
    document["meta"]["security"] = [{"system": SECURITY, "code": code} for code in codes]
    await fetch(f"UPDATE {table} SET document = {{}} WHERE id = {{}}", encode(document), row_id)


def rosa_as_known(**more: Any) -> dict[str, Any]:
    """What somebody knows of Rosa who holds her card."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:ihss-hub:cin", "value": "90000001A"}],
        "name": [{"family": "Mendoza", "given": ["R"]}],
        "birthDate": "1948-03-05",
        **more,
    }


# --- A CIN that is on file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefer", ["return=representation", "return=minimal", ""])
async def test_a_patient_found_by_its_cin_is_not_told_to_one_who_may_not_read_it(
    cast: Cast, poppy: Api, prefer: str
) -> None:
    answer = await poppy.post("/Patient", rosa_as_known(), Prefer=prefer)
    assert answer.status_code == 200
    assert answer.headers["location"].endswith(f"/Patient/{cast.rosa}")
    assert answer.content == b"" and "etag" not in answer.headers and "last-modified" not in answer.headers
    one = {"resource": rosa_as_known(), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [one]}
    answer = await poppy.post("", bundle, Prefer="return=representation")
    part = answer.json()["entry"][0]
    assert "resource" not in part and "etag" not in part["response"]
    exist = await poppy.post("/Patient", rosa_as_known(), **{"If-None-Exist": "identifier=90000001A"})
    assert exist.content == b""


async def test_a_patient_found_by_its_cin_is_given_to_one_who_may_read_it(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    answer = await poppy.post("/Patient", rosa_as_known())
    assert (answer.status_code, answer.json()["name"][0]["given"]) == (200, ["Rosa"])


async def test_to_know_a_cin_makes_nobody_the_members_plan(cast: Cast, laurel: Api) -> None:
    assert (await laurel.post("/Patient", rosa_as_known())).status_code == 200
    assert await served_by(cast.marisol, cast.rosa) == {"county": "Alameda", "plan": "Golden Poppy"}
    seen = await member_seen(cast.lena, cast.rosa)
    assert (seen.row, seen.phone) == (None, "")
    assert (await laurel.get(f"/Patient/{cast.rosa}")).status_code == 404
    entries = await fetch("SELECT member, detail FROM audit_entry WHERE action = 'members:member:serve'")
    assert [entry["member"] for entry in entries] == [cast.rosa]


async def test_a_refused_claim_names_the_member_in_the_trail(cast: Cast, laurel: Api) -> None:
    wrong = rosa_as_known(birthDate="1950-01-01")
    assert (await laurel.post("/Patient", wrong)).status_code == 422
    rows = await fetch("SELECT action, member FROM audit_entry WHERE outcome = 'refused'")
    assert [(row["action"], row["member"]) for row in rows] == [("members:member:record", cast.rosa)]


async def test_nobody_records_a_consent_of_a_member_whom_they_do_not_serve(cast: Cast, laurel: Api) -> None:
    from hub.consent.document import consent

    def of(member: str) -> dict[str, Any]:
        day = clock.today()
        return consent(member=member, given_on=day, from_date=day, until_date=None, form="x", two_way=True,
                       organizations=(cast.laurel, cast.sonoma))  # fmt: skip

    known, unknown = await laurel.post("/Consent", of(cast.rosa)), await laurel.post("/Consent", of("nobody"))
    assert known.status_code == unknown.status_code == 422
    assert known.json()["issue"] == unknown.json()["issue"]


# --- Versions -------------------------------------------------------------------------------------------------------


async def test_what_was_taken_out_of_a_patient_is_not_found_in_its_history(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    document = await stored("member", cast.rosa)
    await change_member(cast.marisol, cast.rosa, {**document, "address": [{"text": "A shelter"}]}, 1)
    await change_member(cast.marisol, cast.rosa, document, 2)
    assert (await poppy.get(f"/Patient/{cast.rosa}/_history/3")).status_code == 200
    assert (await poppy.get(f"/Patient/{cast.rosa}/_history/2")).status_code == 404
    history = await poppy.get(f"/Patient/{cast.rosa}/_history")
    assert "shelter" not in history.text and len(history.json()["entry"]) == 1
    assert history.json().get("total") in (None, 1)


async def draft_referral(cast: Cast) -> tuple[str, str]:
    """Alameda prepares a referral to Golden Poppy, and has not sent it. The request names no performer yet."""
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    at = clock.now()
    request = documents.service_request(
        member=cast.rosa, service=Service.ECM, requester=cast.alameda, performer=cast.poppy, at=at, need="A secret."
    )
    del request["performer"]
    sent = await receive_request(cast.marisol, request)
    task = documents.task(
        service_request=sent.id, member=cast.rosa, requester=cast.alameda, owner=cast.poppy, at=at
    )  # fmt: skip
    drafted = await receive_task(cast.marisol, {**task, "status": "draft", "description": "Not to be told."})
    return sent.id, drafted.id


async def test_a_draft_tells_its_owner_nothing_before_or_after_it_is_sent(cast: Cast, poppy: Api) -> None:
    request, task = await draft_referral(cast)
    for path in (f"/Task/{task}", f"/ServiceRequest/{request}", f"/ServiceRequest/{request}/_history"):
        assert (await poppy.get(path)).status_code == 404, path
    found = await poppy.get("/ServiceRequest")
    assert found.json()["total"] == 0
    asked = await stored("service_request", request)
    await change_request(cast.marisol, request, {**asked, "reasonCode": [{"text": "Meals."}]}, 1)
    ready = await stored("task", task)
    del ready["description"]
    await change_task(cast.marisol, task, {**ready, "status": "requested"}, 1)
    assert (await poppy.get(f"/Task/{task}")).status_code == 200
    assert (await poppy.get(f"/ServiceRequest/{request}")).json()["reasonCode"] == [{"text": "Meals."}]
    for path in (f"/Task/{task}/_history", f"/ServiceRequest/{request}/_history"):
        history = await poppy.get(path)
        assert "secret" not in history.text and "Not to be told" not in history.text, path
        assert (await poppy.get(f"{path}/1")).status_code == 404


async def test_after_a_revocation_no_version_of_anything_goes_out(cast: Cast, poppy: Api) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    request = await fetch_value("SELECT service_request FROM task")
    paths = [f"/Task/{task}", f"/ServiceRequest/{request}", f"/Patient/{cast.rosa}", f"/Consent/{agreed}"]
    for path in paths:
        assert (await poppy.get(path)).status_code == 200, path
        assert (await poppy.get(f"{path}/_history/1")).status_code == 200, path
    await revoke(cast.marisol, agreed, 1)
    for path in paths:
        for tail in ("", "/_history", "/_history/1", "/_history/2"):
            assert (await poppy.get(path + tail)).status_code == 404, path + tail


# --- Searches as an oracle ------------------------------------------------------------------------------------------


async def test_a_search_does_not_count_or_tell_of_what_the_decision_function_withholds(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    await label("member", cast.rosa, "PSY")
    nobody = (await poppy.get("/Patient?identifier=99999999Z")).json()
    for query in ("identifier=90000001A", "family=Mendoza", "birthdate=1948-03-05"):
        for more in ("", "&_summary=count", "&_count=0", "&_total=accurate", "&_count=1", "&_sort=family&_count=1"):
            found = (await poppy.get(f"/Patient?{query}{more}")).json()
            assert found.get("total") == nobody["total"] == 0, (query, more)
            assert [link["relation"] for link in found["link"]] == ["self"], (query, more)
            assert "entry" not in found


async def test_a_page_is_filled_with_what_may_be_seen_and_its_link_points_at_nothing_hidden(
    cast: Cast, poppy: Api
) -> None:
    await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda, two_way=True)
    own = [await referral_from_county(cast) for _ in range(4)]
    await label("task", own[1], "HIV")
    await label("task", own[2], "HIV")
    seen: list[str] = []
    path: str | None = "/Task?_count=1"
    while path:
        found = (await poppy.get(path)).json()
        assert found.get("total") in (None, 2)
        seen += [entry["resource"]["id"] for entry in found.get("entry", [])]
        following = [link["url"] for link in found["link"] if link["relation"] == "next"]
        path = following[0].split("/fhir")[1] if following else None
    assert seen == [own[0], own[3]]


# --- Labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["PSY", "SUD", "R", "some-other"])
async def test_labelled_data_need_a_consent_that_names_the_label(cast: Cast, poppy: Api, code: str) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    request = await fetch_value("SELECT service_request FROM task")
    await label("service_request", request, code)
    assert (await poppy.get(f"/ServiceRequest/{request}")).status_code == 404
    found = await poppy.get(f"/Task?_id={task}&_include=Task:focus")
    assert [entry["resource"]["resourceType"] for entry in found.json()["entry"]] == ["Task"]
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy, labels=(code,))
    assert (await poppy.get(f"/ServiceRequest/{request}")).status_code == 200


async def test_what_a_withheld_task_leads_to_is_not_included(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    withheld, told = await referral_from_county(cast), await referral_from_county(cast)
    assert len((await poppy.get("/Task?_include=Task:focus")).json()["entry"]) == 4
    await label("task", withheld, "PSY")
    entries = (await poppy.get("/Task?_include=Task:focus")).json()["entry"]
    request = await fetch_value("SELECT service_request FROM task WHERE id = {}", told)
    assert [one["resource"]["id"] for one in entries] == [told, request]


async def test_a_label_of_a_contained_resource_is_a_label(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    document = await stored("task", task)
    inner = {"resourceType": "Patient", "id": "p", "birthDate": "1948-03-05"}
    document["contained"] = [{**inner, "meta": {"security": [{"code": "PSY"}]}}]
    await fetch("UPDATE task SET document = {} WHERE id = {}", encode(document), task)
    assert (await poppy.get(f"/Task/{task}")).status_code == 404
    document["contained"] = [inner]
    await fetch("UPDATE task SET document = {} WHERE id = {}", encode(document), task)
    assert (await poppy.get(f"/Task/{task}")).status_code == 200


@pytest.mark.parametrize("code", ["N", "M", "HTEST"])
async def test_a_label_that_says_that_nothing_is_restricted_withholds_nothing(
    cast: Cast, poppy: Api, code: str
) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    await label("task", task, code)
    assert (await poppy.get(f"/Task/{task}")).status_code == 200


# --- Smuggling ------------------------------------------------------------------------------------------------------

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Something else</div>'
SMUGGLED: list[dict[str, Any]] = [
    {"text": {"status": "additional", "div": DIV}},
    {"text": {"status": "generated", "div": DIV}},
    {"contained": [{"resourceType": "Patient", "id": "p"}]},
    {"extension": [{"url": "urn:x", "valueString": "x"}]},
    {"modifierExtension": [{"url": "urn:x", "valueString": "x"}]},
    {"note": [{"text": "x"}]},
    {"language": "en"},
    {"implicitRules": "urn:x"},
    {"meta": {"profile": ["urn:x"]}},
    {"meta": {"security": [{"system": SECURITY, "code": "PSY"}]}},
    {"meta": {"tag": [{"system": "urn:x", "code": "y", "display": "Rosa Mendoza"}]}},
    {"_status": {"extension": [{"url": "urn:x", "valueString": "x"}]}},
    {"output": [{"type": {"text": "x"}, "valueAttachment": {"contentType": "text/plain", "data": "eA=="}}]},
    {"output": [{"type": {"text": "x"}, "valueString": "the whole file"}]},
    {"output": [{"type": {"text": "x"}, "valueReference": {"reference": "#p"}}]},
]


@pytest.mark.parametrize("smuggled", SMUGGLED, ids=lambda one: json.dumps(one)[:50])
async def test_nobody_smuggles_anything_into_a_task_that_was_sent(
    cast: Cast, web: Any, poppy: Api, smuggled: dict[str, Any]
) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    alameda = await system_of(web, cast.alameda)
    task = await referral_from_county(cast)
    document = await stored("task", task)
    changed = {**document, "status": "accepted", **smuggled}
    refused = await poppy.put(f"/Task/{task}", changed)
    assert refused.status_code in (400, 422), refused.text
    refused = await alameda.put(f"/Task/{task}", {**document, **smuggled})
    assert refused.status_code in (400, 422), refused.text
    assert await stored("task", task) == document


async def test_a_label_of_the_requester_is_not_taken_off_by_the_owner(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy, labels=("PSY",))
    task = await referral_from_county(cast)
    await label("task", task, "PSY")
    document = await stored("task", task)
    del document["meta"]["security"]
    assert (await poppy.put(f"/Task/{task}", {**document, "status": "accepted"})).status_code == 422


@pytest.mark.parametrize("status", ["additional", "extensions"])
async def test_a_narrative_that_may_hold_more_needs_every_element(cast: Cast, poppy: Api, status: str) -> None:
    """A narrative that says it was generated says no more than the elements; another may hold anything."""
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    await MouTerm.delete().where((MouTerm.discloser == cast.alameda) & (MouTerm.element == "contact"))
    assert (await poppy.get(f"/Patient/{cast.rosa}")).status_code == 200
    document = await stored("member", cast.rosa)
    await change_member(cast.marisol, cast.rosa, {**document, "text": {"status": "generated", "div": DIV}}, 1)
    assert (await poppy.get(f"/Patient/{cast.rosa}")).status_code == 200
    await change_member(cast.marisol, cast.rosa, {**document, "text": {"status": status, "div": DIV}}, 2)
    assert (await poppy.get(f"/Patient/{cast.rosa}")).status_code == 404


async def test_a_modifier_that_the_hub_does_not_know_goes_to_nobody(cast: Cast, poppy: Api) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    document = await stored("member", cast.rosa)
    more = {"modifierExtension": [{"url": "urn:x", "valueString": "Lives at 12 Alder Court"}]}
    await change_member(cast.marisol, cast.rosa, {**document, **more}, 1)
    assert (await poppy.get(f"/Patient/{cast.rosa}")).status_code == 404


@pytest.mark.parametrize(
    "smuggled",
    [
        {"status": "entered-in-error"},
        {"status": "rejected"},
        {"status": "inactive", "text": {"status": "generated", "div": DIV}},
        {"status": "inactive", "meta": {"security": [{"system": SECURITY, "code": "PSY"}]}},
        {"status": "active", "meta": {"tag": [{"code": "x"}]}},
    ],
    ids=json.dumps,
)
async def test_the_other_side_of_a_consent_can_only_take_it_back(
    cast: Cast, poppy: Api, smuggled: dict[str, Any]
) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    document = await stored("consent", agreed)
    assert (await poppy.put(f"/Consent/{agreed}", {**document, **smuggled})).status_code in (403, 422)
    assert await stored("consent", agreed) == document
    assert (await poppy.put(f"/Consent/{agreed}", {**document, "status": "inactive"})).status_code == 200
    assert await fetch_value("SELECT count(*) FROM consent_grant") == 0


# --- Procedures -----------------------------------------------------------------------------------------------------


async def accepted_by_poppy(cast: Cast) -> tuple[str, dict[str, Any]]:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    await take_step(cast.priya, task, Event.ACCEPT, version=1)
    request = await fetch_value("SELECT service_request FROM task")
    return task, documents.procedure(
        member=cast.rosa, service_request=request, performer=cast.poppy, words="Meals", on="2026-11-18"
    )


@pytest.mark.parametrize("role", ["actor", "onBehalfOf"])
async def test_nobody_says_that_another_organization_did_it(cast: Cast, poppy: Api, role: str) -> None:
    _, done = await accepted_by_poppy(cast)
    other = {"reference": f"Organization/{cast.laurel}"}
    done["performer"] = [{"actor": {"reference": f"Organization/{cast.poppy}"}, role: other}]
    refused = await poppy.post("/Procedure", done)
    assert refused.status_code in (403, 422), refused.text
    done["performer"] = [{"actor": {"reference": f"Organization/{cast.poppy}"}}]
    recorded = await poppy.post("/Procedure", done)
    assert recorded.status_code == 201
    spoofed = {**recorded.json(), "performer": [{"actor": other}]}
    assert (await poppy.put(f"/Procedure/{recorded.json()['id']}", spoofed)).status_code in (403, 422)


async def test_every_request_that_a_procedure_names_is_looked_at(cast: Cast, poppy: Api) -> None:
    _, done = await accepted_by_poppy(cast)
    done["basedOn"].append({"reference": "ServiceRequest/of-somebody-else"})
    assert (await poppy.post("/Procedure", done)).status_code == 422


async def test_a_procedure_that_says_more_than_the_outcome_does_not_go_back_without_consent(
    cast: Cast, web: Any, poppy: Api
) -> None:
    """The consent is one-way, from the county to the plan: what comes back rests on the closed-loop term alone."""
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy, two_way=False)
    task = await referral_from_county(cast)
    await take_step(cast.priya, task, Event.ACCEPT, version=1)
    request = await fetch_value("SELECT service_request FROM task")
    done = documents.procedure(
        member=cast.rosa, service_request=request, performer=cast.poppy, words="Meals", on="2026-11-18"
    )
    alameda = await system_of(web, cast.alameda)
    more: dict[str, tuple[Any, int]] = {
        "": (None, 200),
        "note": ([{"text": "She drinks."}], 404),
        "reasonCode": ([{"text": "A diagnosis."}], 404),
        "text": ({"status": "additional", "div": DIV}, 404),
        "contained": ([{"resourceType": "Patient", "id": "p", "gender": "female"}], 404),
        "meta": ({"security": [{"system": SECURITY, "code": "PSY"}]}, 404),
    }
    for name, (value, expected) in more.items():
        sent = {**done, **({name: value} if name else {})}
        recorded = await poppy.post("/Procedure", sent)
        assert recorded.status_code == 201, recorded.text
        answer = await alameda.get(f"/Procedure/{recorded.json()['id']}")
        assert answer.status_code == expected, name


@pytest.mark.parametrize("few", [-1, search.FEW], ids=["many may be seen", "few may be seen"])
async def test_procedures_are_found_by_who_did_them_from_both_sides(
    cast: Cast, web: Any, poppy: Api, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    _, done = await accepted_by_poppy(cast)
    theirs = (await poppy.post("/Procedure", done)).json()["id"]
    alameda, laurel = await system_of(web, cast.alameda), await system_of(web, cast.laurel)

    async def found(api: Api, *doers: str) -> list[str]:
        named = ",".join(f"Organization/{one}" for one in doers)
        bundle = (await api.get(f"/Procedure?performer={named}")).json()
        return [one["resource"]["id"] for one in bundle.get("entry", ())]

    for api in (poppy, alameda):
        assert await found(api, cast.poppy) == [theirs]
        assert await found(api, cast.alameda) == []
        assert await found(api, cast.alameda, cast.poppy) == [theirs]
        assert await found(api, cast.laurel) == []
        assert await found(api, cast.laurel, cast.poppy) == [theirs]
    assert await found(laurel, cast.poppy) == await found(laurel, cast.laurel) == []


# --- Who calls ------------------------------------------------------------------------------------------------------


async def test_a_token_ends_with_its_system_its_organization_and_its_revocation(cast: Cast, poppy: Api) -> None:
    assert (await poppy.get("/Task")).status_code == 200
    for table, row_id in ((ApiSystem, poppy.system), (Organization, cast.poppy)):
        await table.update({"active": False}).where(table.id == row_id)
        answer = await poppy.get("/Task")
        assert (answer.status_code, "Bearer" in answer.headers["www-authenticate"]) == (401, True)
        await table.update({"active": True}).where(table.id == row_id)
    await AccessToken.update({"revoked_at": clock.now()}).where(AccessToken.system == poppy.system)
    assert (await poppy.get("/Task")).status_code == 401


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer no-such-token", "Basic YTpi", "Bearer a b"])
async def test_a_401_says_how_to_come_in(cast: Cast, web: Any, header: str | None) -> None:
    for path in ("/fhir/Task", "/fhir/Task/x", "/fhir/Nothing/x", "/fhir"):
        headers = {"Authorization": header} if header else {}
        method = "POST" if path == "/fhir" else "GET"
        answer = await web.http.request(method, path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_each_entry_of_a_bundle_needs_its_own_scope(cast: Cast, web: Any) -> None:
    reader = await system_of(web, cast.poppy, "system/Task.rs")
    entry = {"resource": rosa_as_known(), "request": {"method": "POST", "url": "Patient"}}
    for kind, expected in (("transaction", 403), ("batch", 200)):
        answer = await reader.post("", {"resourceType": "Bundle", "type": kind, "entry": [entry]})
        assert answer.status_code == expected
        if kind == "batch":
            assert answer.json()["entry"][0]["response"]["status"] == "403"
    assert (await reader.get("/Task?_include=Task:focus&_include=Task:patient")).status_code == 200
    assert (await reader.get("/ServiceRequest")).status_code == 403


async def test_hidden_and_unknown_are_answered_alike(cast: Cast, laurel: Api) -> None:
    agreed = await agree(cast.poppy_system, cast.rosa, cast.poppy, cast.alameda)
    task = await referral_from_plan(cast)
    await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    await take_step(cast.marisol, task, Event.COMPLETE, version=2, outcome=Outcome("Done", clock.today()))
    request = await fetch_value("SELECT service_request FROM task")
    procedure = await fetch_value("SELECT id FROM procedure")
    hidden = {"Task": task, "ServiceRequest": request, "Consent": agreed, "Patient": cast.rosa, "Procedure": procedure}
    tables = {"ServiceRequest": "service_request", "Patient": "member"}
    for kind, row_id in hidden.items():
        document = await stored(tables.get(kind, kind.lower()), row_id)
        for tail in ("", "/_history", "/_history/1"):
            real, made_up = await laurel.get(f"/{kind}/{row_id}{tail}"), await laurel.get(f"/{kind}/made-up{tail}")
            assert real.status_code == made_up.status_code == 404, kind + tail
            assert real.json()["issue"] == made_up.json()["issue"]
        real = await laurel.put(f"/{kind}/{row_id}", document)
        made_up = await laurel.put(f"/{kind}/made-up", {**document, "id": "made-up"})
        assert real.status_code == made_up.status_code == 405, kind
        assert real.json()["issue"] == made_up.json()["issue"]
        assert (await laurel.get(f"/{kind}?_id={row_id}")).json()["total"] == 0


# --- What PostgreSQL and calendars refuse ---------------------------------------------------------------------------


def example_bundle(cast: Cast) -> dict[str, Any]:
    return adapt.adapt(adapt.load("ours"), cin="91234567C", plan=cast.poppy, county=cast.alameda)


def of_type(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)
    return found


ODD: list[tuple[str, str, Any]] = [
    ("Task", "businessStatus", {"coding": [{"code": "9" * 200}]}),
    ("Task", "authoredOn", "0001-01-01"),
    ("Task", "authoredOn", "0001-01-01T00:00:00+14:00"),
    ("Task", "authoredOn", "9999-12-31T23:59:59-14:00"),
    ("Task", "authoredOn", "2026-11-18T23:59:60Z"),
    ("Task", "authoredOn", "2026-11-18T09:00:00.123456789Z"),
    ("Task", "lastModified", "9999-12-31T23:59:59-12:00"),
    ("ServiceRequest", "authoredOn", "9999"),
    ("ServiceRequest", "priority", "p" * 200),
    ("ServiceRequest", "reasonCode", [{"text": "a\x00b"}]),
    ("ServiceRequest", "reasonCode", [{"text": "\U0001f600" * 20_000}]),
    ("ServiceRequest", "performer", "not a list"),
    ("Consent", "dateTime", "9999-12"),
    ("Consent", "dateTime", "0001"),
    ("Consent", "patient", {"display": "x"}),
    ("Patient", "birthDate", "9999-12-31"),
    ("Patient", "name", [{"family": "ß" * 3000, "given": ["x"]}]),
    ("Patient", "name", [{"given": ["x"]}, {"use": "official", "family": "x"}]),
    ("Patient", "identifier", [{"system": "urn:ihss-hub:cin"}]),
]


@pytest.mark.parametrize(("kind", "name", "value"), ODD, ids=lambda one: str(one)[:24])
async def test_odd_values_are_refused_or_kept_and_never_a_failure(
    cast: Cast, poppy: Api, kind: str, name: str, value: Any
) -> None:
    bundle = example_bundle(cast)
    of_type(bundle, kind)[name] = value
    before = await fetch_value("SELECT count(*) FROM resource_version")
    answer = await poppy.post("", bundle)
    assert answer.status_code < 500, answer.text
    after = await fetch_value("SELECT count(*) FROM resource_version")
    assert after - before == (4 if answer.status_code == 200 else 0)


async def test_bodies_that_are_no_documents_are_refused(cast: Cast, poppy: Api) -> None:
    bodies = [
        b"",
        b"[]",
        b"null",
        b'{"resourceType":"Patient","a":"\xed\xa0\x80"}',
        b'{"resourceType":"Patient","language":"\\ud800"}',
        b'{"resourceType":"Patient","language":"\\u0000"}',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"resourceType":"Patient","extension":' + b'[{"url":"x","extension":' * 300 + b"[]" + b"}]" * 300 + b"}",
        b'{"resourceType":"Patient","birthDate":1e999999}',
        b'{"resourceType":["Patient"]}',
        b'{"resourceType":{"a":1}}',
        b"\xff\xfe{}",
    ]
    for path in ("", "/Patient", "/Task"):
        for body in bodies:
            answer = await poppy.post(path, body)
            assert answer.status_code in (400, 413, 422), (path, body[:40], answer.text)


async def test_parameters_and_addresses_with_odd_signs_are_refused(cast: Cast, poppy: Api, web: Any) -> None:
    for path in (
        "/Task/%00", "/Task/a%00b", "/Task/%ED%A0%80", "/Task?_id=%00", "/Task?patient.identifier=%00",
        "/Task?_lastUpdated=gt9999-12-31", "/Task?_lastUpdated=lt0001-01-01", "/Task?_lastUpdated=ap0001",
        "/Patient?birthdate=9999-12-31", "/Patient?birthdate=ap0001-01-01", "/Patient?family=%ED%A0%80",
        "/Patient?family:exact=%5C", "/Task?_cursor=AAAA", "/Task?_cursor=WyJhXHUwMDAwIiwgImIiXQ",
        "/Task/x/_history?_since=9999-12-31", "/Task?%00=1", "/Task?_sort=%00", "/Task?_count=99999999999",
        "/Patient?birthdate=0000-01-01", f"/Task?_id={'x' * 3000}",
    ):  # fmt: skip
        answer = await poppy.get(path)
        assert answer.status_code < 500, path
    for header in ('W/"999999999"', 'W/"99999999999999999999"', "x"):
        answer = await poppy.put("/Task/x", {"resourceType": "Task", "id": "x"}, **{"If-Match": header})
        assert answer.status_code < 500, header
    form = {"grant_type": "client_credentials", "scope": "\x00", "client_assertion": "\x00", "client_id": "\x00"}
    assert (await web.http.post("/oauth/token", data=form)).status_code in (400, 401)
