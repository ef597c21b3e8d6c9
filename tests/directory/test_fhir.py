"""What a plan's system may see of the directory over FHIR: its own, and those with whom it has a relation."""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from hub.db.engine import fetch
from hub.directory.fhir import RESOURCES
from hub.kernel.actor import Actor
from hub.kernel.jsontext import decode


async def seen(name: str, actor: Actor) -> list[dict[str, Any]]:
    resource = next(one for one in RESOURCES if one.name == name)
    condition, args = resource.visible(actor)
    return await fetch(f"SELECT r.* FROM {resource.table_name} r WHERE {condition}", *args)


async def test_a_plans_system_sees_its_own_and_its_partners_organization(cast: Any) -> None:
    assert {row["id"] for row in await seen("Organization", cast.poppy_system)} == {cast.poppy, cast.alameda}


async def test_a_plans_system_sees_the_partners_people_and_nobody_elses(cast: Any) -> None:
    names = {row["given"] for row in await seen("Practitioner", cast.poppy_system)}
    assert {"Priya", "Daniel", "Marisol", "Thomas", "Arturo"} <= names
    assert not {"Sam", "Lena"} & names
    positions = {row["position"] for row in await seen("PractitionerRole", cast.poppy_system)}
    assert {"ihss_liaison", "county_compliance_officer", "mcp_ihss_liaison"} <= positions
    organizations = {row["organization"] for row in await seen("PractitionerRole", cast.poppy_system)}
    assert organizations == {cast.poppy, cast.alameda}


async def test_the_stored_documents_are_valid_r4(cast: Any) -> None:
    for resource in RESOURCES:
        for row in await seen(resource.name, cast.poppy_system):
            get_fhir_model_class(resource.name).model_validate(decode(row["document"]))


async def test_nothing_of_the_directory_is_written_over_fhir() -> None:
    assert [one.name for one in RESOURCES if one.create or one.update] == []
