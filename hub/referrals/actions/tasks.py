"""Tasks: the asking, and each step of it. The page and the API take the same steps here.

Each reads all that it needs first and writes then, so that the database gets a step in one go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hub.audit.actions import Entry
from hub.consent.queries import asked_facts, may_release
from hub.consent.rules import Decision
from hub.db.documents import Stored, bare, insert, replace
from hub.db.engine import add, add_many, look_up, write
from hub.db.together import ask_together
from hub.db.transaction import unit_of_work
from hub.duties import actions as duties
from hub.duties.queries import Terms
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode
from hub.members.actions import begin_to_serve, relation_of_kind
from hub.referrals.actions.clocks import Clocks, asked_answer, of_step, of_update
from hub.referrals.actions.references import (
    Parties,
    Party,
    asked_parties,
    named_organization,
    no_organization,
    no_patient,
    organization_of,
    unknown,
)
from hub.referrals.actions.releases import Document, asked_consents_of, brought, require_release
from hub.referrals.document import (
    check_task,
    coded_reason,
    id_of,
    instant_of,
    outputs,
    reference,
)
from hub.referrals.rules import ENDED, Side, Status, Step, closure_reason, step_for_change
from hub.referrals.tables import Task

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
    if await organization_of(actor, reference(document, "requester"), "Task.requester") != actor.home:
        raise Forbidden(
            "The requester must be your own organization.",
            issues=[Issue("Task.requester", "Must be your own organization.", "forbidden")],
        )
    today, sends, task = clock.today(), status is Status.REQUESTED, new_id()
    between, decision, terms = await _released_as(actor, document, task)
    columns: dict[str, Any] = {
        "status": status.value,
        "business_status": _business(document),
        "service_request": between.request["id"],
        "member": between.member,
        "requester": between.own.id,
        "owner": between.owner.id,
        "service": between.request["service"],
        "priority": document.get("priority"),
        "authored_at": instant_of(document["authoredOn"]),
        "sent_on": today if sends else None,
    }
    row = {"id": task, "version": 1, **columns, **between.sides}
    clocks: Clocks = of_step(row, Status.DRAFT, status, today) if sends else ([], [])
    steps = await duties.prepare(actor, *clocks, known=[terms] if sends else [])
    stored = await insert(Task, document, columns, organization=actor.home, row_id=task)
    told = await _released(between) if sends else []
    await _event(actor, row, "send" if sends else "draft", None, status, channel, "")
    created = Entry(
        "referrals:task:create",
        "Task",
        stored.id,
        member=between.member,
        counterpart=between.owner.id,
        basis=decision.basis,
        detail={"status": status.value},
    )
    await steps.write([*told, created])
    return stored


class _Between(NamedTuple):
    """Who asks whom what for whom: all of them are on record."""

    own: Party
    owner: Party
    request: Mapping[str, Any]
    member: str
    record: str | None  # the member's Patient, where it is the actor's own record

    @property
    def sides(self) -> dict[str, str]:
        """As `load` gives them with a Task's row."""
        return {
            "requester_kind": self.own.kind,
            "requester_name": self.own.name,
            "owner_kind": self.owner.kind,
            "owner_name": self.owner.name,
        }


def _between(actor: Actor, found: Parties) -> _Between:
    if found.other is None:
        raise no_organization("Task.owner")
    if found.other.id == actor.home:
        words = "A referral asks another organization than one's own."
        raise Invalid(words, issues=[Issue("Task.owner", words, "business-rule")])
    if found.request is None:
        raise unknown("Task.focus", "There is no such ServiceRequest of your organization here.")
    if found.member is None:
        raise no_patient("Task.for")
    _check_focus(found.request, found.member, found.other.id)
    return _Between(found.own, found.other, found.request, found.member, found.record)


async def _released_as(actor: Actor, document: Mapping[str, Any], task: str) -> tuple[_Between, Decision, Terms | None]:
    """Who is concerned; the decision that the Task, its ServiceRequest and what they bring along may go to the owner;
    and the terms of the owner's duty to answer. Raises `Forbidden` where they may not go.
    """
    owner, today = await named_organization(reference(document, "owner")), clock.today()
    patient, focus = reference(document, "for"), reference(document, "focus")
    found, consents, facts, terms = await ask_together(
        asked_parties(actor, owner, patient, focus),
        asked_consents_of(actor, id_of(focus, "ServiceRequest") or ""),
        asked_facts(id_of(patient, "Patient") or "", actor.home, owner, today),
        asked_answer(task, owner, today),
    )
    between = _between(actor, found)
    goes: list[Document] = [document, between.request["document"], *brought(actor, consents)]
    if between.record is not None:
        goes.append(between.record)
    decision = await require_release(actor, "Task", between.member, between.owner.id, goes, facts)
    return between, decision, terms


def _check_focus(request: Mapping[str, Any], member: str, owner: str) -> None:
    if request["member"] != member:
        raise unknown("Task.for", "Task.for and the subject of its ServiceRequest must be the same Patient.")
    if request["performer"] not in (None, owner):
        words = "The ServiceRequest asks another organization than Task.owner."
        raise Invalid(words, issues=[Issue("Task.owner", words, "business-rule")])
    if request["status"] not in ("active", "draft"):
        words = f"The ServiceRequest is {request['status']}; a Task can ask only for an active one."
        raise Invalid(words, issues=[Issue("Task.focus", words, "business-rule")])


async def _released(between: _Between) -> list[Entry]:
    """Both now serve the member, and the one who is asked sees the ServiceRequest. Not while the Task is a draft."""
    owner, request, told = between.owner, between.request, []
    for one in (between.own, owner):
        told += await begin_to_serve(between.member, one.id, relation_of_kind(one.kind), one.serving)
    if request["performer"] is None:
        await write("UPDATE service_request SET performer = {} WHERE id = {}", owner.id, request["id"])
    return told


def _business(document: Mapping[str, Any]) -> str | None:
    codings = (document.get("businessStatus") or {}).get("coding") or [{}]
    number = codings[0].get("code")
    return str(number) if number else None


_TASK = """SELECT t.*, q.kind AS requester_kind, q.short_name AS requester_name, o.kind AS owner_kind,
    o.short_name AS owner_name FROM task t JOIN organization q ON q.id = t.requester
    JOIN organization o ON o.id = t.owner WHERE t.id = {}"""


async def load(actor: Actor, task_id: str) -> tuple[dict[str, Any], Side]:
    """The Task's row, with kind and name of both sides, and the actor's side. Raises `NotFound` where the actor is no
    party, or may not have it.
    """
    rows = await look_up(_TASK, task_id)
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
    before = decode(row["document"])
    if side is Side.OWNER and channel == "fhir":
        decision = await may_release(row["member"], row["requester"], actor.home, [before])
        if not decision.permitted:
            raise NotFound("There is no such referral of your organization.")
    if issues := check_task(document):
        raise Invalid("The Task cannot be taken.", issues=issues)
    status, after = Status(row["status"]), Status(document["status"])
    _check_content(before, document, status, side)
    step = None
    if after is not status:
        step = step_for_change(status, after, side)
    elif status in ENDED and not (status is Status.CANCELLED and side is Side.OWNER):
        words = f"A Task that is {status.value} has ended; nothing can be added."
        raise Invalid(words, issues=[Issue("Task.status", words, "business-rule")])
    change = _Change(row, document, step, after, channel, expected)
    if side is Side.OWNER:
        change = change._replace(outputs=await _outputs(actor, row, before, document))
    if step is not None and after is Status.REQUESTED:
        between, _, _ = await _released_as(actor, document, task_id)
        change = change._replace(between=between)
    return await _store(actor, change)


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


class _Outputs(NamedTuple):
    """Rows of `task_output`, for searches."""

    added: list[dict[str, Any]]
    removed: list[str]


async def _outputs(
    actor: Actor, row: Mapping[str, Any], before: Mapping[str, Any], document: Mapping[str, Any]
) -> _Outputs:
    """What a Task's output points at is the owner's own Procedure for the same member."""
    wanted = list(dict.fromkeys(outputs(document)))
    if wanted:
        marks = ", ".join("{}" for _ in wanted)
        found = await look_up(
            f"SELECT id FROM procedure WHERE id IN ({marks}) AND performer = {{}} AND member = {{}}",
            *wanted,
            actor.home,
            row["member"],
        )
        if len(found) < len(wanted):
            raise unknown("Task.output", "There is no such Procedure of your organization for this member here.")
    elif not outputs(before):
        return _Outputs([], [])
    kept = {
        one["procedure"]: one["id"]
        for one in await look_up("SELECT id, procedure FROM task_output WHERE task = {}", row["id"])
    }
    return _Outputs(
        [{"id": new_id(), "task": row["id"], "procedure": one} for one in wanted if one not in kept],
        [row_id for procedure, row_id in kept.items() if procedure not in wanted],
    )


class _Change(NamedTuple):
    """A change that was found right, with what was read for it."""

    row: dict[str, Any]
    document: Mapping[str, Any]
    step: Step | None
    after: Status
    channel: str
    expected: int | None
    outputs: _Outputs = _Outputs([], [])
    between: _Between | None = None  # where the step sends it


async def _store(actor: Actor, change: _Change) -> Stored:
    row, document, step, after = change.row, change.document, change.step, change.after
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
    current = {**row, **columns, "version": row["version"] + 1}
    clocks = of_step(current, before, after, today) if step is not None else of_update(current, today)
    steps = await duties.prepare(actor, *clocks)
    stored = await replace(
        Task, row["id"], row["version"], document, columns, organization=actor.home, expected=change.expected
    )
    for removed in change.outputs.removed:
        await write("DELETE FROM task_output WHERE id = {}", removed)
    await add_many("task_output", change.outputs.added)
    told = await _released(change.between) if change.between is not None else []
    event = step.event.value if step else "update"
    await _event(actor, current, event, before, after, change.channel, reason)
    changed = Entry(
        f"referrals:task:{event}",
        "Task",
        row["id"],
        member=row["member"],
        counterpart=row["owner"] if row["requester"] == actor.home else row["requester"],
        detail={"from": before.value, "to": after.value, "version": stored.version, "channel": change.channel},
    )
    await steps.write([*told, changed])
    return stored


async def _event(
    actor: Actor,
    row: Mapping[str, Any],
    event: str,
    before: Status | None,
    after: Status,
    channel: str,
    note: str,
) -> None:
    await add(
        "referral_event",
        {
            "id": new_id(),
            "task": row["id"],
            "event": event,
            "from_status": before.value if before else None,
            "to_status": after.value,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "organization": actor.organization,
            "channel": channel,
            "effective_date": clock.today(),
            "recorded_at": clock.now(),
            "task_version": row["version"],
            "note": note or None,
        },
    )
