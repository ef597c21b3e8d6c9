"""Finding what a document's references name, among what the actor may know of."""

from __future__ import annotations

from typing import Any

from hub.db.engine import fetch
from hub.directory import queries as directory
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue, NotFound
from hub.members import queries as members
from hub.referrals.document import id_of


def unknown(where: str, words: str) -> Invalid:
    return Invalid(words, issues=[Issue(where, words, "not-found")])


async def organization_of(text: str, where: str) -> str:
    """The organization that `Organization/id` or `PractitionerRole/id` stands for."""
    if (row_id := id_of(text, "Organization")) is not None:
        try:
            return (await directory.organization(row_id)).id
        except NotFound:
            pass
    if (row_id := id_of(text, "PractitionerRole")) is not None:
        rows = await fetch("SELECT organization FROM appointment WHERE id = {}", row_id)
        if rows:
            return str(rows[0]["organization"])
    raise unknown(where, "Name an Organization or PractitionerRole of this hub.")


async def member_of(actor: Actor, text: str, where: str) -> str:
    """The member that `Patient/id` names, if the actor's organization serves them."""
    row_id = id_of(text, "Patient")
    if row_id is not None:
        try:
            return (await members.member(actor, row_id)).id
        except NotFound:
            pass
    raise unknown(where, "There is no such Patient here; create it first, in the same Bundle or before.")


async def own_request(actor: Actor, text: str, where: str) -> dict[str, Any]:
    """The ServiceRequest of the actor's own organization that `ServiceRequest/id` names."""
    row_id = id_of(text, "ServiceRequest")
    rows = await fetch("SELECT * FROM service_request WHERE id = {} AND requester = {}", row_id or "", actor.home)
    if not rows:
        raise unknown(where, "There is no such ServiceRequest of your organization here.")
    return rows[0]
