"""What a person at a desk does in one go: send a referral, take a step with its outcome, close the loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hub.audit.actions import Entry, record
from hub.db.documents import Stored
from hub.db.engine import look_up, write
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue, NotFound
from hub.kernel.jsontext import decode
from hub.referrals import document as documents
from hub.referrals.actions.procedures import receive_procedure
from hub.referrals.actions.requests import change_request, receive_request
from hub.referrals.actions.tasks import change_task, load, receive_task
from hub.referrals.rules import ClosureReason, Event, Service, Status, step_for_event


@dataclass(frozen=True, slots=True)
class NewReferral:
    """What a person filled in."""

    member: str
    owner: str
    service: Service
    need: str
    priority: str = "routine"
    consents: tuple[str, ...] = ()
    draft: str | None = None


def request_of(actor: Actor, new: NewReferral, at: datetime) -> dict[str, Any]:
    """The ServiceRequest that sending it would store: also for the page that shows what would go."""
    return documents.service_request(
        member=new.member,
        service=new.service,
        requester=actor.home,
        performer=new.owner,
        at=at,
        need=new.need,
        priority=new.priority,
        consents=new.consents,
    )


def task_of(actor: Actor, new: NewReferral, at: datetime, request: str) -> dict[str, Any]:
    return documents.task(
        service_request=request,
        member=new.member,
        requester=actor.home,
        owner=new.owner,
        at=at,
        priority=new.priority,
    )


@unit_of_work
async def send_referral(actor: Actor, new: NewReferral) -> str:
    """ServiceRequest and Task in one transaction; the same checks as over FHIR. Returns the Task's id."""
    at = clock.now()
    request = await receive_request(actor, request_of(actor, new, at))
    task = await receive_task(actor, task_of(actor, new, at, request.id), channel="page")
    if new.draft is not None:
        await write("UPDATE referral_draft SET done = {} WHERE id = {} AND person = {}", True, new.draft, actor.id)
    return task.id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, for the Procedure."""

    words: str
    on: date
    note: str = ""


@unit_of_work
async def take_step(
    actor: Actor,
    task_id: str,
    event: Event,
    *,
    version: int,
    reason: str = "",
    closure: ClosureReason | None = None,
    outcome: Outcome | None = None,
) -> Stored:
    """A button of the page: the event of the table that a change of `Task.status` over FHIR is too."""
    actor.require("referral.write")
    row, side = await load(actor, task_id)
    step = step_for_event(Status(row["status"]), event, side)
    if step.needs_reason and not reason.strip():
        raise Invalid("Say why.", issues=[Issue("reason", "Enter the reason; the other side sees it.", "required")])
    procedure = None
    if step.needs_outcome:
        if outcome is None or not outcome.words.strip():
            raise Invalid("Say what was done.", issues=[Issue("outcome", "Enter what was done.", "required")])
        if outcome.on > clock.today():
            raise Invalid("The date is in the future.", issues=[Issue("performed_on", "Enter a date up to today.")])
        procedure = await receive_procedure(
            actor,
            documents.procedure(
                member=row["member"],
                service_request=row["service_request"],
                performer=actor.home,
                words=outcome.words.strip(),
                on=outcome.on.isoformat(),
                note=outcome.note.strip(),
            ),
        )
    changed = documents.apply_step(
        decode(row["document"]),
        step.after,
        clock.now(),
        reason=reason.strip(),
        closure=closure if step.after is not Status.ON_HOLD else None,
        procedure_id=procedure.id if procedure else None,
    )
    return await change_task(actor, task_id, changed, expected=version, channel="page")


@unit_of_work
async def close_loop(actor: Actor, task_id: str) -> Stored:
    """The requester has seen how it ended: its ServiceRequest becomes completed, or revoked where it was cancelled."""
    row, _ = await load(actor, task_id)
    rows = await look_up(
        "SELECT id, version, document FROM service_request WHERE id = {} AND requester = {}",
        row["service_request"],
        actor.home,
    )
    if not rows:
        raise NotFound("Only the one who asked closes the loop.")
    ended = "revoked" if row["status"] in (Status.CANCELLED, Status.VOID) else "completed"
    document = {**decode(rows[0]["document"]), "status": ended}
    stored = await change_request(actor, rows[0]["id"], document, rows[0]["version"])
    await record(actor, Entry("referrals:task:close-loop", "Task", task_id, member=row["member"]))
    return stored
