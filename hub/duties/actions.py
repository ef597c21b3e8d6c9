"""Opening and settling duties; escalation is in `escalation`, the versions of the rules in `rule_actions`.

Other features call these in the transaction of the fact: what is owed and what was done land together.
"""

from __future__ import annotations

from datetime import date

from hub.db.transaction import unit_of_work
from hub.duties.escalation import NOTIFY, escalate_overdue
from hub.duties.rule_actions import add_rule_version, ensure_rules, seed_rules
from hub.duties.rules import Event
from hub.duties.steps import Ended, Owed, Steps, Subject, prepare
from hub.kernel.actor import Actor

__all__ = [
    "NOTIFY",
    "Ended",
    "Event",
    "Owed",
    "Steps",
    "add_rule_version",
    "cancel",
    "ensure_rules",
    "escalate_overdue",
    "excuse",
    "open_duty",
    "prepare",
    "seed_rules",
    "settle",
]


@unit_of_work
async def open_duty(
    actor: Actor,
    rule: str,
    *,
    subject: Subject,
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
    """Somebody owes something from `start` on (see `Owed`). None if it was opened before."""
    owed = Owed(
        rule, subject, organization, counterpart, position, title, why, start, period=period, member=member,
        due_on=due_on,
    )  # fmt: skip
    steps = await prepare(actor, opened=[owed])
    await steps.write()
    return str(steps.opened[0]["id"]) if steps.opened else None


async def _end(actor: Actor, ended: Ended) -> int:
    steps = await prepare(actor, ended=[ended])
    await steps.write()
    return len(steps.ended)


@unit_of_work
async def settle(
    actor: Actor,
    rule: str,
    subject: Subject,
    *,
    on: date,
    how: str,
    organization: str | None = None,
    period: str | None = None,
) -> int:
    """What was owed is done: met, or missed if it came after its date. How many duties that ended."""
    return await _end(actor, Ended(rule, subject, on, how, None, organization, period))


@unit_of_work
async def excuse(
    actor: Actor,
    rule: str | None,
    subject: Subject,
    *,
    on: date,
    how: str,
    organization: str | None = None,
    period: str | None = None,
) -> int:
    """It was not done, with a reason that counts."""
    return await _end(actor, Ended(rule, subject, on, how, Event.EXCUSED, organization, period))


@unit_of_work
async def cancel(
    actor: Actor,
    rule: str | None,
    subject: Subject,
    *,
    on: date,
    how: str,
    organization: str | None = None,
    period: str | None = None,
) -> int:
    """It is no longer owed. It counts nowhere. Without a rule: everything open about the subject."""
    return await _end(actor, Ended(rule, subject, on, how, Event.CANCELLED, organization, period))
