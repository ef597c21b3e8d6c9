"""Referrals as pages show them: those of the actor's organization, the member withheld where no consent lets out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from hub.consent.queries import SeenMember, granted, may_release, member_seen, names_shown
from hub.db.engine import fetch
from hub.duties.queries import DutyRow
from hub.duties.queries.duty_rows import DUTY, duty_rows
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.kernel.jsontext import decode
from hub.members.rules import masked_cin
from hub.mou.rules import DataElement
from hub.referrals.document import outputs
from hub.referrals.rules import (
    CLOSURE_WORDS,
    ENDED,
    SERVICE_WORDS,
    WORDS,
    ClosureReason,
    Service,
    Side,
    Status,
    Step,
    steps_open_to,
)


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """One line of a list. `member_name` is None while the member is withheld from the actor's organization."""

    id: str
    status: Status
    service: Service
    side: Side
    county: str
    plan: str
    member: str
    member_name: str | None
    cin_end: str | None
    requester: str
    requester_name: str
    owner: str
    owner_name: str
    sent_on: date | None
    ended_on: date | None
    loop_closed_on: date | None
    closure_reason: str | None
    priority: str | None
    updated_at: datetime
    version: int

    @property
    def status_words(self) -> str:
        return WORDS[self.status]

    @property
    def service_words(self) -> str:
        return SERVICE_WORDS[self.service]

    @property
    def partner_name(self) -> str:
        return self.owner_name if self.side is Side.REQUESTER else self.requester_name

    @property
    def closure_words(self) -> str:
        return CLOSURE_WORDS[ClosureReason(self.closure_reason)] if self.closure_reason else ""

    @property
    def waits_for_closing(self) -> bool:
        """Ended by its owner, and the requester has not closed its ServiceRequest."""
        return self.status in ENDED and self.loop_closed_on is None and self.status is not Status.VOID


@dataclass(frozen=True, slots=True)
class Done:
    """An outcome: what the Procedure says."""

    id: str
    words: str
    on: date | None
    note: str
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the timeline."""

    anchor: str
    when: datetime
    title: str
    who: str
    note: str
    effective_date: date
    own: bool = True  # done by the asker's own organization


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral, with all that its page shows. `withheld` says why parts are not shown, or is ''."""

    row: ReferralRow
    withheld: str
    basis: str
    person: SeenMember | None
    need: str
    asked: str
    reason: str
    outcomes: tuple[Done, ...]
    events: tuple[Happened, ...]
    steps: tuple[Step, ...]
    may_close: bool
    request: str
    request_status: str


EVENT_WORDS = {
    "send": "Sent",
    "draft": "Drafted",
    "accept": "Accepted",
    "decline": "Declined",
    "start": "Work started",
    "hold": "Put on hold",
    "resume": "Work resumed",
    "complete": "Completed with an outcome",
    "fail": "Ended without the service",
    "cancel": "Cancelled",
    "void": "Entered in error",
    "update": "Updated",
}


_MINE = "(r.requester = {} OR (r.owner = {} AND r.status <> 'draft'))"


def select(actor: Actor) -> tuple[str, list[Any]]:
    needed, needed_args = granted("r.member", "r.requester", DataElement.REFERRAL, actor.home)
    sql = f"""SELECT r.id, r.status, r.service, r.member, m.given, m.family, m.cin, r.requester,
        q.short_name AS requester_name, r.owner, o.short_name AS owner_name, r.sent_on, r.ended_on, r.loop_closed_on,
        q.kind AS requester_kind, r.closure_reason, r.priority, r.updated_at, r.version, r.document, r.service_request,
        CASE WHEN r.requester = {{}} OR {needed} THEN 1 ELSE 0 END AS content_shown
        FROM task r JOIN member m ON m.id = r.member JOIN organization q ON q.id = r.requester
        JOIN organization o ON o.id = r.owner
        WHERE {_MINE}"""
    return sql, [actor.home, *needed_args, actor.home, actor.home]


async def shown_rows(actor: Actor, rows: list[dict[str, Any]]) -> list[ReferralRow]:
    """Lines whose members' names are shown as far as the decision function lets them out."""
    shown = await names_shown(actor, list(dict.fromkeys(row["member"] for row in rows)))
    return [_row(actor, row, row["member"] in shown) for row in rows]


def _row(actor: Actor, row: dict[str, Any], shown: bool) -> ReferralRow:
    return ReferralRow(
        id=row["id"],
        status=Status(row["status"]),
        service=Service(row["service"]),
        side=Side.REQUESTER if row["requester"] == actor.home else Side.OWNER,
        county=row["requester_name"] if row["requester_kind"] == "county" else row["owner_name"],
        plan=row["owner_name"] if row["requester_kind"] == "county" else row["requester_name"],
        member=row["member"],
        member_name=f"{row['given']} {row['family'][:1]}." if shown else None,
        cin_end=masked_cin(row["cin"]) if shown else None,
        requester=row["requester"],
        requester_name=row["requester_name"],
        owner=row["owner"],
        owner_name=row["owner_name"],
        sent_on=row["sent_on"],
        ended_on=row["ended_on"],
        loop_closed_on=row["loop_closed_on"],
        closure_reason=row["closure_reason"],
        priority=row["priority"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


async def next_duties(actor: Actor, ids: list[str]) -> dict[str, DutyRow]:
    """For each referral the open duty that is due first, as far as it is the organization's own or shared with it."""
    if not ids:
        return {}
    rows = await fetch(
        f"{DUTY} WHERE d.subject_type = 'Task' AND d.state = 'open' AND (d.organization = {{}} OR d.shared = {{}}) "
        f"AND d.subject_id IN ({', '.join('{}' for _ in ids)}) ORDER BY d.due_on DESC, d.id DESC",
        actor.home,
        True,
        *ids,
    )
    return {row.subject_id: row for row in await duty_rows(rows, clock.today())}  # the nearest comes last


async def referral(actor: Actor, task_id: str) -> Referral:
    """Raises `NotFound` also for a referral whose party the actor's organization is not.

    What the page shows of a member is what the decision function permits.
    """
    actor.require("referral.read")
    sql, args = select(actor)
    rows = await fetch(f"{sql} AND r.id = {{}}", *args, task_id)
    if not rows:
        raise NotFound("There is no such referral of your organization.")
    raw, row = rows[0], (await shown_rows(actor, rows))[0]
    document = decode(raw["document"])
    requests = await fetch(
        "SELECT status, code_text, document FROM service_request WHERE id = {}", raw["service_request"]
    )
    request = requests[0]
    asked = decode(request["document"])
    content, basis = True, "own referral: closed-loop term"
    if row.side is Side.OWNER:
        decision = await may_release(row.member, row.requester, actor.home, [document, asked])
        content, basis = decision.permitted, decision.basis
    person = await _person(actor, row.member)
    if person is not None and person.row is None:
        row = replace(row, member_name=None, cin_end=None)
    events = await _events(actor, task_id)
    need = "; ".join(c.get("text", "") for c in asked.get("reasonCode") or [])
    steps = steps_open_to(row.status, row.side) if actor.can("referral.write") else []
    return Referral(
        row=row,
        withheld=""
        if content and row.member_name
        else "No active consent lets the member’s details out to your organization now. You still see how the referral "
        "stands, and can end it.",
        basis=basis,
        person=person,
        need=need if content else "",
        asked=request["code_text"] if content else SERVICE_WORDS[row.service],
        reason=str((document.get("statusReason") or {}).get("text", "")) if content or _own_end(actor, events) else "",
        outcomes=await _outcomes(actor, row, outputs(document)),
        events=events if content else tuple(one if one.own else replace(one, note="") for one in events),
        steps=tuple(steps),
        may_close=row.side is Side.REQUESTER and row.waits_for_closing and actor.can("referral.write"),
        request=raw["service_request"],
        request_status=request["status"],
    )


async def _person(actor: Actor, member: str) -> SeenMember | None:
    """The member with their telephone and address, for those who work with members and may have them now."""
    if not actor.can("member.read"):
        return None
    try:
        return await member_seen(actor, member)
    except NotFound:  # served no longer
        return None


async def _outcomes(actor: Actor, row: ReferralRow, ids: list[str]) -> tuple[Done, ...]:
    """What was done. It goes back to the referrer as what closes the loop, and passes the decision function too."""
    found = []
    for row_id in ids:
        for done in await fetch("SELECT id, performer, performed_on, document FROM procedure WHERE id = {}", row_id):
            document = decode(done["document"])
            decision = await may_release(
                row.member, done["performer"], actor.home, [document], loop=True, on=done["performed_on"]
            )
            if not decision.permitted:
                found.append(Done(done["id"], "An outcome was recorded", done["performed_on"], decision.basis, True))
                continue
            code = document.get("code") or {}
            shown = [c["display"] for c in code.get("coding") or [] if c.get("display")]
            words = str(code.get("text") or (shown[0] if shown else "Done"))
            note = str((document.get("outcome") or {}).get("text", ""))
            found.append(Done(done["id"], words, done["performed_on"], note))
    return tuple(found)


def _own_end(actor: Actor, events: tuple[Happened, ...]) -> bool:
    """Whether it was the actor's own organization that gave the reason why a referral stands where it does."""
    return next((one.own for one in events if one.note), False)


async def _events(actor: Actor, task_id: str) -> tuple[Happened, ...]:
    """Newest first."""
    rows = await fetch(
        "SELECT e.id, e.event, e.organization, e.actor_name, o.short_name, e.effective_date, e.recorded_at, e.note "
        "FROM referral_event e LEFT JOIN organization o ON o.id = e.organization WHERE e.task = {} "
        "ORDER BY e.recorded_at DESC, e.task_version DESC",
        task_id,
    )
    return tuple(
        Happened(
            anchor=f"event-{row['id']}",
            when=row["recorded_at"],
            title=EVENT_WORDS.get(row["event"], row["event"]),
            who=f"{row['actor_name']}, {row['short_name']}" if row["short_name"] else row["actor_name"],
            note=row["note"] or "",
            effective_date=row["effective_date"],
            own=row["organization"] == actor.home,
        )
        for row in rows
    )
