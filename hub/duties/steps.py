"""What a fact does to duties, in two parts: `prepare` reads, `Steps.write` writes.

So an action that changes much reads all that it needs first, and the database gets what it writes in one go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from operator import itemgetter
from typing import Any

from hub.audit.actions import Entry, record_many
from hub.db.engine import add_many, write
from hub.db.together import Asked, Rows, ask_together
from hub.duties import rules
from hub.duties.queries import Limit, Terms, UnknownRule, asked_terms, responsible_position
from hub.duties.rule_actions import ensure_rules
from hub.duties.rules import AGENDA, ESCALATE, NOT_BEFORE, Event, State
from hub.kernel import clock
from hub.kernel.actor import Actor, OrganizationKind
from hub.kernel.calendar import Unit
from hub.kernel.errors import NotFound
from hub.kernel.ids import new_id

Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Owed:
    """Somebody owes something from `start` on, opened once for (rule, subject, period, organization).

    The limit is that of the rule's version in force on `start`, reckoned by the owing organization's
    holidays, unless the caller knows the date. `title` and `why` hold no personal data.
    """

    rule: str
    subject: Subject
    organization: str
    counterpart: str | None
    position: str
    title: str
    why: str
    start: date
    period: str | None = None
    member: str | None = None
    due_on: date | None = None

    @property
    def unique_key(self) -> str:
        return "|".join((self.rule, *self.subject, self.period or "", self.organization))

    @property
    def asked(self) -> Asked[Terms | None]:
        first = min(self.start, self.due_on or self.start)
        return asked_terms(self.rule, self.unique_key, self.organization, self.start, first)


@dataclass(frozen=True, slots=True)
class Ended:
    """Open duties that end: those about the subject, of the rule, the organization and the period where they are given.

    An event of None: met or missed, by the date of each.
    """

    rule: str | None
    subject: Subject
    on: date
    how: str
    event: Event | None = None
    organization: str | None = None
    period: str | None = None


@dataclass(slots=True)
class Steps:
    """What there is to write, in its order."""

    actor: Actor
    opened: list[dict[str, Any]] = field(default_factory=list)  # rows of new duties
    ended: list[tuple[Any, ...]] = field(default_factory=list)  # arguments of _END
    events: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def taken(self, duty: Mapping[str, Any], event: Event, on: date, note: str | None) -> None:
        """The event row and the audit entry of one step; `duty` is as the step made it."""
        self.events.append(_event_row(self.actor, duty, event, on, note))
        self.entries.append(_entry(duty, event, on))

    async def write(self, told: Sequence[Entry] = ()) -> None:
        """`told`: what the caller has to say in the trail. One act is one entry: the last that is told holds the steps
        of the duties that follow from it.
        """
        for arguments in self.ended:
            await write(_END, *arguments)
        await add_many("duty", self.opened)
        await add_many("duty_event", self.events)
        await record_many(self.actor, _within(told[-1], self.entries, told[:-1]) if told else self.entries)


_END = (
    "UPDATE duty SET state = {}, settled_on = {}, settled_by = {}, settlement = {}, version = {}"
    " WHERE id = {} AND version = {} AND state = 'open'"
)


async def prepare(
    actor: Actor, ended: Sequence[Ended] = (), opened: Sequence[Owed] = (), known: Sequence[Any] | None = None
) -> Steps:
    """Read what these steps need, unless the caller did (`known`: the answers to `asked`). What was opened before is
    left out.
    """
    if known is None:
        known = await ask_together(*asked(ended, opened))
    steps = Steps(actor)
    for end, rows in zip(ended, known, strict=False):
        _end(steps, end, rows)
    for owed, terms in zip(opened, known[len(ended) :], strict=True):
        _open(steps, owed, await _whole(owed, terms))
    return steps


def asked(ended: Sequence[Ended] = (), opened: Sequence[Owed] = ()) -> list[Asked[Any]]:
    """What `prepare` asks, for a caller who asks more than that together."""
    return [*map(_asked_open, ended), *(one.asked for one in opened)]


def _open(steps: Steps, owed: Owed, terms: Terms) -> None:
    if terms.opened:
        return
    row, of, holidays = terms.rules[owed.rule], terms.rules.get, terms.holidays
    by_working_days = row.limit_unit == Unit.WORKING_DAY and owed.due_on is None
    due = owed.due_on or rules.due_date(owed.start, row.limit_count, row.limit_unit, holidays)
    escalate_on = _on(due, of(owed.rule + ESCALATE), holidays)
    duty: dict[str, Any] = {
        "id": new_id(),
        "rule": owed.rule,
        "rule_version": row.id,
        "subject_type": owed.subject[0],
        "subject_id": owed.subject[1],
        "period": owed.period,
        "unique_key": owed.unique_key,
        "title": owed.title,
        "why": owed.why,
        "organization": owed.organization,
        "counterpart": owed.counterpart,
        "position": str(owed.position),
        "member": owed.member,
        "opened_on": owed.start,
        "not_before": _on(owed.start, of(owed.rule + NOT_BEFORE), holidays),
        "due_on": due,
        "calendar": _calendar(terms) if by_working_days else "calendar",
        "escalate_position": responsible_position(terms.kind) if escalate_on else None,
        "escalate_on": escalate_on,
        "agenda_on": _on(due, of(owed.rule + AGENDA), holidays),
        "shared": bool(row.shared),
        "state": State.OPEN.value,
        "version": 1,
    }
    steps.opened.append(duty)
    steps.taken({**duty, "authority": row.authority}, Event.OPENED, owed.start, owed.why)


async def _whole(owed: Owed, terms: Terms | None) -> Terms:
    """A database that has no rule at all gets the first ones."""
    if terms is not None and owed.rule not in terms.rules:
        await ensure_rules()
        (terms,) = await ask_together(owed.asked)
    if terms is None:
        raise NotFound("There is no such organization.")
    if owed.rule not in terms.rules:
        raise UnknownRule(owed.rule, owed.start)
    return terms


def _on(base: date, rule: Limit | None, holidays: Collection[date]) -> date | None:
    """The date that a rule hanging on another sets, counted from `base`."""
    if rule is None or rule.limit_count is None:
        return None
    return rules.due_date(base, rule.limit_count, rule.limit_unit, holidays)


def _calendar(terms: Terms) -> str:
    return terms.identifier if terms.kind == OrganizationKind.COUNTY else "state"


_OPEN = (
    "SELECT id, rule, subject_type, subject_id, organization, counterpart, member, due_on, version FROM duty"
    " WHERE state = 'open' AND subject_type = {} AND subject_id = {}"
)


def _asked_open(end: Ended) -> Asked[Rows]:
    wanted = {"rule": end.rule, "organization": end.organization, "period": end.period}
    given = {column: value for column, value in wanted.items() if value is not None}
    narrowed = "".join(f" AND {column} = {{}}" for column in given)
    return Asked(f"{_OPEN}{narrowed}", [*end.subject, *given.values()], lambda rows: sorted(rows, key=itemgetter("id")))


def _end(steps: Steps, end: Ended, rows: Rows) -> None:
    done = {arguments[-2] for arguments in steps.ended}  # by an earlier one of the same steps
    for row in rows:
        if row["id"] in done:
            continue
        event, version = end.event or rules.settled_as(row["due_on"], end.on), row["version"]
        state = rules.after(State.OPEN, event).value
        steps.ended.append((state, end.on, steps.actor.name, end.how, version + 1, row["id"], version))
        steps.taken({**row, "version": version + 1}, event, end.on, end.how)


def _event_row(actor: Actor, duty: Mapping[str, Any], event: Event, on: date, note: str | None) -> dict[str, Any]:
    """Its version is unique: of two who take a step at once the second starts again, and finds the duty as the first
    left it.
    """
    return {
        "id": new_id(),
        "duty": duty["id"],
        "event": event.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "effective_date": on,
        "recorded_at": clock.now(),
        "note": note,
        "version": duty["version"],
    }


def _within(act: Entry, steps: Sequence[Entry], before: Sequence[Entry]) -> list[Entry]:
    """The act's entry with the steps that are of the same member; those of others keep one of their own."""
    own = [one for one in steps if one.member == act.member]
    if own:
        said = [
            {"duty": one.subject_id, "step": one.action.rpartition(":")[2], "basis": one.basis, **(one.detail or {})}
            for one in own
        ]
        act = replace(act, detail={**(act.detail or {}), "duties": said})
    return [*before, act, *(one for one in steps if one.member != act.member)]


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
