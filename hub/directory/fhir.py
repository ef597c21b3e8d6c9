"""Organization, Practitioner and PractitionerRole over FHIR: read and search. The directory is kept in the pages.

An actor sees its own organization and those with which it has a relation: one has named people towards the other. Of
their people it sees those who hold, held or deputise for a position; of its own everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.directory.document import COUNTY_SYSTEM, ORGANIZATION_SYSTEM, POSITION_SYSTEM
from hub.directory.tables import Appointment, Organization, Person
from hub.fhir.description import Date, Reference, Resource, String, Token, Wanted
from hub.kernel.actor import Actor

_RELATED = (
    "SELECT organization FROM appointment WHERE counterpart = {}"
    " UNION SELECT counterpart FROM appointment WHERE organization = {} AND counterpart IS NOT NULL"
)

# The two digits of a county's key, such as those of `county-01`.
_COUNTY_NUMBER = "(CASE WHEN r.kind = 'county' THEN SUBSTR(r.identifier, 8) END)"


def _own(actor: Actor) -> str:
    return actor.organization or ""


def visible_organizations(actor: Actor) -> tuple[str, Sequence[Any]]:
    if actor.is_hub:
        return "1 = 1", []
    return f"(r.id = {{}} OR r.id IN ({_RELATED}))", [_own(actor)] * 3


def _reach_of_organizations(actor: Actor, _wanted: Wanted) -> tuple[str, Sequence[Any]]:
    if actor.is_hub:
        return "SELECT o.id FROM organization o", []
    return f"SELECT o.id FROM organization o WHERE o.id = {{}} UNION ALL {_RELATED}", [_own(actor)] * 3


def visible_roles(actor: Actor) -> tuple[str, Sequence[Any]]:
    """Of the own organization all; of others those towards us, or towards everybody by a partner."""
    if actor.is_hub:
        return "1 = 1", []
    return (
        "(r.organization = {} OR r.counterpart = {}"
        f" OR (r.counterpart IS NULL AND r.organization IN ({_RELATED})))",
        [_own(actor)] * 4,
    )


_TOWARDS_US = f"(a.counterpart = {{}} OR (a.counterpart IS NULL AND a.organization IN ({_RELATED})))"


def visible_people(actor: Actor) -> tuple[str, Sequence[Any]]:
    if actor.is_hub:
        return "1 = 1", []
    return (
        "(r.organization = {} OR EXISTS (SELECT 1 FROM appointment a"
        f" WHERE (a.person = r.id OR a.deputy = r.id) AND {_TOWARDS_US}))",
        [_own(actor)] * 4,
    )


def _reach_of_people(actor: Actor, _wanted: Wanted) -> tuple[str, Sequence[Any]]:
    if actor.is_hub:
        return "SELECT p.id FROM person p", []
    held = f"FROM appointment a WHERE {_TOWARDS_US}"
    return (
        "SELECT p.id FROM person p WHERE p.organization = {}"
        f" UNION ALL SELECT a.person AS id {held} UNION ALL SELECT a.deputy AS id {held}",
        [_own(actor)] * 7,
    )


ORGANIZATION = Resource(
    "Organization",
    table=Organization,
    search=(
        Token("identifier", systems={ORGANIZATION_SYSTEM: "identifier", COUNTY_SYSTEM: _COUNTY_NUMBER}),
        String("name", columns=("name", "short_name")),
        Token("active", boolean=True),
    ),
    visible=visible_organizations,
    reach=_reach_of_organizations,
    documentation="Counties, plans and departments with which the asking organization has a relation.",
)

PRACTITIONER = Resource(
    "Practitioner",
    table=Person,
    search=(
        String("name", columns=("given", "family")),
        String("family"),
        String("given"),
        Token("active", boolean=True),
    ),
    visible=visible_people,
    reach=_reach_of_people,
    documentation="Contact persons: who holds, held or deputises for a position.",
)

PRACTITIONER_ROLE = Resource(
    "PractitionerRole",
    table=Appointment,
    search=(
        Reference("practitioner", "Practitioner", column="person", include=True),
        Reference("organization", "Organization", include=True),
        Token("role", column="position", system=POSITION_SYSTEM),
        Date("date", column="from_date"),
    ),
    visible=visible_roles,
    documentation="Appointments to the positions that an MOU names, with their period.",
)

RESOURCES: tuple[Resource, ...] = (ORGANIZATION, PRACTITIONER, PRACTITIONER_ROLE)
