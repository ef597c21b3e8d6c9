"""What stands before the first MOU: rules, holidays, organizations, their people and systems, and the ways in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.db.documents import stored_text
from hub.demo.people import TITLES
from hub.directory import document
from hub.directory.rules import COMPLIANCE_OF, Position
from hub.duties.first_rules import FIRST_RULES
from hub.kernel.jsontext import encode
from hub.simulate.duties import THE_HUB, Who
from hub.simulate.rows import Rows, put
from hub.simulate.rules import Days, Moment, ids
from hub.simulate.world import Side, Staff, World

SCOPES = "system/*.cruds"


def rules_and_holidays(rows: Rows, days: Days, seed: int, holidays: Mapping[date, str]) -> None:
    """As `hub migrate` enters them."""
    at, make, day_id = days.at(0, 0), ids(seed, "rule"), ids(seed, "holiday")
    for number, r in enumerate(FIRST_RULES):
        put(
            rows, "rule_version", id=make(at.ids, number), rule=r.id, version=1, trigger=r.trigger, words=r.words,
            owed_by=", ".join(r.owed_by), limit_count=r.limit, limit_unit=r.unit.value if r.unit else None,
            authority=r.authority, effective_from=r.effective_from, verified=r.verified, shared=r.shared, note=r.note,
        )  # fmt: skip
    for number, (day, name) in enumerate(sorted(holidays.items())):
        put(rows, "holiday", id=day_id(at.ids, number), organization=None, day=day, name=name)


class Stage:
    """Makes the rows of organizations and people; MOUs have it make their appointments."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._ids = {name: ids(world.size.seed, name) for name in ("version", "role", "appoint", "event", "account")}
        self._count = 0

    def _next(self, name: str, beginning: str) -> str:
        self._count += 1
        return self._ids[name](beginning, self._count)

    def rows(self, rows: Rows, keys: Mapping[str, Mapping[str, Any]], password_hash: str) -> None:
        """`keys`: the public key sets of the plans' systems, by client id."""
        at = self.world.days.at(0, 0)
        for side in self.world.sides:
            self._organization(rows, side, at)
            for person in side.people:
                self._person(rows, side, person, at, password_hash)
            self.appoint(rows, side, None, COMPLIANCE_OF[side.kind], side.compliance, None, 0, at, THE_HUB)
            if side.system:
                put(
                    rows, "api_system", id=side.system, organization=side.id, client_id=side.client_id,
                    name=side.system_name, scopes=SCOPES, jwks=encode(keys[side.client_id]), active=True,
                    created_at=at.row,
                )  # fmt: skip

    def _organization(self, rows: Rows, side: Side, at: Moment) -> None:
        columns: dict[str, Any] = {
            "kind": side.kind, "name": side.name, "short_name": side.short, "identifier": side.identifier,
            "county_number": side.number,
        }  # fmt: skip
        told = document.organization(**columns)
        self._keep(rows, "organization", side.id, told, at, None, **columns, active=True)

    def _person(self, rows: Rows, side: Side, person: Staff, at: Moment, password_hash: str) -> None:
        columns = {"given": person.given, "family": person.family, "email": person.email, "phone": person.phone}
        told = document.practitioner(given=person.given, family=person.family, email=person.email, phone=person.phone)
        more = {"organization": side.id, "title": TITLES[person.role], "active": True}
        self._keep(rows, "person", person.id, told, at, side.id, **columns, **more)
        put(rows, "person_role", id=self._next("role", at.ids), person=person.id, role=person.role)
        put(
            rows, "account", id=self._next("account", at.ids), username=person.username, password_hash=password_hash,
            person=person.id, active=True, created_at=at.row,
        )  # fmt: skip

    def appoint(
        self, rows: Rows, side: Side, towards: Side | None, position: Position, person: Staff, deputy: Staff | None,
        since: int, at: Moment, by: Who,
    ) -> str:  # fmt: skip
        """Who holds a position from a day on. Returns the appointment's id."""
        row_id, days = self._next("appoint", at.ids), self.world.days
        told = document.practitioner_role(
            person=person.id, person_name=person.name, organization=side.id, organization_name=side.name,
            position=position, phone=person.phone, email=person.email, from_date=days.dates[since],
            today=days.dates[at.day],
        )  # fmt: skip
        self._keep(
            rows, "appointment", row_id, told, at, side.id, organization=side.id,
            counterpart=towards.id if towards else None, position=position.value, person=person.id,
            deputy=deputy.id if deputy else None, from_date=days.dates[since], until_date=None,
        )  # fmt: skip
        put(
            rows, "appointment_event", id=self._next("event", at.ids), appointment=row_id, event="appointed",
            actor_id=by.id, actor_name=by.name, effective_date=days.dates[since], recorded_at=at.row, note=None,
        )  # fmt: skip
        return row_id

    def _keep(
        self, rows: Rows, table: str, row_id: str, told: dict[str, Any], at: Moment, source: str | None, **columns: Any
    ) -> None:
        """A document and its first version."""
        text = stored_text(told, row_id, 1, at.instant)
        put(rows, table, id=row_id, version=1, updated_at=at.row, source=source, document=text, **columns)
        put(
            rows, "resource_version", id=self._next("version", at.ids), resource_type=told["resourceType"],
            resource_id=row_id, version=1, method="POST", updated_at=at.row, organization=source, document=text,
        )  # fmt: skip
