"""Finding what a document's references name, among what the actor may know of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.db.engine import look_up
from hub.db.together import Asked
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue, NotFound
from hub.members import queries as members
from hub.members.actions import Serving
from hub.referrals.document import id_of


def unknown(where: str, words: str) -> Invalid:
    return Invalid(words, issues=[Issue(where, words, "not-found")])


def no_organization(where: str) -> Invalid:
    return unknown(where, "Name an Organization or PractitionerRole of this hub.")


def no_patient(where: str) -> Invalid:
    return unknown(where, "There is no such Patient here; create it first, in the same Bundle or before.")


async def organization_of(actor: Actor, text: str, where: str) -> str:
    """The organization that `Organization/id` or `PractitionerRole/id` stands for."""
    if text == f"Organization/{actor.organization}":
        return actor.home
    if (row_id := id_of(text, "Organization")) is not None:
        rows = await look_up("SELECT id AS organization FROM organization WHERE id = {}", row_id)
    else:
        rows = await _of_role(text)
    if not rows:
        raise no_organization(where)
    return str(rows[0]["organization"])


async def _of_role(text: str) -> list[dict[str, Any]]:
    row_id = id_of(text, "PractitionerRole")
    return await look_up("SELECT organization FROM appointment WHERE id = {}", row_id) if row_id is not None else []


async def member_of(actor: Actor, text: str, where: str) -> str:
    """The member that `Patient/id` names, if the actor's organization serves them."""
    row_id = id_of(text, "Patient")
    if row_id is not None:
        try:
            return (await members.member(actor, row_id)).id
        except NotFound:
            pass
    raise no_patient(where)


@dataclass(frozen=True, slots=True)
class Party:
    """An organization of a referral, and whether it serves the member already."""

    id: str
    kind: str
    name: str
    serving: Serving | None


@dataclass(frozen=True, slots=True)
class Parties:
    """What is on record of those that a new ServiceRequest or Task names. None: nothing that the actor may know of."""

    own: Party
    other: Party | None
    member: str | None
    record: str | None  # the text of the member's Patient, where it is the actor's own record
    request: Mapping[str, Any] | None  # the actor's own ServiceRequest


_PARTIES = """SELECT h.kind AS own_kind, h.short_name AS own_name, mine.id AS own_serving,
    mine.relation AS own_relation, o.id AS other, o.kind AS other_kind, o.short_name AS other_name,
    theirs.id AS other_serving, theirs.relation AS other_relation,
    m.id AS member, CASE WHEN m.source = h.id THEN m.document END AS record,
    s.id AS request, s.member AS request_member, s.performer, s.status, s.service, s.document
    FROM organization h LEFT JOIN organization o ON o.id = {}
    LEFT JOIN service_request s ON s.id = {} AND s.requester = h.id
    LEFT JOIN member_organization mine ON mine.member = {} AND mine.organization = h.id AND mine.until_date IS NULL
    LEFT JOIN member m ON m.id = mine.member
    LEFT JOIN member_organization theirs ON theirs.member = m.id AND theirs.organization = o.id
    AND theirs.until_date IS NULL WHERE h.id = {}"""


async def named_organization(text: str) -> str:
    """The id that a reference stands for, whether or not there is such an organization; '' for one that names none."""
    named = id_of(text, "Organization")
    if named is None and text:
        named = next((str(row["organization"]) for row in await _of_role(text)), None)
    return named or ""


def asked_parties(actor: Actor, other: str, patient: str, request: str = "") -> Asked[Parties]:
    """All of them: `other` is an organization's id, the rest are the texts of references."""
    actor.require("member.read")
    ids = (other, id_of(request, "ServiceRequest") or "", id_of(patient, "Patient") or "", actor.home)
    return Asked(_PARTIES, ids, lambda rows: _parties(actor.home, rows[0]))


def _parties(home: str, row: dict[str, Any]) -> Parties:
    own_serving = Serving.of(row["own_serving"], row["own_relation"])
    other_serving = Serving.of(row["other_serving"], row["other_relation"])
    asked = {
        "id": row["request"],
        "member": row["request_member"],
        **{name: row[name] for name in ("performer", "status", "service", "document")},
    }
    return Parties(
        Party(home, row["own_kind"], row["own_name"], own_serving),
        Party(row["other"], row["other_kind"], row["other_name"], other_serving) if row["other"] else None,
        row["member"],
        row["record"],
        asked if row["request"] else None,
    )
