"""fhir.resources judges a document once, when it comes in. It never writes one out, and a read never meets it."""

from __future__ import annotations

from collections import Counter
from typing import Any, NoReturn

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from pydantic import BaseModel

from tests.cast import Cast
from tests.fhir.api import Api, system_of
from tests.referrals.build import agree, referral_from_county, referral_from_plan
from tests.story import adapt

KINDS = ("Patient", "Consent", "ServiceRequest", "Task")


def never(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("fhir.resources was asked to write a document, or to judge one that is on file")


@pytest.fixture
def dumps_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    for holder in (BaseModel, FHIRAbstractModel):
        for name in ("model_dump", "model_dump_json", "dict", "json", "__iter__"):
            monkeypatch.setattr(holder, name, never)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a whole document of each type was judged."""
    found: Counter[str] = Counter()

    def counting(kind: str, judge: Any) -> Any:
        def model_validate(value: Any, **more: Any) -> Any:
            found[kind] += 1
            return judge(value, **more)

        return model_validate

    for kind in (*KINDS, "Procedure", "Bundle"):
        model = get_fhir_model_class(kind)
        monkeypatch.setattr(model, "model_validate", counting(kind, model.model_validate))
    return found


@pytest.fixture
async def poppy(cast: Cast, web: Any) -> Api:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    return await system_of(web, cast.poppy)


async def test_each_document_that_comes_in_is_judged_once_and_none_is_written_out(
    cast: Cast, poppy: Api, judged: Counter[str], dumps_fail: None
) -> None:
    bundle = adapt.adapt(adapt.load("ours"), cin="91234567C", plan=cast.poppy, county=cast.alameda)
    answer = await poppy.post("", bundle)
    assert answer.status_code == 200, answer.text
    sent = Counter(one["resource"]["resourceType"] for one in bundle["entry"])
    assert judged == {**sent, "Bundle": 1}
    judged.clear()
    located = [one["response"]["location"] for one in answer.json()["entry"]]
    places = [one.partition("/fhir")[2].partition("/_history")[0] for one in located]
    address = next(one for one in places if one.startswith("/Task/"))
    task = (await poppy.get(address)).json()
    new = {name: value for name, value in task.items() if name not in ("id", "meta")}
    assert (await poppy.post("/Task", new)).status_code == 201
    assert judged == {"Task": 1}
    ended = {"status": "cancelled", "statusReason": {"text": "asked by telephone"}}
    assert (await poppy.put(address, {**task, **ended})).status_code == 200
    assert judged == {"Task": 2}
    request = next(one for one in places if one.startswith("/ServiceRequest/"))
    change = [{"op": "add", "path": "/priority", "value": "urgent"}]
    answer = await poppy.send("PATCH", request, change, Content_Type="application/json-patch+json")
    assert answer.status_code == 200, answer.text
    assert judged == {"Task": 2, "ServiceRequest": 1}


async def test_what_is_read_was_judged_when_it_came_in(
    cast: Cast, poppy: Api, monkeypatch: pytest.MonkeyPatch, dumps_fail: None
) -> None:
    mine, theirs = await referral_from_plan(cast), await referral_from_county(cast)
    for name in ("__init__", "model_validate", "model_validate_json", "model_construct"):
        monkeypatch.setattr(FHIRAbstractModel, name, never)
    with pytest.raises(AssertionError):
        get_fhir_model_class("Task")(status="draft", intent="order")
    for task in (mine, theirs):
        assert (await poppy.get(f"/Task/{task}")).status_code == 200
        assert (await poppy.get(f"/Task/{task}/_history")).json()["entry"]
        assert (await poppy.get(f"/Task/{task}/_history/1")).status_code == 200
    page = (await poppy.get("/Task?_include=Task:focus&_include=Task:patient")).json()
    assert Counter(one["resource"]["resourceType"] for one in page["entry"])["Task"] == 2
    found = (await poppy.get("/ServiceRequest?_revinclude=Task:focus")).json()
    assert {one["resource"]["resourceType"] for one in found["entry"]} == {"ServiceRequest", "Task"}
