"""Reads of the directory.

Names of organizations and who holds a position are not confidential among the hub's users (MOUs publish
them), so the plain lookups take no actor; pages and FHIR go by `contacts` and
`partner_ids`, which show an actor
only its own relations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from hub.auth.capabilities import capabilities_of
from hub.db.columns import listed
from hub.db.engine import fetch, look_up
from hub.db.together import Asked, Rows
from hub.directory.rules import NAMES, Position, Tenure, in_office, positions_of_kind, required_of
from hub.kernel.actor import Actor, ActorKind, OrganizationKind
from hub.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    id: str
    kind: str
    name: str
    short_name: str
    county_number: int | None
    identifier: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class PersonRow:
    id: str
    organization: str
    given: str
    family: str
    email: str
    phone: str
    title: str | None
    active: bool

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a position, with what one needs to reach them."""

    appointment: str
    position: Position
    organization: str
    counterpart: str | None
    person: str
    name: str
    email: str
    phone: str
    title: str | None
    deputy: str | None
    deputy_name: str | None
    deputy_email: str | None
    deputy_phone: str | None
    from_date: date
    until_date: date | None
    version: int

    @property
    def position_name(self) -> str:
        return NAMES[self.position]


@dataclass(frozen=True, slots=True)
class PositionHeld:
    position: Position
    organization: str
    counterpart: str | None  # None: towards everybody
    as_deputy: bool


@dataclass(frozen=True, slots=True)
class SystemRow:
    id: str
    organization: str
    client_id: str
    name: str
    scopes: str
    jwks: str | None
    jwks_url: str | None
    active: bool


_ORGANIZATION = "SELECT id, kind, name, short_name, county_number, identifier, active FROM organization"
_PERSON = "SELECT id, organization, given, family, email, phone, title, active FROM person"
_HOLDER = """SELECT a.id AS appointment, a.position, a.organization, a.counterpart, a.person, a.from_date,
    a.until_date, a.version, p.given, p.family, p.email, p.phone, p.title, a.deputy, d.given AS deputy_given,
    d.family AS deputy_family, d.email AS deputy_email, d.phone AS deputy_phone
    FROM appointment a JOIN person p ON p.id = a.person LEFT JOIN person d ON d.id = a.deputy"""
_SYSTEM = "SELECT id, organization, client_id, name, scopes, jwks, jwks_url, active FROM api_system"


def _organization(row: dict[str, Any]) -> OrganizationRow:
    return OrganizationRow(**{**row, "active": bool(row["active"])})


def _person(row: dict[str, Any]) -> PersonRow:
    return PersonRow(**{**row, "active": bool(row["active"])})


def _holder(row: dict[str, Any]) -> Holder:
    given, family = row.pop("given"), row.pop("family")
    deputy_given, deputy_family = row.pop("deputy_given"), row.pop("deputy_family")
    row["position"] = Position(row["position"])
    return Holder(
        name=f"{given} {family}",
        deputy_name=f"{deputy_given} {deputy_family}" if row["deputy"] else None,
        **row,
    )


async def organization(organization_id: str) -> OrganizationRow:
    rows = await fetch(f"{_ORGANIZATION} WHERE id = {{}}", organization_id)
    if not rows:
        raise NotFound("There is no such organization.")
    return _organization(rows[0])


async def organizations(kind: str | None = None) -> list[OrganizationRow]:
    """All active ones, by name."""
    if kind is None:
        rows = await fetch(f"{_ORGANIZATION} WHERE active = {{}} ORDER BY name", True)
    else:
        rows = await fetch(f"{_ORGANIZATION} WHERE active = {{}} AND kind = {{}} ORDER BY name", True, kind)
    return [_organization(row) for row in rows]


async def by_identifier(identifier: str) -> OrganizationRow:
    """By our own stable key, such as `county-01`."""
    rows = await fetch(f"{_ORGANIZATION} WHERE identifier = {{}}", identifier)
    if not rows:
        raise NotFound("There is no such organization.")
    return _organization(rows[0])


async def person(person_id: str) -> PersonRow:
    rows = await fetch(f"{_PERSON} WHERE id = {{}}", person_id)
    if not rows:
        raise NotFound("There is no such person.")
    return _person(rows[0])


async def people(organization_id: str) -> list[PersonRow]:
    """The active people of an organization, by name."""
    rows = await fetch(
        f"{_PERSON} WHERE organization = {{}} AND active = {{}} ORDER BY family, given, id",
        organization_id,
        True,
    )
    return [_person(row) for row in rows]


async def holder(position: Position | str, organization: str, counterpart: str | None, on: date) -> Holder | None:
    """Who holds the position on that day towards the counterpart; a specific appointment wins over a general
    one.
    """
    found = [h for h in await holders(organization, counterpart, on) if h.position == position]
    return found[0] if found else None


async def holders(organization: str, counterpart: str | None, on: date) -> list[Holder]:
    """Everybody who holds a position of the organization on that day, one for each position."""
    rows = await fetch(
        f"{_HOLDER} WHERE a.organization = {{}} AND (a.counterpart IS NULL OR a.counterpart = {{}})"
        " AND a.from_date <= {} AND (a.until_date IS NULL OR a.until_date >= {}) ORDER BY a.position",
        organization,
        counterpart or "",
        on,
        on,
    )
    able = [_holder(row) for row in rows]
    chosen = []
    for position in Position:
        these = {h.appointment: h for h in able if h.position is position}
        tenure = in_office(
            [Tenure(h.appointment, h.counterpart, h.from_date, h.until_date) for h in these.values()],
            counterpart,
            on,
        )
        if tenure is not None:
            chosen.append(these[tenure.id])
    return chosen


async def tenures(organization: str, counterpart: str | None, position: Position | str) -> list[Holder]:
    """The history of a position towards a counterpart (those towards everybody included), latest first."""
    rows = await fetch(
        f"{_HOLDER} WHERE a.organization = {{}} AND a.position = {{}}"
        " AND (a.counterpart IS NULL OR a.counterpart = {}) ORDER BY a.from_date DESC, a.id DESC",
        organization,
        str(position),
        counterpart or "",
    )
    return [_holder(row) for row in rows]


async def positions_of(person: str, on: date) -> list[PositionHeld]:
    """What a person holds on that day, as holder or as deputy."""
    rows = await fetch(
        "SELECT position, organization, counterpart, person FROM appointment"
        " WHERE (person = {} OR deputy = {}) AND from_date <= {} AND (until_date IS NULL OR until_date >= {})"
        " ORDER BY position, counterpart",
        person,
        person,
        on,
        on,
    )
    return [
        PositionHeld(Position(r["position"]), r["organization"], r["counterpart"], as_deputy=r["person"] != person)
        for r in rows
    ]


async def holidays(organization: str | None = None) -> dict[date, str]:
    """Days that are no working days: the State's, and with an organization also that county's own."""
    rows = await fetch(
        "SELECT day, name FROM holiday WHERE organization IS NULL OR organization = {} ORDER BY day",
        organization or "",
    )
    return {row["day"]: row["name"] for row in rows}


def holidays_from(organization: str, day: date) -> tuple[str, list[Any]]:
    """An SQL expression: the `holidays` from that day on, in one text, for a query that asks more than that."""
    days = listed("h.day")
    sql = f"(SELECT {days} FROM holiday h WHERE COALESCE(h.organization, '') IN ('', {{}}) AND h.day >= {{}})"
    return sql, [organization, day]


async def load_user(person_id: str) -> Actor | None:
    """The actor for a signed-in person; None if the person or the organization is no longer active."""
    rows = await fetch(
        "SELECT p.id, p.given, p.family, o.id AS organization, o.kind, o.name FROM person p"
        " JOIN organization o ON o.id = p.organization WHERE p.id = {} AND p.active = {} AND o.active = {}",
        person_id,
        True,
        True,
    )
    if not rows:
        return None
    row = rows[0]
    roles = tuple(
        r["role"] for r in await fetch("SELECT role FROM person_role WHERE person = {} ORDER BY role", person_id)
    )
    return Actor(
        ActorKind.USER,
        row["id"],
        f"{row['given']} {row['family']}",
        row["organization"],
        OrganizationKind(row["kind"]),
        organization_name=row["name"],
        roles=roles,
        capabilities=capabilities_of(roles),
    )


async def load_system(client_id: str) -> SystemRow | None:
    """An active API client by its client id."""
    rows = await fetch(f"{_SYSTEM} WHERE client_id = {{}} AND active = {{}}", client_id, True)
    return SystemRow(**{**rows[0], "active": True}) if rows else None


async def system(system_id: str) -> SystemRow | None:
    rows = await fetch(f"{_SYSTEM} WHERE id = {{}}", system_id)
    return SystemRow(**{**rows[0], "active": bool(rows[0]["active"])}) if rows else None


async def system_actor(system_id: str) -> Actor | None:
    """The actor for an organization's software; None if it or its organization is no longer active."""
    rows = await look_up(
        "SELECT s.id, s.name AS system_name, s.scopes, o.id AS organization, o.kind, o.name FROM api_system s"
        " JOIN organization o ON o.id = s.organization WHERE s.id = {} AND s.active = {} AND o.active = {}",
        system_id,
        True,
        True,
    )
    return _system_actor(**rows[0]) if rows else None


async def system_actor_of_token(token_hash: str, now: datetime) -> Actor | None:
    """The actor for whom a token that holds now was given, with its scopes. One query, on each request."""
    rows = await look_up(
        "SELECT s.id, s.name AS system_name, t.scopes, o.id AS organization, o.kind, o.name FROM access_token t"
        " JOIN api_system s ON s.id = t.system JOIN organization o ON o.id = s.organization"
        " WHERE t.token_hash = {} AND t.revoked_at IS NULL AND t.expires_at > {} AND s.active = {} AND o.active = {}",
        token_hash,
        now,
        True,
        True,
    )
    return _system_actor(**rows[0]) if rows else None


@lru_cache(maxsize=1024)
def _system_actor(id: str, system_name: str, scopes: str, organization: str, kind: str, name: str) -> Actor:
    return Actor(
        ActorKind.SYSTEM,
        id,
        system_name,
        organization,
        OrganizationKind(kind),
        organization_name=name,
        roles=("system",),
        capabilities=capabilities_of(["system"]),
        scopes=tuple(scopes.split()),
    )


@dataclass(frozen=True, slots=True)
class Contact:
    """A position of an organization in the directory: held, or vacant."""

    position: Position
    required: bool
    holder: Holder | None

    @property
    def name(self) -> str:
        return NAMES[self.position]


@dataclass(frozen=True, slots=True)
class Partner:
    """An organization as the asker's organization sees it: whom to ask there."""

    organization: OrganizationRow
    contacts: tuple[Contact, ...]
    own: bool = False
    towards: OrganizationRow | None = None  # for the own organization: towards which partner

    @property
    def vacancies(self) -> int:
        return sum(contact.required and contact.holder is None for contact in self.contacts)


async def partner_ids(organization_id: str) -> list[str]:
    """Those with whom it has or had a relation: an appointment of the one towards the other."""
    rows = await fetch(
        "SELECT organization AS id FROM appointment WHERE counterpart = {}"
        " UNION SELECT counterpart AS id FROM appointment"
        " WHERE organization = {} AND counterpart IS NOT NULL",
        organization_id,
        organization_id,
    )
    return [row["id"] for row in rows]


async def _contacts(of: OrganizationRow, towards: str | None, on: date) -> tuple[Contact, ...]:
    held = {h.position: h for h in await holders(of.id, towards, on)}
    required = required_of(of.kind)
    return tuple(
        Contact(position, position in required, held.get(position))
        for position in positions_of_kind(of.kind)
        if position in required or position in held
    )


async def contacts(actor: Actor, on: date, partner: str | None = None) -> list[Partner]:
    """Whom do I ask? The partners of the actor's organization, each with our own people towards it beside
    theirs.
    """
    if actor.organization is None:
        return []
    own = await organization(actor.organization)
    ids = set(await partner_ids(own.id))
    known = sorted((o for o in await organizations() if o.id in ids), key=lambda o: o.name)
    if partner:
        known = [o for o in known if o.id == partner]
    found = []
    for other in known:
        found.append(Partner(other, await _contacts(other, own.id, on)))
        found.append(Partner(own, await _contacts(own, other.id, on), own=True, towards=other))
    if not found and not partner:
        found.append(Partner(own, await _contacts(own, None, on), own=True))
    return found


def asked_appointments(organization: str, on: date) -> Asked[Rows]:
    """Every appointment of an organization that had begun by that day, ended ones too: by whom work is done.

    Who sits on a day, and who sat last where nobody does, is for the rules to say.
    """
    sql = (
        "SELECT id, position, counterpart, person, deputy, from_date, until_date FROM appointment"
        " WHERE organization = {} AND from_date <= {}"
    )
    return Asked(sql, [organization, on], lambda rows: rows)
