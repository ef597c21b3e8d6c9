"""Examples broken at random, always the same way: the API refuses or stores them whole, and never fails."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from hub.db.engine import fetch_value
from tests.cast import Cast
from tests.fhir.api import Api, system_of
from tests.referrals.build import agree, referral_from_county
from tests.story import adapt

ROUNDS = 220
VALUES: list[Any] = [
    None, "", [], {}, 0, -1, 1.5, 10**30, True, "x", "\x00", "a\x00b", "\U0001f600", "x" * 5000, "0000", "0001-01-01",
    "9999-12-31", "2026-02-30", "2026-11-18T25:00:00Z", "#", "#x", "urn:uuid:x", "Patient/", "Patient/x", "Task/x",
    "http://hub.test/fhir/Patient/x", "Patient?identifier=1", [None], [[]], [{}], ["x"], {"x": "y"}, {"reference": "x"},
    {"extension": [{"url": "x", "valueString": "y"}]}, {"coding": "x"}, {"coding": [None]}, {"text": 1}, "active",
    "draft", "requested", "completed", "entered-in-error", "rejected", "deny", "permit", "<div>", "\u202e", "\ufffe",
]  # fmt: skip
COUNTED = ("member", "consent", "service_request", "task", "procedure")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def broken(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same document with one to three defects."""
    found = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        path = chance.choice(list(places(found)) or [("resourceType",)])
        parent = found
        for step in path[:-1]:
            parent = parent[step]  # type: ignore[assignment]
        kind = chance.random()
        if kind < 0.2:
            del parent[path[-1]]
        elif kind < 0.3 and isinstance(parent, dict):
            parent[chance.choice(("_status", "contained", "text", "meta", "extension", "x", "resourceType", "id"))] = (
                chance.choice(VALUES)
            )
        elif kind < 0.4:
            parent[path[-1]] = [copy.deepcopy(parent[path[-1]])] * 2
        else:
            parent[path[-1]] = copy.deepcopy(chance.choice(VALUES))
    return found


async def counts() -> dict[str, int]:
    return {table: await fetch_value(f"SELECT count(*) FROM {table}") for table in COUNTED}


@pytest.fixture
async def poppy(cast: Cast, web: Any) -> Api:
    return await system_of(web, cast.poppy)


@pytest.mark.parametrize("seed", range(3))
async def test_a_broken_bundle_lands_whole_or_not_at_all(cast: Cast, poppy: Api, seed: int) -> None:
    chance = random.Random(seed)
    good = adapt.adapt(adapt.load("ours"), cin="91234567C", plan=cast.poppy, county=cast.alameda)
    for number in range(ROUNDS // 2):
        sent = broken(good, chance)
        before = await counts()
        answer = await poppy.post("", sent)
        assert answer.status_code < 500, (seed, number, json.dumps(sent)[:3000])
        if answer.status_code != 200:
            assert answer.json()["resourceType"] == "OperationOutcome"
            assert await counts() == before, (seed, number)


@pytest.mark.parametrize("kind", ["Patient", "Consent", "ServiceRequest", "Task", "Procedure"])
async def test_a_broken_resource_is_refused_or_stored(cast: Cast, poppy: Api, kind: str) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    document: dict[str, Any]
    if kind == "Task":
        document = (await poppy.get(f"/Task/{task}")).json()
    elif kind == "Procedure":
        request = await fetch_value("SELECT service_request FROM task")
        document = {
            "resourceType": "Procedure",
            "status": "completed",
            "code": {"text": "Meals"},
            "subject": {"reference": f"Patient/{cast.rosa}"},
            "basedOn": [{"reference": f"ServiceRequest/{request}"}],
            "performedDateTime": "2026-11-18T10:00:00-08:00",
            "performer": [{"actor": {"reference": f"Organization/{cast.poppy}"}}],
        }
    else:
        bundle = adapt.adapt(adapt.load("ours"), cin="91234567C", plan=cast.poppy, county=cast.alameda)
        document = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)
        text = json.dumps(document)
        for entry in bundle["entry"]:
            text = text.replace(entry["fullUrl"], f"Patient/{cast.rosa}")
        document = json.loads(text)
        document.pop("supportingInfo", None)
    chance = random.Random(kind)
    for number in range(ROUNDS):
        sent = broken(document, chance)
        if kind == "Task":
            sent = {"id": task, **sent}
            answer = await poppy.put(f"/Task/{task}", sent)
        else:
            answer = await poppy.post(f"/{kind}", sent)
        assert answer.status_code < 500, (kind, number, json.dumps(sent)[:3000])
