"""ServiceRequests: what is asked. Their status is the requester's alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.audit.actions import Entry, record
from hub.consent.actions import require_some_agreement
from hub.consent.queries import asked_facts
from hub.db.documents import Stored, insert, replace
from hub.db.engine import add_many, look_up, write
from hub.db.together import ask_together
from hub.db.transaction import unit_of_work
from hub.duties import actions as duties
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode
from hub.referrals.actions.clocks import of_closing
from hub.referrals.actions.references import (
    asked_parties,
    named_organization,
    no_patient,
    organization_of,
    unknown,
)
from hub.referrals.actions.releases import Document, asked_consents, brought, require_release, with_what_they_bring
from hub.referrals.document import (
    check_service_request,
    code_text,
    consents_of,
    id_of,
    instant_of,
    reference,
    service_of,
)
from hub.referrals.rules import ENDED, REQUEST_ENDED, Status, check_request_step
from hub.referrals.tables import ServiceRequest

_FIXED = ("intent", "code", "subject", "requester", "authoredOn")


def _project(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": str(document["status"]),
        "intent": str(document["intent"]),
        "priority": document.get("priority"),
        "service": service_of(document).value,
        "code_text": code_text(document),
        "authored_at": instant_of(document.get("authoredOn")),
    }


async def _performer(actor: Actor, document: Mapping[str, Any]) -> str | None:
    """The one organization that is asked, where the request says."""
    named = [str(p.get("reference", "")) for p in document.get("performer") or []]
    found = [await organization_of(actor, text, "ServiceRequest.performer") for text in named]
    if len(set(found)) > 1:
        words = "One referral asks one organization: send one ServiceRequest and Task to each."
        raise Invalid(words, issues=[Issue("ServiceRequest.performer", words, "business-rule")])
    return found[0] if found else None


@unit_of_work
async def receive_request(actor: Actor, document: Mapping[str, Any]) -> Stored:
    """Store a ServiceRequest of the actor's organization.

    Where it names its performer, it goes to them: authority, data elements and consent are asked now. Where it does
    not, nobody else sees it until a Task asks somebody, and that asks then.
    """
    actor.require("referral.write")
    if issues := check_service_request(document):
        raise Invalid("The ServiceRequest cannot be taken.", issues=issues)
    text = reference(document, "requester")
    if text and await organization_of(actor, text, "ServiceRequest.requester") != actor.home:
        raise Forbidden(
            "The requester must be your own organization.",
            issues=[Issue("ServiceRequest.requester", "Must be your own organization.", "forbidden")],
        )
    performers, today = document.get("performer") or [], clock.today()
    patient = reference(document, "subject")
    member = id_of(patient, "Patient") or ""
    asked = await named_organization(str(performers[0].get("reference", ""))) if len(performers) == 1 else ""
    found, consents, facts = await ask_together(
        asked_parties(actor, asked, patient),
        asked_consents(actor, member, [document]),
        asked_facts(member, actor.home, asked, today),
    )
    if found.member is None:
        raise no_patient("ServiceRequest.subject")
    performer = found.other.id if found.other else await _performer(actor, document)
    basis = None
    if performer is None or performer == actor.home:
        await require_some_agreement(actor, "ServiceRequest")
    else:
        goes: list[Document] = [document, *brought(actor, consents)]
        if found.record is not None:
            goes.append(found.record)
        known = facts if performer == asked else None
        basis = (await require_release(actor, "ServiceRequest", found.member, performer, goes, known)).basis
    named = _consents(document, consents)
    columns = {**_project(document), "member": found.member, "requester": actor.home, "performer": performer}
    stored = await insert(ServiceRequest, document, columns, organization=actor.home)
    await _keep_consents(stored.id, named)
    await record(
        actor,
        Entry(
            "referrals:request:create",
            "ServiceRequest",
            stored.id,
            member=found.member,
            counterpart=performer,
            basis=basis,
        ),
    )
    return stored


@unit_of_work
async def change_request(
    actor: Actor, request_id: str, document: Mapping[str, Any], expected: int | None = None
) -> Stored:
    """Store the next version: the requester's alone. Completing it closes the loop."""
    actor.require("referral.write")
    rows = await look_up("SELECT * FROM service_request WHERE id = {} AND requester = {}", request_id, actor.home)
    if not rows:
        raise NotFound("There is no such ServiceRequest of your organization.")
    row = rows[0]
    if issues := check_service_request(document):
        raise Invalid("The ServiceRequest cannot be taken.", issues=issues)
    before = decode(row["document"])
    changed = [name for name in _FIXED if before.get(name) != document.get(name)]
    if changed:
        raise Invalid(
            "These parts of a ServiceRequest do not change; send a new one that replaces it.",
            issues=[Issue(f"ServiceRequest.{name}", f"{name} does not change.", "business-rule") for name in changed],
        )
    after = str(document["status"])
    check_request_step(row["status"], after)
    performer = await _performer(actor, document) or row["performer"]
    if row["performer"] not in (None, performer):
        words = "The performer does not change once it was asked."
        raise Invalid(words, issues=[Issue("ServiceRequest.performer", words, "business-rule")])
    if performer and performer != actor.home and after not in REQUEST_ENDED:
        goes = await with_what_they_bring(actor, row["member"], [dict(document)])
        await require_release(actor, "ServiceRequest", row["member"], performer, goes)
    tasks = await look_up("SELECT id, status FROM task WHERE service_request = {}", request_id)
    if after == "completed" and any(Status(task["status"]) not in ENDED for task in tasks):
        words = "Its Task has not ended: wait for its outcome, or cancel it and revoke the ServiceRequest."
        raise Invalid(words, issues=[Issue("ServiceRequest.status", words, "business-rule")])
    named = None
    if before.get("supportingInfo") != document.get("supportingInfo"):
        (consents,) = await ask_together(asked_consents(actor, row["member"], [document]))
        named = _consents(document, consents)
    closes = after in REQUEST_ENDED and row["status"] not in REQUEST_ENDED and tasks
    ended = of_closing([task["id"] for task in tasks], clock.today()) if closes else []
    steps = await duties.prepare(actor, ended)
    stored = await replace(
        ServiceRequest,
        request_id,
        row["version"],
        document,
        {**_project(document), "performer": performer},
        organization=actor.home,
        expected=expected,
    )
    if named is not None:
        await write("DELETE FROM request_consent WHERE service_request = {}", request_id)
        await _keep_consents(request_id, named)
    if closes:
        await write("UPDATE task SET loop_closed_on = {} WHERE service_request = {}", clock.today(), request_id)
    entry = Entry(
        "referrals:request:change",
        "ServiceRequest",
        request_id,
        member=row["member"],
        counterpart=performer,
        detail={"from": row["status"], "to": after},
    )
    await steps.write([entry])
    return stored


def _consents(document: Mapping[str, Any], found: list[dict[str, Any]]) -> list[str]:
    """The ids of those that it points at. Each has to be on file for the same member, where the actor may see it."""
    ids, named = {row["id"] for row in found}, consents_of(document)
    if len(named) < len(document.get("supportingInfo") or []):
        words = "supportingInfo points at Consents here; other types come later."
        raise Invalid(words, issues=[Issue("ServiceRequest.supportingInfo", words, "not-supported")])
    if not ids.issuperset(named):
        raise unknown("ServiceRequest.supportingInfo", "There is no such Consent of this member here.")
    return list(dict.fromkeys(named))


async def _keep_consents(request_id: str, consents: list[str]) -> None:
    """For searches by supporting-info."""
    await add_many(
        "request_consent", [{"id": new_id(), "service_request": request_id, "consent": one} for one in consents]
    )
