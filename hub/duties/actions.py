"""Opening, settling and escalating duties; the versions of the rules are in `rule_actions`.

Other features call these in the transaction of the fact: what is owed and what was done land together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.audit.actions import Entry, record_many
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.directory import queries as directory
from hub.duties import rules
from hub.duties.queries import (
    RuleRow,
    UnknownRule,
    position_name,
    responsible_position,
    rules_in_force,
)
from hub.duties.rule_actions import add_rule_version, ensure_rules, seed_rules
from hub.duties.rules import AGENDA, ESCALATE, NOT_BEFORE, Event, State
from hub.duties.tables import Duty, DutyEvent
from hub.jobs.actions import enqueue
from hub.kernel import clock
from hub.kernel.actor import HUB, Actor, OrganizationKind
from hub.kernel.calendar import Unit
from hub.kernel.ids import new_id

__all__ = [
    "NOTIFY",
    "add_rule_version",
    "cancel",
    "ensure_rules",
    "escalate_overdue",
    "excuse",
    "open_duty",
    "seed_rules",
    "settle",
]

NOTIFY = "notify:duty"  # the outbox: notifications lie above duties, so the news goes up as a job
_CHUNK = 50  # duties in one transaction of the escalation, so that it never holds the writer for long


# Opening and settling


async def _rules_for(rule: str, on: date) -> dict[str, RuleRow]:
    found = await rules_in_force(rule, on)
    if rule not in found:
        await ensure_rules()
        found = await rules_in_force(rule, on)
    if rule not in found:
        raise UnknownRule(rule, on)
    return found


def unique_key(rule: str, subject: tuple[str, str], period: str | None, organization: str) -> str:
    return "|".join((rule, *subject, period or "", organization))


def _on(base: date, rule: RuleRow | None, holidays: Mapping[date, str]) -> date | None:
    """The date that a rule hanging on another sets, counted from `base`."""
    if rule is None or rule.limit_count is None:
        return None
    return rules.due_date(base, rule.limit_count, rule.limit_unit, holidays)


@unit_of_work
async def open_duty(
    actor: Actor,
    rule: str,
    *,
    subject: tuple[str, str],
    organization: str,
    counterpart: str | None,
    position: str,
    title: str,
    why: str,
    start: date,
    period: str | None = None,
    member: str | None = None,
    due_on: date | None = None,
) -> str | None:
    """Somebody owes something from `start` on. None if it was opened before (rule, subject, period, organization).

    The limit is that of the rule's version in force on `start`, reckoned by the owing organization's
    holidays, unless the caller knows the date. `title` and `why` hold no personal data.
    """
    key = unique_key(rule, subject, period, organization)
    if await fetch("SELECT id FROM duty WHERE unique_key = {}", key):
        return None
    found = await _rules_for(rule, start)
    row, owing = found[rule], await directory.organization(organization)
    holidays = await directory.holidays(organization)
    by_working_days = row.limit_unit == Unit.WORKING_DAY and due_on is None
    due = due_on or rules.due_date(start, row.limit_count, row.limit_unit, holidays)
    escalate_on = _on(due, found.get(rule + ESCALATE), holidays)
    duty_id = new_id()
    values: dict[str, Any] = {
        "id": duty_id,
        "rule": rule,
        "rule_version": row.id,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "period": period,
        "unique_key": key,
        "title": title,
        "why": why,
        "organization": organization,
        "counterpart": counterpart,
        "position": str(position),
        "member": member,
        "opened_on": start,
        "not_before": _on(start, found.get(rule + NOT_BEFORE), holidays),
        "due_on": due,
        "calendar": _calendar(owing) if by_working_days else "calendar",
        "escalate_position": responsible_position(owing.kind) if escalate_on else None,
        "escalate_on": escalate_on,
        "agenda_on": _on(due, found.get(rule + AGENDA), holidays),
        "shared": row.shared,
        "state": State.OPEN.value,
    }
    await Duty.insert(Duty(**values))
    await _record(actor, {**values, "authority": row.authority}, Event.OPENED, start, why)
    return duty_id


def _calendar(owing: directory.OrganizationRow) -> str:
    return owing.identifier if owing.kind == OrganizationKind.COUNTY else "state"


async def _record(actor: Actor, duty: Mapping[str, Any], event: Event, on: date, note: str | None = None) -> None:
    """The event row and the audit entry of one step."""
    await DutyEvent.insert(
        DutyEvent(
            duty=duty["id"], event=event.value, actor_id=actor.id, actor_name=actor.name, effective_date=on,
            recorded_at=clock.now(), note=note,
        )
    )  # fmt: skip
    await record_many(actor, [_entry(duty, event, on)])


_VERBS = {
    Event.OPENED: "open",
    Event.OVERDUE: "remind",
    Event.ESCALATED: "escalate",
    Event.ON_AGENDA: "propose",
    Event.MET: "meet",
    Event.MISSED: "miss",
    Event.EXCUSED: "excuse",
    Event.CANCELLED: "cancel",
}


def _entry(duty: Mapping[str, Any], event: Event, on: date) -> Entry:
    return Entry(
        f"duties:duty:{_VERBS[event]}",
        "Duty",
        duty["id"],
        member=duty["member"],
        counterpart=duty["counterpart"],
        basis=duty.get("authority"),
        detail={
            "rule": duty["rule"],
            "subject": f"{duty['subject_type']}/{duty['subject_id']}",
            "organization": duty["organization"],
            "due": duty["due_on"].isoformat(),
            "effective": on.isoformat(),
        },
    )


_OPEN = (
    "SELECT id, rule, subject_type, subject_id, organization, counterpart, member, due_on, version FROM duty"
    " WHERE state = 'open'"
)


async def _end(
    actor: Actor,
    rule: str | None,
    subject: tuple[str, str],
    on: date,
    how: str,
    event: Event | None,
    organization: str | None,
    period: str | None,
) -> int:
    """End the open duties that fit. An event of None: met or missed, by the date of each."""
    wanted = {"rule": rule, "organization": organization, "period": period}
    given = {column: value for column, value in wanted.items() if value is not None}
    rows = await fetch(
        f"{_OPEN} AND subject_type = {{}} AND subject_id = {{}}"
        + "".join(f" AND {column} = {{}}" for column in given)
        + " ORDER BY id",
        *subject,
        *given.values(),
    )
    ended = 0
    for row in rows:
        step = event or rules.settled_as(row["due_on"], on)
        changed = await _step(
            row, {"state": rules.after(State.OPEN, step).value, "settled_on": on, "settled_by": actor.name,
                  "settlement": how},
        )  # fmt: skip
        if changed:
            await _record(actor, row, step, on, how)
            ended += 1
    return ended


async def _step(row: Mapping[str, Any], values: dict[str, Any]) -> bool:
    """Change an open duty, unless somebody else was faster: then it is theirs."""
    new: dict[Any, Any] = {**values, "version": row["version"] + 1}
    changed = await (
        Duty.update(new)
        .where(Duty.id == row["id"], Duty.version == row["version"], Duty.state == State.OPEN.value)
        .returning(Duty.id)
    )
    return bool(changed)


@unit_of_work
async def settle(
    actor: Actor,
    rule: str,
    subject: tuple[str, str],
    *,
    on: date,
    how: str,
    organization: str | None = None,
    period: str | None = None,
) -> int:
    """What was owed is done: met, or missed if it came after its date. How many duties that ended."""
    return await _end(actor, rule, subject, on, how, None, organization, period)


@unit_of_work
async def excuse(
    actor: Actor,
    rule: str | None,
    subject: tuple[str, str],
    *,
    on: date,
    how: str,
    organization: str | None = None,
    period: str | None = None,
) -> int:
    """It was not done, with a reason that counts."""
    return await _end(actor, rule, subject, on, how, Event.EXCUSED, organization, period)


@unit_of_work
async def cancel(
    actor: Actor,
    rule: str | None,
    subject: tuple[str, str],
    *,
    on: date,
    how: str,
    organization: str | None = None,
    period: str | None = None,
) -> int:
    """It is no longer owed. It counts nowhere. Without a rule: everything open about the subject."""
    return await _end(actor, rule, subject, on, how, Event.CANCELLED, organization, period)


# Escalation


async def escalate_overdue(today: date) -> int:
    """Take every step that overdue duties have reached: remind, escalate, propose for an agenda.

    Safe to run at any time and as often as one likes: each step is taken once. How many were taken.
    """
    taken, after = 0, ""
    while True:
        done, after = await _escalate_chunk(today, after)
        taken += done
        if not after:
            return taken


@unit_of_work
async def _escalate_chunk(today: date, after: str) -> tuple[int, str]:
    rows = await fetch(
        "SELECT id, rule, subject_type, subject_id, organization, counterpart, member, due_on, version,"
        " position, escalate_on, escalate_position, agenda_on, overdue_on, escalated_on, agenda_proposed_on"
        " FROM duty"
        " WHERE state = 'open' AND due_on < {} AND id > {} AND (overdue_on IS NULL"
        " OR (escalate_on <= {} AND escalated_on IS NULL)"
        " OR (agenda_on <= {} AND agenda_proposed_on IS NULL))"
        f" ORDER BY id LIMIT {_CHUNK}",
        today,
        after,
        today,
        today,
    )
    taken = 0
    for row in rows:
        taken += await _escalate(row, today)
    return taken, rows[-1]["id"] if len(rows) == _CHUNK else ""


_MARKS = {
    Event.OVERDUE: "overdue_on",
    Event.ESCALATED: "escalated_on",
    Event.ON_AGENDA: "agenda_proposed_on",
}


def _step_note(row: Mapping[str, Any], step: Event) -> str:
    if step is Event.ON_AGENDA:
        return "Proposed for the agenda of the next quarterly meeting."
    told = row["escalate_position"] if step is Event.ESCALATED else row["position"]
    return f"The {position_name(told)} is told."


async def _escalate(row: Mapping[str, Any], today: date) -> int:
    steps = rules.steps_due(
        rules.Clock(
            row["due_on"], row["escalate_on"], row["agenda_on"], row["overdue_on"], row["escalated_on"],
            row["agenda_proposed_on"],
        ),
        today,
    )  # fmt: skip
    if not steps or not await _step(row, {_MARKS[step]: today for step in steps}):
        return 0
    for step in steps:
        await _record(HUB, row, step, today, _step_note(row, step))
        if step is not Event.ON_AGENDA:
            await enqueue(
                NOTIFY,
                {"duty": row["id"], "step": step.value},
                unique_key=f"{NOTIFY}:{row['id']}:{step.value}",
            )
    return len(steps)
