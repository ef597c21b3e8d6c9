"""Procedures: what was done, recorded by the one who did it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.audit.actions import Entry, record
from hub.consent.actions import require_some_agreement
from hub.db.documents import Stored, insert, replace
from hub.db.engine import look_up
from hub.db.transaction import unit_of_work
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound
from hub.referrals.actions.references import member_of, organization_of, unknown
from hub.referrals.document import check_procedure, id_of, reference
from hub.referrals.tables import Procedure


def _project(document: Mapping[str, Any]) -> dict[str, Any]:
    text = str(document.get("performedDateTime") or (document.get("performedPeriod") or {}).get("start") or "")[:10]
    return {"status": str(document["status"]), "performed_on": date.fromisoformat(text) if len(text) == 10 else None}


async def _based_on(actor: Actor, document: Mapping[str, Any], member: str) -> str | None:
    """The ServiceRequest that it carries out: one that the actor's organization was asked for, or asked itself."""
    found = []
    for based in document.get("basedOn") or []:
        row_id = id_of(str(based.get("reference", "")), "ServiceRequest")
        rows = await look_up(
            "SELECT id FROM service_request WHERE id = {} AND member = {} AND (performer = {} OR requester = {})",
            row_id or "",
            member,
            actor.home,
            actor.home,
        )
        if not rows:
            raise unknown("Procedure.basedOn", "There is no such ServiceRequest for this member here.")
        found.append(str(rows[0]["id"]))
    return found[0] if found else None


async def _check_who_did_it(actor: Actor, document: Mapping[str, Any]) -> None:
    """Nobody records what another organization did."""
    named = [(f"performer[{n}].{role}", one.get(role)) for n, one in enumerate(document.get("performer") or [])
             for role in ("actor", "onBehalfOf")]  # fmt: skip
    for where, said in [*named, *((role, document.get(role)) for role in ("recorder", "asserter"))]:
        text = str((said or {}).get("reference", ""))
        if not text.startswith(("Organization/", "PractitionerRole/")):
            continue
        if await organization_of(actor, text, f"Procedure.{where}") != actor.home:
            words = "Only what your own organization did can be recorded."
            raise Forbidden(words, issues=[Issue(f"Procedure.{where}", words, "forbidden")])


@unit_of_work
async def receive_procedure(actor: Actor, document: Mapping[str, Any]) -> Stored:
    """Store what was done for a member whom the actor's organization serves."""
    actor.require("referral.write")
    if issues := check_procedure(document):
        raise Invalid("The Procedure cannot be taken.", issues=issues)
    await require_some_agreement(actor, "Procedure")
    member = await member_of(actor, reference(document, "subject"), "Procedure.subject")
    await _check_who_did_it(actor, document)
    columns = {
        **_project(document),
        "member": member,
        "service_request": await _based_on(actor, document, member),
        "performer": actor.home,
    }
    stored = await insert(Procedure, document, columns, organization=actor.home)
    await record(actor, Entry("referrals:procedure:create", "Procedure", stored.id, member=member))
    return stored


@unit_of_work
async def change_procedure(
    actor: Actor, procedure_id: str, document: Mapping[str, Any], expected: int | None = None
) -> Stored:
    """Store the next version, by the organization that recorded it; the member stays."""
    actor.require("referral.write")
    rows = await look_up("SELECT * FROM procedure WHERE id = {} AND performer = {}", procedure_id, actor.home)
    if not rows:
        raise NotFound("There is no such Procedure of your organization.")
    row = rows[0]
    if issues := check_procedure(document):
        raise Invalid("The Procedure cannot be taken.", issues=issues)
    if reference(document, "subject") != f"Patient/{row['member']}":
        raise unknown("Procedure.subject", "The subject of a recorded Procedure does not change.")
    await _check_who_did_it(actor, document)
    columns = {**_project(document), "service_request": await _based_on(actor, document, row["member"])}
    stored = await replace(
        Procedure, procedure_id, row["version"], document, columns, organization=actor.home, expected=expected
    )
    await record(actor, Entry("referrals:procedure:change", "Procedure", procedure_id, member=row["member"]))
    return stored
