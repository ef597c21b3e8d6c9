"""Tasks: the asking, and each step of it. The page and the API take the same steps here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.audit.actions import Entry, record
from hub.consent.queries import may_release
from hub.db.documents import Stored, bare, insert, replace
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound
from hub.kernel.jsontext import decode
from hub.members.actions import relation_of, serve
from hub.referrals.actions.clocks import after_step, after_update
from hub.referrals.actions.references import member_of, organization_of, own_request, unknown
from hub.referrals.actions.releases import require_release
from hub.referrals.document import (
    check_task,
    coded_reason,
    instant_of,
    outputs,
    reference,
)
from hub.referrals.rules import ENDED, Side, Status, Step, closure_reason, step_for_change
from hub.referrals.tables import ReferralEvent, ServiceRequest, Task, TaskOutput

_FIXED = ("intent", "code", "focus", "for", "requester", "owner", "authoredOn")
_OWNER_MAY = frozenset({"status", "statusReason", "businessStatus", "output", "executionPeriod", "lastModified"})
_REQUESTER_MAY = frozenset({"status", "statusReason", "businessStatus", "lastModified"})


@unit_of_work
async def receive_task(actor: Actor, document: Mapping[str, Any], channel: str = "fhir") -> Stored:
    """Store a Task that asks a partner. Authority, elements and consent come first; without, nothing is stored."""
    actor.require("referral.write")
    if issues := check_task(document):
        raise Invalid("The Task cannot be taken.", issues=issues)
    status = Status(document["status"])
    if status not in (Status.DRAFT, Status.REQUESTED):
        words = "A new Task is draft or requested."
        raise Invalid(words, issues=[Issue("Task.status", words, "business-rule")])
    requester = await organization_of(reference(document, "requester"), "Task.requester")
    if requester != actor.home:
        raise Forbidden(
            "The requester must be your own organization.",
            issues=[Issue("Task.requester", "Must be your own organization.", "forbidden")],
        )
    owner = await organization_of(reference(document, "owner"), "Task.owner")
    if owner == requester:
        words = "A referral asks another organization than one's own."
        raise Invalid(words, issues=[Issue("Task.owner", words, "business-rule")])
    request = await own_request(actor, reference(document, "focus"), "Task.focus")
    member = await member_of(actor, reference(document, "for"), "Task.for")
    _check_focus(request, member, owner)
    decision = await require_release(actor, "Task", member, owner, [dict(document), decode(request["document"])])
    today = clock.today()
    stored = await insert(
        Task,
        document,
        {
            "status": status.value,
            "business_status": _business(document),
            "service_request": request["id"],
            "member": member,
            "requester": requester,
            "owner": owner,
            "service": request["service"],
            "priority": document.get("priority"),
            "authored_at": instant_of(document["authoredOn"]),
            "sent_on": today if status is Status.REQUESTED else None,
        },
        organization=actor.home,
    )
    if status is Status.REQUESTED:
        await _released_to(actor, request, member, owner)
    row = (await fetch("SELECT * FROM task WHERE id = {}", stored.id))[0]
    await _event(actor, row, "send" if status is Status.REQUESTED else "draft", None, status, channel, 1, "")
    await record(
        actor,
        Entry(
            "referrals:task:create",
            "Task",
            stored.id,
            member=member,
            counterpart=owner,
            basis=decision.basis,
            detail={"status": status.value},
        ),
    )
    if status is Status.REQUESTED:
        await after_step(actor, row, Status.DRAFT, Status.REQUESTED)
    return stored


def _check_focus(request: Mapping[str, Any], member: str, owner: str) -> None:
    if request["member"] != member:
        raise unknown("Task.for", "Task.for and the subject of its ServiceRequest must be the same Patient.")
    if request["performer"] not in (None, owner):
        words = "The ServiceRequest asks another organization than Task.owner."
        raise Invalid(words, issues=[Issue("Task.owner", words, "business-rule")])
    if request["status"] not in ("active", "draft"):
        words = f"The ServiceRequest is {request['status']}; a Task can ask only for an active one."
        raise Invalid(words, issues=[Issue("Task.focus", words, "business-rule")])


async def _released_to(actor: Actor, request: Mapping[str, Any], member: str, owner: str) -> None:
    """Both now serve the member, and the one who is asked sees the ServiceRequest. Not while the Task is a draft."""
    kinds = await fetch("SELECT kind FROM organization WHERE id = {}", owner)
    await serve(actor, member, actor.home, relation_of(actor))
    await serve(actor, member, owner, "county" if kinds[0]["kind"] == "county" else "plan")
    if request["performer"] is None:
        await ServiceRequest.update({"performer": owner}).where(ServiceRequest.id == request["id"])


def _business(document: Mapping[str, Any]) -> str | None:
    codings = (document.get("businessStatus") or {}).get("coding") or [{}]
    number = codings[0].get("code")
    return str(number) if number else None


async def load(actor: Actor, task_id: str) -> tuple[dict[str, Any], Side]:
    """The Task's row and the actor's side. Raises `NotFound` where the actor is no party, or may not have it."""
    rows = await fetch("SELECT * FROM task WHERE id = {}", task_id)
    row = rows[0] if rows else None
    if row is not None and row["requester"] == actor.home:
        return row, Side.REQUESTER
    if row is not None and row["owner"] == actor.home and row["status"] != Status.DRAFT:
        return row, Side.OWNER
    raise NotFound("There is no such referral of your organization.")


@unit_of_work
async def change_task(
    actor: Actor,
    task_id: str,
    document: Mapping[str, Any],
    expected: int | None = None,
    channel: str = "fhir",
) -> Stored:
    """Store the next version: a step of the transition table, or an addition within the same status."""
    actor.require("referral.write")
    row, side = await load(actor, task_id)
    if side is Side.OWNER and channel == "fhir":
        decision = await may_release(row["member"], row["requester"], actor.home, [decode(row["document"])])
        if not decision.permitted:
            raise NotFound("There is no such referral of your organization.")
    if issues := check_task(document):
        raise Invalid("The Task cannot be taken.", issues=issues)
    before = decode(row["document"])
    status, after = Status(row["status"]), Status(document["status"])
    _check_content(before, document, status, side)
    step = None
    if after is not status:
        step = step_for_change(status, after, side)
    elif status in ENDED and not (status is Status.CANCELLED and side is Side.OWNER):
        words = f"A Task that is {status.value} has ended; nothing can be added."
        raise Invalid(words, issues=[Issue("Task.status", words, "business-rule")])
    if side is Side.OWNER:
        await _check_outputs(actor, row, document)
    if step is not None and after is Status.REQUESTED:
        request = await own_request(actor, reference(document, "focus"), "Task.focus")
        _check_focus(request, row["member"], row["owner"])
        await require_release(actor, "Task", row["member"], row["owner"], [dict(document), decode(request["document"])])
        await _released_to(actor, request, row["member"], row["owner"])
    return await _store(actor, row, document, step, after, channel, expected)


def _check_content(before: Mapping[str, Any], after: Mapping[str, Any], status: Status, side: Side) -> None:
    """Of a Task that was sent each side changes what is its own; labels and narrative are nobody's to change."""
    old, new = bare(before), bare(after)
    changed = {name for name in set(old) | set(new) if old.get(name) != new.get(name)}
    fixed = changed & set(_FIXED)
    may = _OWNER_MAY if side is Side.OWNER else _REQUESTER_MAY
    wrong = fixed if status is Status.DRAFT else changed - may
    if wrong:
        raise Invalid(
            "Not all of a Task can change after it was sent.",
            issues=[
                Issue(f"Task.{name}", f"{name} cannot be changed by the {side.value} now.", "business-rule")
                for name in sorted(wrong)
            ],
        )


async def _check_outputs(actor: Actor, row: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """What a Task's output points at is the owner's own Procedure for the same member."""
    for procedure in outputs(document):
        found = await fetch(
            "SELECT id FROM procedure WHERE id = {} AND performer = {} AND member = {}",
            procedure,
            actor.home,
            row["member"],
        )
        if not found:
            raise unknown("Task.output", "There is no such Procedure of your organization for this member here.")


async def _store(
    actor: Actor,
    row: dict[str, Any],
    document: Mapping[str, Any],
    step: Step | None,
    after: Status,
    channel: str,
    expected: int | None,
) -> Stored:
    today, before = clock.today(), Status(row["status"])
    reason = str((document.get("statusReason") or {}).get("text", ""))
    columns: dict[str, Any] = {
        "status": after.value,
        "business_status": _business(document),
        "priority": document.get("priority"),
    }
    if step is not None:
        if after is Status.REQUESTED:
            columns["sent_on"] = today
        if after is Status.ACCEPTED:
            columns["accepted_on"] = today
        if after in ENDED:
            closed = closure_reason(after, coded_reason(document))
            columns |= {"ended_on": today, "closure_reason": closed.value if closed else None}
    version = row["version"] if expected is None else expected
    stored = await replace(Task, row["id"], version, document, columns, organization=actor.home)
    await TaskOutput.delete().where(TaskOutput.task == row["id"])
    for procedure in dict.fromkeys(outputs(document)):
        await TaskOutput.insert(TaskOutput(task=row["id"], procedure=procedure))
    event = step.event.value if step else "update"
    await _event(actor, row, event, before, after, channel, stored.version, reason)
    await record(
        actor,
        Entry(
            f"referrals:task:{event}",
            "Task",
            row["id"],
            member=row["member"],
            counterpart=row["owner"] if row["requester"] == actor.home else row["requester"],
            detail={"from": before.value, "to": after.value, "version": stored.version, "channel": channel},
        ),
    )
    current = {**row, **columns, "version": stored.version}
    if step is not None:
        await after_step(actor, current, before, after)
    else:
        await after_update(actor, current)
    return stored


async def _event(
    actor: Actor,
    row: Mapping[str, Any],
    event: str,
    before: Status | None,
    after: Status,
    channel: str,
    version: int,
    note: str,
) -> None:
    await ReferralEvent.insert(
        ReferralEvent(
            task=row["id"],
            event=event,
            from_status=before.value if before else None,
            to_status=after.value,
            actor_id=actor.id,
            actor_name=actor.name,
            organization=actor.organization,
            channel=channel,
            effective_date=clock.today(),
            recorded_at=clock.now(),
            task_version=version,
            note=note or None,
        )
    )
