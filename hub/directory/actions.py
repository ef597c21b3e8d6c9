"""Writes of the directory. Each leaves its FHIR document, its event and its audit entry in the same unit of
work.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from hub.audit.actions import Entry, Pending, record
from hub.auth.capabilities import ROLES
from hub.db import documents
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.directory import document, queries
from hub.directory.rules import NAMES, Position, fits, normal_phone, person_problems
from hub.directory.tables import Appointment, AppointmentEvent, Holiday, Organization, Person, Role, System
from hub.kernel import clock
from hub.kernel.actor import Actor, OrganizationKind
from hub.kernel.calendar import long_date
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound, Problems
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode

_APPOINTMENT = "SELECT id, version, organization, counterpart, position, person, from_date, until_date FROM appointment"


def _refuse_unless(allowed: bool, actor: Actor, action: str, words: str) -> None:
    if not allowed:
        entry = Entry(action, "Organization", actor.organization, outcome="refused", basis=words)
        raise Forbidden(words, audit=Pending(actor, entry))


@unit_of_work
async def add_organization(
    actor: Actor,
    kind: OrganizationKind | str,
    name: str,
    short_name: str,
    identifier: str,
    county_number: int | None = None,
) -> str:
    """Organizations are set up by the hub itself: a county or plan cannot make another one up."""
    _refuse_unless(
        actor.is_hub, actor, "directory:organization:add", "Organizations are added by whoever runs the hub."
    )
    kind = OrganizationKind(kind)
    columns: dict[str, Any] = {
        "kind": kind.value,
        "name": name.strip(),
        "short_name": short_name.strip(),
        "identifier": identifier,
        "county_number": county_number,
    }
    stored = await documents.insert(
        Organization, document.organization(**columns), columns, organization=actor.organization
    )
    await record(
        actor,
        Entry(
            "directory:organization:add",
            "Organization",
            stored.id,
            detail={"identifier": identifier, "kind": kind},
        ),
    )
    return stored.id


@unit_of_work
async def add_person(
    actor: Actor,
    organization: str,
    given: str,
    family: str,
    email: str,
    phone: str,
    title: str | None = None,
    roles: Iterable[str] = (),
    *,
    for_partner: bool = False,
) -> str:
    """Record a contact person. `for_partner`: the caller has checked that the actor may name the partner's
    people.
    """
    roles = tuple(roles)
    own = actor.organization == organization
    may = actor.is_hub or (own and (actor.can("directory.write") or (actor.can("mou.write") and not roles)))
    may = may or (for_partner and not roles and actor.can("mou.write"))
    _refuse_unless(may, actor, "directory:person:add", "You may record contact persons of your own organization only.")
    problems = Problems()
    person_problems({"given": given, "family": family, "email": email, "phone": phone}, problems)
    for role in roles:
        if role not in ROLES:
            problems.add("roles", "Choose a role from the list.")
    problems.refuse("The contact person was not recorded.")
    await queries.organization(organization)
    columns: dict[str, Any] = {
        "given": given.strip(),
        "family": family.strip(),
        "email": email.strip(),
        "phone": normal_phone(phone) or phone.strip(),
    }
    stored = await documents.insert(
        Person,
        document.practitioner(**columns),
        {**columns, "organization": organization, "title": (title or "").strip() or None},
        organization=actor.organization or organization,
    )
    for role in sorted(set(roles)):
        await Role.insert(Role(person=stored.id, role=role))
    await record(
        actor,
        Entry(
            "directory:person:add",
            "Practitioner",
            stored.id,
            counterpart=None if own else organization,
            detail={"roles": sorted(set(roles))},
        ),
    )
    return stored.id


async def _role_document(row: dict[str, Any], until: date | None) -> dict[str, Any]:
    person = await queries.person(row["person"])
    organization = await queries.organization(row["organization"])
    return document.practitioner_role(
        person=person.id,
        person_name=person.name,
        organization=organization.id,
        organization_name=organization.name,
        position=Position(row["position"]),
        phone=person.phone,
        email=person.email,
        from_date=row["from_date"],
        until_date=until,
        today=clock.today(),
    )


async def _event(actor: Actor, appointment: str, event: str, effective: date, note: str | None = None) -> None:
    await AppointmentEvent.insert(
        AppointmentEvent(
            appointment=appointment,
            event=event,
            actor_id=actor.id,
            actor_name=actor.name,
            effective_date=effective,
            recorded_at=clock.now(),
            note=note,
        )
    )


def _may_appoint(actor: Actor, organization: str, for_partner: bool) -> bool:
    names_people = actor.can("directory.write") or actor.can("mou.write")
    return actor.is_hub or (names_people and (actor.organization == organization or for_partner))


async def _end(actor: Actor, row: dict[str, Any], until: date, note: str | None) -> None:
    await documents.replace(
        Appointment,
        row["id"],
        row["version"],
        await _role_document(row, until),
        {"until_date": until},
        organization=actor.organization or row["organization"],
    )
    await _event(actor, row["id"], "ended", until, note)


@unit_of_work
async def appoint(
    actor: Actor,
    *,
    organization: str,
    counterpart: str | None,
    position: Position | str,
    person: str,
    deputy: str | None = None,
    from_date: date,
    note: str | None = None,
    for_partner: bool = False,
) -> str:
    """Name a person for a position from a day on; whoever held it until then ends on the day before.

    `for_partner`: the caller has checked that the actor may name the partner's people (an MOU being
    recorded).
    """
    position = Position(position)
    _refuse_unless(
        _may_appoint(actor, organization, for_partner),
        actor,
        "directory:position:appoint",
        f"Only the organization itself names its {NAMES[position]}.",
    )
    await _check_appointment(organization, position, person, deputy)
    await _end_previous(actor, organization, counterpart, position, from_date)
    row: dict[str, Any] = {
        "organization": organization,
        "counterpart": counterpart,
        "position": position.value,
        "person": person,
        "deputy": deputy,
        "from_date": from_date,
    }
    stored = await documents.insert(
        Appointment, await _role_document(row, None), row, organization=actor.organization or organization
    )
    await _event(actor, stored.id, "appointed", from_date, note)
    await record(
        actor,
        Entry(
            "directory:position:appoint",
            "PractitionerRole",
            stored.id,
            counterpart=counterpart if actor.organization == organization else organization,
            detail={
                "position": position.value,
                "person": person,
                "deputy": deputy,
                "from": from_date.isoformat(),
            },
        ),
    )
    return stored.id


async def _check_appointment(organization: str, position: Position, person: str, deputy: str | None) -> None:
    problems = Problems()
    if not fits(position, (await queries.organization(organization)).kind):
        problems.add("position", f"{NAMES[position]} is not a position of this organization.")
    members = {one.id for one in await queries.people(organization)}
    if person not in members:
        problems.add("person", "Choose a person who works for this organization.")
    if deputy is not None and deputy not in members:
        problems.add("deputy", "Choose a deputy who works for this organization.")
    if deputy is not None and deputy == person:
        problems.add("deputy", "The deputy must be somebody else.")
    problems.refuse("The appointment was not recorded.")


async def _end_previous(
    actor: Actor, organization: str, counterpart: str | None, position: Position, from_date: date
) -> None:
    """End the one before. One that begins later than the new one is not silently overtaken."""
    towards = "counterpart IS NULL" if counterpart is None else "counterpart = {}"
    rows = await fetch(
        f"{_APPOINTMENT} WHERE organization = {{}} AND position = {{}} AND {towards}"
        " AND (until_date IS NULL OR until_date >= {}) ORDER BY from_date",
        organization,
        position.value,
        *([] if counterpart is None else [counterpart]),
        from_date,
    )
    for row in rows:
        if row["from_date"] > from_date:
            words = f"Somebody is already named from {long_date(row['from_date'])} on. Choose a later day."
            raise Invalid("The appointment was not recorded.", issues=[Issue("from_date", words)])
        if row["until_date"] is None or row["until_date"] >= from_date:
            await _end(actor, row, from_date - timedelta(days=1), "Followed by somebody else")


@unit_of_work
async def end_appointment(actor: Actor, appointment: str, until_date: date, note: str | None = None) -> None:
    """Say on which day an appointment ends. From the next day on the position is vacant."""
    rows = await fetch(f"{_APPOINTMENT} WHERE id = {{}}", appointment)
    if not rows:
        raise NotFound("There is no such appointment.")
    row = rows[0]
    _refuse_unless(
        _may_appoint(actor, row["organization"], False),
        actor,
        "directory:position:end",
        "Only the organization itself ends its appointments.",
    )
    if until_date < row["from_date"]:
        words = f"The last day is before the first, {long_date(row['from_date'])}."
        raise Invalid("The appointment was not ended.", issues=[Issue("until_date", words)])
    if row["until_date"] is not None and row["until_date"] < until_date:
        words = f"This appointment ended on {long_date(row['until_date'])} already."
        raise Invalid("The appointment was not ended.", issues=[Issue("until_date", words)])
    await _end(actor, row, until_date, note)
    await record(
        actor,
        Entry(
            "directory:position:end",
            "PractitionerRole",
            appointment,
            counterpart=row["counterpart"],
            detail={"position": row["position"], "until": until_date.isoformat()},
        ),
    )


@unit_of_work
async def add_system(
    actor: Actor,
    organization: str,
    name: str,
    client_id: str,
    scopes: str,
    jwks: dict[str, object] | str | None = None,
    jwks_url: str | None = None,
) -> str:
    """Register an organization's software with its public keys and what it may ask for at most."""
    _refuse_unless(actor.is_hub, actor, "directory:system:add", "Systems are registered by whoever runs the hub.")
    await queries.organization(organization)
    row_id = new_id()
    await System.insert(
        System(
            id=row_id,
            organization=organization,
            client_id=client_id,
            name=name,
            scopes=scopes,
            jwks=encode(jwks) if isinstance(jwks, dict) else jwks,
            jwks_url=jwks_url,
            created_at=clock.now(),
        )
    )
    await record(
        actor,
        Entry(
            "directory:system:add",
            "System",
            row_id,
            counterpart=organization,
            detail={"client_id": client_id, "scopes": scopes},
        ),
    )
    return row_id


@unit_of_work
async def seed_holidays(years: Iterable[int]) -> int:
    """Enter the public holidays of California for these years. What is there already stays as it is."""
    import holidays as public_holidays  # the calendars of all countries: for `hub migrate`, not for each start

    wanted = public_holidays.country_holidays("US", subdiv="CA", years=sorted(set(years)))
    there = {row["day"] for row in await fetch("SELECT day FROM holiday WHERE organization IS NULL")}
    new = [Holiday(day=day, name=name) for day, name in sorted(wanted.items()) if day not in there]
    if new:
        await Holiday.insert(*new)
    return len(new)


@unit_of_work
async def add_holiday(actor: Actor, organization: str, day: date, name: str) -> None:
    """A county's own holiday. Due dates already reckoned stay as they are."""
    may = actor.is_hub or (actor.organization == organization and actor.can("directory.write"))
    _refuse_unless(may, actor, "directory:holiday:add", "A county's calendar is edited by its own people.")
    await Holiday.insert(Holiday(organization=organization, day=day, name=name))
    await record(actor, Entry("directory:holiday:add", "Organization", organization, detail={"day": day.isoformat()}))
