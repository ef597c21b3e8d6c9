"""Every parameter, include and order that the hub's own descriptions advertise works, on both databases."""

from __future__ import annotations

from typing import Any

import hub.consent.fhir
import hub.directory.fhir
import hub.referrals.fhir
from hub.fhir.order import sortable
from tests.fhir.toy import toy_hub

RESOURCES = (*hub.directory.fhir.RESOURCES, *hub.consent.fhir.RESOURCES, *hub.referrals.fhir.RESOURCES)
SAMPLES = {"token": "x", "reference": "x", "date": "2026-11-18", "string": "x"}


async def test_all_that_is_advertised_works(cast: Any) -> None:
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        statement = (await toy.client.get("/fhir/metadata")).json()
        assert len(statement["rest"][0]["resource"]) == len(RESOURCES)
        failed = []
        for one in statement["rest"][0]["resource"]:
            described = next(resource for resource in RESOURCES if resource.name == one["type"])
            booleans = {param.name for param in described.search if getattr(param, "boolean", False)}
            queries = [f"_sort={param.name}" for param in described.search if sortable(param)]
            for param in one["searchParam"]:
                value = "true" if param["name"] in booleans else SAMPLES[param["type"]]
                queries += [f"{param['name']}={value}", f"{param['name']}:missing=true"]
            queries += [f"_include={value}" for value in one.get("searchInclude", [])]
            queries += [f"_revinclude={value}" for value in one.get("searchRevInclude", [])]
            for query in queries:
                answer = await toy.get(f"/fhir/{one['type']}?{query}", Prefer="handling=strict")
                if answer.status_code != 200:
                    failed.append((one["type"], query, answer.text))
        assert failed == []
