"""The named people and organizations of the tests.

Alameda County and Golden Poppy Health Plan have an executed MOU since January; Sonoma County and Bay Laurel Care
have none.

They are written as rows, not by the actions, so that a test finds no duty, event or audit entry but its own; the
documents are the directory's real ones. `tests/mou/build.py` makes MOUs by the actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from hub.auth.capabilities import capabilities_of
from hub.db.documents import insert
from hub.db.transaction import unit_of_work
from hub.directory import document, queries
from hub.directory.rules import Position
from hub.directory.tables import Appointment, Organization, Person, Role
from hub.kernel import clock
from hub.kernel.actor import Actor, ActorKind, OrganizationKind
from hub.kernel.ids import new_id
from hub.members.tables import Member, MemberOrganization
from hub.mou.rules import DataElement, Section
from hub.mou.tables import Agreement, AgreementElement, AgreementParty, AgreementSection, MouTerm

SINCE = date(2026, 1, 1)


@dataclass(frozen=True)
class Cast:
    """Organizations by id, people as actors."""

    alameda: str
    sonoma: str
    poppy: str  # Golden Poppy Health Plan
    laurel: str  # Bay Laurel Care
    mou: str  # Alameda and Golden Poppy
    marisol: Actor  # Alameda's IHSS liaison
    thomas: Actor  # Alameda's IHSS responsible person
    arturo: Actor  # Alameda's compliance officer
    priya: Actor  # Golden Poppy's MCP-IHSS liaison
    daniel: Actor  # Golden Poppy's MCP responsible person
    grace: Actor  # Golden Poppy's compliance officer
    sam: Actor  # Sonoma's IHSS liaison
    ruth: Actor  # answers for IHSS in Sonoma; named for no position yet
    lena: Actor  # Bay Laurel's MCP-IHSS liaison
    omar: Actor  # answers for Bay Laurel; named for no position yet
    poppy_system: Actor  # Golden Poppy's care management system
    laurel_system: Actor
    rosa: str  # member of Golden Poppy in Alameda County, CIN 90000001A
    henry: str  # member of Bay Laurel in Sonoma County, CIN 90000002B


async def organization(kind: str, name: str, short: str, identifier: str, number: int | None = None) -> str:
    columns: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "short_name": short,
        "identifier": identifier,
        "county_number": number,
    }
    return (await insert(Organization, document.organization(**columns), columns, organization=None)).id


async def person(
    organization_id: str,
    kind: OrganizationKind,
    given: str,
    family: str,
    role: str,
    position: str | None = None,
    counterpart: str | None = None,
) -> Actor:
    contact = {"given": given, "family": family, "phone": "+15105550100"}
    contact["email"] = f"{given}.{family}@example.org".lower()
    stored = await insert(
        Person,
        document.practitioner(**contact),  # type: ignore[arg-type]
        {**contact, "organization": organization_id},
        organization=organization_id,
    )
    await Role.insert(Role(person=stored.id, role=role))
    if position:
        await insert(
            Appointment,
            document.practitioner_role(
                person=stored.id,
                person_name=f"{given} {family}",
                organization=organization_id,
                organization_name=(await queries.organization(organization_id)).name,
                position=Position(position),
                phone=contact["phone"],
                email=contact["email"],
                from_date=SINCE,
                today=clock.today(),
            ),
            {
                "organization": organization_id,
                "counterpart": counterpart,
                "position": position,
                "person": stored.id,
                "from_date": SINCE,
            },
            organization=organization_id,
        )
    return Actor(
        ActorKind.USER,
        stored.id,
        f"{given} {family}",
        organization_id,
        kind,
        organization_name="",
        roles=(role,),
        capabilities=capabilities_of([role]),
    )


async def member(
    cin: str, given: str, family: str, born: date, county: str, plan: str, case_number: str | None = None
) -> str:
    patient = {
        "resourceType": "Patient",
        "identifier": [
            {
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MC"}]},
                "system": "urn:ihss-hub:cin",
                "value": cin,
            }
        ],
        "name": [{"family": family, "given": [given]}],
        "birthDate": born.isoformat(),
    }
    columns = {
        "cin": cin,
        "given": given,
        "family": family,
        "given_key": given.casefold(),
        "family_key": family.casefold(),
        "birth_date": born,
        "case_number": case_number,
    }
    stored = await insert(Member, patient, columns, organization=county)
    for organization_id, relation in ((county, "county"), (plan, "plan")):
        await MemberOrganization.insert(
            MemberOrganization(member=stored.id, organization=organization_id, relation=relation, from_date=SINCE)
        )
    return stored.id


async def executed_mou(county: str, plan: str) -> str:
    agreement = new_id()
    await Agreement.insert(
        Agreement(
            id=agreement,
            kind="county-mcp-ihss",
            title="IHSS MOU",
            county=county,
            plan=plan,
            state="executed",
            effective_date=SINCE,
            executed_on=SINCE,
            template="dhcs-ihss-2024",
            collects_consent_for_both=True,
            created_at=datetime(2026, 1, 1, 17, tzinfo=UTC),
        )
    )
    for organization_id, role in ((county, "county"), (plan, "plan")):
        await AgreementParty.insert(
            AgreementParty(agreement=agreement, organization=organization_id, role=role, signed_on=SINCE)
        )
    for section in Section:
        await AgreementSection.insert(
            AgreementSection(agreement=agreement, section=section.value, terms="As in the template.", complete=True)
        )
    for discloser, recipient in ((county, plan), (plan, county)):
        for element in DataElement:
            await AgreementElement.insert(
                AgreementElement(agreement=agreement, discloser=discloser, recipient=recipient, element=element.value)
            )
            await MouTerm.insert(
                MouTerm(
                    agreement=agreement,
                    discloser=discloser,
                    recipient=recipient,
                    element=element.value,
                    from_date=SINCE,
                )
            )
    return agreement


def system(organization_id: str, kind: OrganizationKind, name: str) -> Actor:
    return Actor(
        ActorKind.SYSTEM,
        new_id(),
        name,
        organization_id,
        kind,
        roles=("system",),
        capabilities=capabilities_of(["system"]),
        scopes=("system/*.cruds",),
    )


@unit_of_work
async def build_cast() -> Cast:
    county, plan = OrganizationKind.COUNTY, OrganizationKind.PLAN
    alameda = await organization("county", "Alameda County", "Alameda", "county-01", 1)
    sonoma = await organization("county", "Sonoma County", "Sonoma", "county-49", 49)
    poppy = await organization("plan", "Golden Poppy Health Plan", "Golden Poppy", "plan-golden-poppy")
    laurel = await organization("plan", "Bay Laurel Care", "Bay Laurel", "plan-bay-laurel")
    return Cast(
        alameda=alameda,
        sonoma=sonoma,
        poppy=poppy,
        laurel=laurel,
        mou=await executed_mou(alameda, poppy),
        marisol=await person(alameda, county, "Marisol", "Vega", "county_liaison", "ihss_liaison", poppy),
        thomas=await person(
            alameda, county, "Thomas", "Okafor", "county_responsible_person", "ihss_responsible_person", poppy
        ),
        arturo=await person(
            alameda, county, "Arturo", "Silva", "county_compliance_officer", "county_compliance_officer"
        ),
        priya=await person(poppy, plan, "Priya", "Raman", "plan_liaison", "mcp_ihss_liaison", alameda),
        daniel=await person(poppy, plan, "Daniel", "Kim", "plan_responsible_person", "mcp_responsible_person", alameda),
        grace=await person(poppy, plan, "Grace", "Lindqvist", "plan_compliance_officer", "mcp_compliance_officer"),
        sam=await person(sonoma, county, "Sam", "Whitfield", "county_liaison", "ihss_liaison", laurel),
        ruth=await person(sonoma, county, "Ruth", "Calder", "county_responsible_person"),
        omar=await person(laurel, plan, "Omar", "Benali", "plan_responsible_person"),
        lena=await person(laurel, plan, "Lena", "Haddad", "plan_liaison", "mcp_ihss_liaison", sonoma),
        poppy_system=system(poppy, plan, "Golden Poppy care management"),
        laurel_system=system(laurel, plan, "Bay Laurel care management"),
        rosa=await member("90000001A", "Rosa", "Mendoza", date(1948, 3, 5), alameda, poppy, "0100042"),
        henry=await member("90000002B", "Henry", "Abara", date(1951, 9, 30), sonoma, laurel, "4900017"),
    )
