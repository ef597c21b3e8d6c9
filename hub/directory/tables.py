"""Organizations, people, their dated appointments to positions, roles, API clients, holidays."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import (
    code,
    day,
    day_or_none,
    flag,
    instant,
    instant_or_none,
    key,
    link,
    link_or_none,
    number_or_none,
    text,
    text_or_none,
)
from hub.db.tables import DocumentMixin


class Organization(DocumentMixin, Table, tablename="organization"):
    """A county, a managed care plan, a State department, or the hub itself. FHIR Organization."""

    kind = code(index=True)  # county | plan | state | hub
    name = text()
    short_name = text()
    county_number = number_or_none(unique=True)  # 1 to 58, CDSS county number
    identifier = code(unique=True)  # stable key of our own: county-19, plan-…
    active = flag(default=True)


class Person(DocumentMixin, Table, tablename="person"):
    """Somebody who works for an organization. FHIR Practitioner."""

    organization = link(Organization)
    given = text()
    family = text()
    email = text()
    phone = text()
    title = text_or_none()
    active = flag(default=True)


class Appointment(DocumentMixin, Table, tablename="appointment"):
    """A person in a position, from a day until a day, towards one counterpart (or all). FHIR
    PractitionerRole.
    """

    organization = link(Organization)
    counterpart = link_or_none(Organization)  # None: towards everybody
    position = code(index=True)  # directory.rules.Position
    person = link(Person)
    deputy = link_or_none(Person)
    from_date = day()
    until_date = day_or_none()  # the last day in the position


class AppointmentEvent(Table, tablename="appointment_event"):
    """History of appointments: named, ended, deputy changed. Only ever inserted."""

    id = key()
    appointment = link(Appointment)
    event = code()
    actor_id = code()
    actor_name = text()
    effective_date = day()
    recorded_at = instant()
    note = text_or_none()


class Role(Table, tablename="person_role"):
    """What a person may do in the hub: a role of `hub.auth.capabilities`."""

    id = key()
    person = link(Person)
    role = code()


class System(Table, tablename="api_system"):
    """An organization's software that calls the FHIR API (SMART Backend Services)."""

    id = key()
    organization = link(Organization)
    client_id = code(unique=True)
    name = text()
    scopes = text()  # pre-authorised, separated by spaces
    jwks = text_or_none()  # inline JWKS, or
    jwks_url = text_or_none()
    active = flag(default=True)
    created_at = instant()
    last_used_at = instant_or_none()


class Holiday(Table, tablename="holiday"):
    """A day that is no working day: of the State (organization None) or of one county."""

    id = key()
    organization = link_or_none(Organization)
    day = day()
    name = text()
