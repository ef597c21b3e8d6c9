"""Referrals as pages show them: those of the actor's organization, the member withheld where no consent lets out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hub.consent.queries import granted
from hub.db.engine import fetch
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.kernel.jsontext import decode
from hub.members.rules import masked_cin
from hub.mou.rules import DataElement
from hub.referrals.document import outputs
from hub.referrals.rules import (
    CLOSURE_WORDS,
    ENDED,
    OPEN,
    SERVICE_WORDS,
    WORDS,
    ClosureReason,
    Service,
    Side,
    Status,
    Step,
    steps_open_to,
)

PAGE = 50


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """One line of a list. `member_name` is None while the member is withheld from the actor's organization."""

    id: str
    status: Status
    service: Service
    side: Side
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


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the timeline."""

    anchor: str
    when: datetime
    title: str
    who: str
    note: str
    effective_date: date


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral, with all that its page shows. `withheld` says why parts are not shown, or is ''."""

    row: ReferralRow
    withheld: str
    need: str
    asked: str
    reason: str
    outcomes: tuple[Done, ...]
    events: tuple[Happened, ...]
    steps: tuple[Step, ...]
    may_close: bool
    request: str
    request_status: str


_EVENT_WORDS = {
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


def _select(actor: Actor) -> tuple[str, list[Any]]:
    shown, shown_args = granted("r.member", "m.source", DataElement.IDENTITY, actor.home)
    needed, needed_args = granted("r.member", "r.requester", DataElement.REFERRAL, actor.home)
    sql = f"""SELECT r.id, r.status, r.service, r.member, m.given, m.family, m.cin, r.requester,
        q.short_name AS requester_name, r.owner, o.short_name AS owner_name, r.sent_on, r.ended_on, r.loop_closed_on,
        r.closure_reason, r.priority, r.updated_at, r.version, r.document, r.service_request,
        CASE WHEN m.source = {{}} OR {shown} THEN 1 ELSE 0 END AS member_shown,
        CASE WHEN r.requester = {{}} OR {needed} THEN 1 ELSE 0 END AS content_shown
        FROM task r JOIN member m ON m.id = r.member JOIN organization q ON q.id = r.requester
        JOIN organization o ON o.id = r.owner
        WHERE (r.requester = {{}} OR (r.owner = {{}} AND r.status <> 'draft'))"""
    return sql, [actor.home, *shown_args, actor.home, *needed_args, actor.home, actor.home]


def _row(actor: Actor, row: dict[str, Any]) -> ReferralRow:
    shown = bool(row["member_shown"])
    return ReferralRow(
        id=row["id"],
        status=Status(row["status"]),
        service=Service(row["service"]),
        side=Side.REQUESTER if row["requester"] == actor.home else Side.OWNER,
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


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows. Everything empty: all open ones."""

    side: str = ""  # requester (outgoing) | owner (incoming)
    state: str = "open"  # open | ended | closing | all, or a status
    partner: str = ""
    member: str = ""
    page: int = 1


def _where(filter: Filter) -> tuple[str, list[Any]]:
    parts, args = [], []
    if filter.state == "open":
        parts.append("r.status IN (" + ", ".join(f"'{s.value}'" for s in sorted(OPEN)) + ")")
    elif filter.state == "ended":
        parts.append("r.status IN (" + ", ".join(f"'{s.value}'" for s in sorted(ENDED)) + ")")
    elif filter.state == "closing":
        parts.append("r.loop_closed_on IS NULL AND r.status IN ('rejected', 'cancelled', 'failed', 'completed')")
    elif filter.state in set(Status):
        parts.append("r.status = {}")
        args.append(filter.state)
    if filter.partner:
        parts.append("(r.requester = {} OR r.owner = {})")
        args += [filter.partner, filter.partner]
    if filter.member:
        parts.append("r.member = {}")
        args.append(filter.member)
    return "".join(f" AND {part}" for part in parts), args


async def referral_list(actor: Actor, filter: Filter) -> tuple[list[ReferralRow], bool]:
    """A page of referrals, newest first, and whether there are more."""
    actor.require("referral.read")
    sql, args = _select(actor)
    where, more = _where(filter)
    if filter.side in (Side.REQUESTER, Side.OWNER):
        where += f" AND r.{'requester' if filter.side == Side.REQUESTER else 'owner'} = {{}}"
        more.append(actor.home)
    start = (max(filter.page, 1) - 1) * PAGE
    rows = await fetch(
        f"{sql}{where} ORDER BY r.updated_at DESC, r.id DESC LIMIT {PAGE + 1} OFFSET {start}", *args, *more
    )
    return [_row(actor, row) for row in rows[:PAGE]], len(rows) > PAGE


async def referral(actor: Actor, task_id: str) -> Referral:
    """Raises `NotFound` also for a referral whose party the actor's organization is not."""
    actor.require("referral.read")
    sql, args = _select(actor)
    rows = await fetch(f"{sql} AND r.id = {{}}", *args, task_id)
    if not rows:
        raise NotFound("There is no such referral of your organization.")
    raw, row = rows[0], _row(actor, rows[0])
    document = decode(raw["document"])
    requests = await fetch(
        "SELECT status, code_text, document FROM service_request WHERE id = {}", raw["service_request"]
    )
    request = requests[0]
    content = bool(raw["content_shown"])
    need = "; ".join(c.get("text", "") for c in decode(request["document"]).get("reasonCode") or [])
    steps = steps_open_to(row.status, row.side) if actor.can("referral.write") else []
    return Referral(
        row=row,
        withheld=""
        if content and row.member_name
        else "No active consent lets the member's details out to your organization now. You still see how the referral "
        "stands, and can end it.",
        need=need if content else "",
        asked=request["code_text"] if content else SERVICE_WORDS[row.service],
        reason=str((document.get("statusReason") or {}).get("text", "")),
        outcomes=await _outcomes(outputs(document)),
        events=await _events(task_id),
        steps=tuple(steps),
        may_close=row.side is Side.REQUESTER and row.waits_for_closing and actor.can("referral.write"),
        request=raw["service_request"],
        request_status=request["status"],
    )


async def _outcomes(ids: list[str]) -> tuple[Done, ...]:
    found = []
    for row_id in ids:
        for row in await fetch("SELECT id, performed_on, document FROM procedure WHERE id = {}", row_id):
            document = decode(row["document"])
            code = document.get("code") or {}
            shown = [c["display"] for c in code.get("coding") or [] if c.get("display")]
            words = str(code.get("text") or (shown[0] if shown else "Done"))
            note = str((document.get("outcome") or {}).get("text", ""))
            found.append(Done(row["id"], words, row["performed_on"], note))
    return tuple(found)


async def _events(task_id: str) -> tuple[Happened, ...]:
    """Newest first."""
    rows = await fetch(
        "SELECT e.id, e.event, e.actor_name, o.short_name, e.channel, e.effective_date, e.recorded_at, e.note "
        "FROM referral_event e LEFT JOIN organization o ON o.id = e.organization WHERE e.task = {} "
        "ORDER BY e.recorded_at DESC, e.task_version DESC",
        task_id,
    )
    return tuple(
        Happened(
            anchor=f"event-{row['id']}",
            when=row["recorded_at"],
            title=_EVENT_WORDS.get(row["event"], row["event"]),
            who=f"{row['actor_name']}, {row['short_name']}" if row["short_name"] else row["actor_name"],
            note=row["note"] or "",
            effective_date=row["effective_date"],
        )
        for row in rows
    )
