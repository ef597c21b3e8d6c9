"""ServiceRequests: what is asked. Their status is the requester's alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.audit.actions import Entry, record
from hub.consent.actions import require_some_agreement
from hub.consent.queries import visible
from hub.db.documents import Stored, insert, replace
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.duties import actions as duties
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound
from hub.kernel.jsontext import decode
from hub.referrals.actions.references import member_of, organization_of, unknown
from hub.referrals.actions.releases import require_release
from hub.referrals.document import (
    check_service_request,
    code_text,
    id_of,
    instant_of,
    reference,
    service_of,
)
from hub.referrals.rules import ENDED, REQUEST_ENDED, Status, check_request_step
from hub.referrals.tables import RequestConsent, ServiceRequest, Task

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


async def _performer(document: Mapping[str, Any]) -> str | None:
    """The one organization that is asked, where the request says."""
    named = [str(p.get("reference", "")) for p in document.get("performer") or []]
    found = [await organization_of(text, "ServiceRequest.performer") for text in named]
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
    if text and await organization_of(text, "ServiceRequest.requester") != actor.home:
        raise Forbidden(
            "The requester must be your own organization.",
            issues=[Issue("ServiceRequest.requester", "Must be your own organization.", "forbidden")],
        )
    member = await member_of(actor, reference(document, "subject"), "ServiceRequest.subject")
    performer = await _performer(document)
    basis = None
    if performer is None or performer == actor.home:
        await require_some_agreement(actor, "ServiceRequest")
    else:
        basis = (await require_release(actor, "ServiceRequest", member, performer, [dict(document)])).basis
    columns = {**_project(document), "member": member, "requester": actor.home, "performer": performer}
    stored = await insert(ServiceRequest, document, columns, organization=actor.home)
    await _keep_consents(actor, stored.id, document)
    await record(
        actor,
        Entry(
            "referrals:request:create", "ServiceRequest", stored.id, member=member, counterpart=performer, basis=basis
        ),
    )
    return stored


@unit_of_work
async def change_request(
    actor: Actor, request_id: str, document: Mapping[str, Any], expected: int | None = None
) -> Stored:
    """Store the next version: the requester's alone. Completing it closes the loop."""
    actor.require("referral.write")
    rows = await fetch("SELECT * FROM service_request WHERE id = {} AND requester = {}", request_id, actor.home)
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
    performer = await _performer(document) or row["performer"]
    if row["performer"] not in (None, performer):
        words = "The performer does not change once it was asked."
        raise Invalid(words, issues=[Issue("ServiceRequest.performer", words, "business-rule")])
    if performer and performer != actor.home and after not in REQUEST_ENDED:
        await require_release(actor, "ServiceRequest", row["member"], performer, [dict(document)])
    tasks = await fetch("SELECT id, status FROM task WHERE service_request = {}", request_id)
    if after == "completed" and any(Status(task["status"]) not in ENDED for task in tasks):
        words = "Its Task has not ended: wait for its outcome, or cancel it and revoke the ServiceRequest."
        raise Invalid(words, issues=[Issue("ServiceRequest.status", words, "business-rule")])
    stored = await replace(
        ServiceRequest,
        request_id,
        row["version"] if expected is None else expected,
        document,
        {**_project(document), "performer": performer},
        organization=actor.home,
    )
    await RequestConsent.delete().where(RequestConsent.service_request == request_id)
    await _keep_consents(actor, request_id, document)
    await record(
        actor,
        Entry(
            "referrals:request:change",
            "ServiceRequest",
            request_id,
            member=row["member"],
            counterpart=performer,
            detail={"from": row["status"], "to": after},
        ),
    )
    if after in REQUEST_ENDED and row["status"] not in REQUEST_ENDED:
        for task in tasks:
            await _close_loop(actor, task["id"])
    return stored


async def _keep_consents(actor: Actor, request_id: str, document: Mapping[str, Any]) -> None:
    """For searches by supporting-info. A Consent that is named has to be on file for the same member."""
    member = id_of(reference(document, "subject"), "Patient")
    for info in document.get("supportingInfo") or []:
        consent = id_of(str(info.get("reference", "")), "Consent")
        if consent is None:
            words = "supportingInfo points at Consents here; other types come later."
            raise Invalid(words, issues=[Issue("ServiceRequest.supportingInfo", words, "not-supported")])
        seen, args = visible(actor)
        if not await fetch(f"SELECT r.id FROM consent r WHERE r.id = {{}} AND r.member = {{}} AND {seen}",
                           consent, member, *args):  # fmt: skip
            raise unknown("ServiceRequest.supportingInfo", "There is no such Consent of this member here.")
        await RequestConsent.insert(RequestConsent(service_request=request_id, consent=consent))


async def _close_loop(actor: Actor, task: str) -> None:
    today = clock.today()
    await Task.update({"loop_closed_on": today}).where(Task.id == task)
    await duties.settle(
        actor, "referral-close-own", ("Task", task), on=today, how="The requester closed its ServiceRequest."
    )
