"""Duties with their whole history: opened, reminded and escalated on the nights on which the hub's job ran, ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.directory.rules import LIAISON_OF, NAMES, RESPONSIBLE_OF
from hub.duties.first_rules import FIRST_RULES, FirstRule, LimitUnit
from hub.duties.rules import AGENDA, ESCALATE, due_date
from hub.kernel.actor import HUB
from hub.simulate.rows import Rows
from hub.simulate.rules import Days, Moment, ids
from hub.simulate.world import Side

RULES: dict[str, FirstRule] = {rule.id: rule for rule in FIRST_RULES}
LIAISON = {side: position.value for side, position in LIAISON_OF.items()}
RESPONSIBLE = {side: position.value for side, position in RESPONSIBLE_OF.items()}
_TOLD = {position.value: f"The {name} is told." for position, name in NAMES.items()}
_PROPOSED = "Proposed for the agenda of the next quarterly meeting."


class Who(NamedTuple):
    """Who did it, as history rows name them."""

    id: str
    name: str


THE_HUB = Who(HUB.id, HUB.name)


class End(NamedTuple):
    """How a duty ended. Where it was done: met or missed, by its date."""

    at: Moment
    by: Who
    how: str
    cancelled: bool = False


class _Rule(NamedTuple):
    version: str
    limit: int | None
    unit: LimitUnit | None
    shared: int
    escalate: int | None  # working days
    agenda: int | None


class Duties:
    """Makes the rows of one kind of duties, numbered within the kind."""

    def __init__(self, days: Days, seed: int, kind: str, versions: Mapping[str, str]) -> None:
        """`versions`: the id of each rule's row."""
        self._days = days
        self._id, self._event_id = ids(seed, f"d{kind}"), ids(seed, f"e{kind}")
        self._rules = {
            name: _Rule(
                versions[name], rule.limit, rule.unit, int(rule.shared), _limit(name + ESCALATE), _limit(name + AGENDA)
            )
            for name, rule in RULES.items()
        }

    def due(self, rule: str, start: int) -> int:
        """The day by which it is owed, as `hub.duties.rules.due_date` reckons it."""
        found = self._rules[rule]
        if found.unit is LimitUnit.WORKING_DAY and found.limit is not None:
            return self._days.later(start, found.limit)
        if found.unit is LimitUnit.CALENDAR_DAY and found.limit is not None:
            return start + found.limit
        return self._days.number(
            due_date(self._days.dates[start], found.limit, found.unit and found.unit.value, self._days.holidays)
        )

    def add(
        self, rows: Rows, number: int, rule: str, subject: tuple[str, str], owes: Side, other: Side, position: str,
        title: str, why: str, opened: Moment, by: Who, end: End | None = None, *,
        start: int | None = None, due: int | None = None, period: str | None = None, member: str | None = None,
    ) -> None:  # fmt: skip
        """`start` is the day from which it is owed, where that is not the day on which it was recorded."""
        days, found = self._days, self._rules[rule]
        text = days.text
        begins = opened.day if start is None else start
        calendar = "calendar"
        if due is None:
            due = self.due(rule, begins)
            if found.unit is LimitUnit.WORKING_DAY:
                calendar = owes.identifier if owes.kind == "county" else "state"
        escalate = None if found.escalate is None else days.later(due, found.escalate)
        agenda = None if found.agenda is None else days.later(due, found.agenda)
        above = RESPONSIBLE[owes.kind]
        row_id = self._id(opened.ids, number)
        events, event_id = rows["duty_event"], self._event_id
        place, version = number * 8, 1
        events.append(
            (event_id(opened.ids, place), row_id, "opened", by.id, by.name, text[begins], opened.row, why, version)
        )
        until = days.last if end is None else min(end.at.day, days.last)
        done: list[str | None] = [None, None, None]
        for at, (day, event, note) in enumerate(
            (
                (due + 1, "overdue", _TOLD[position]),
                (escalate, "escalated", _TOLD[above]),
                (agenda, "on-agenda", _PROPOSED),
            )
        ):
            if day is None or day > until:
                continue
            done[at] = text[day]
            version += 1
            ids_of, recorded = days.dawn(day)
            events.append(
                (event_id(ids_of, place + version), row_id, event, *THE_HUB, text[day], recorded, note, version)
            )
        state = "open"
        settled: tuple[str | None, str | None, str | None] = (None, None, None)
        if end is not None:
            version += 1
            state = "cancelled" if end.cancelled else "met" if end.at.day <= due else "missed"
            on = text[end.at.day]
            settled = (on, end.by.name, end.how)
            events.append(
                (event_id(end.at.ids, place + version), row_id, state, *end.by, on, end.at.row, end.how, version)
            )
        rows["duty"].append((
            row_id, rule, found.version, *subject, period, f"{rule}|{subject[0]}|{subject[1]}|{period or ''}|{owes.id}",
            title, why, owes.id, other.id, position, member, text[begins], None, text[due], calendar,
            None if escalate is None else above, None if escalate is None else text[escalate],
            None if agenda is None else text[agenda], *done, found.shared, state, *settled, version,
        ))  # fmt: skip


def _limit(rule: str) -> int | None:
    found = RULES.get(rule)
    return found.limit if found else None
