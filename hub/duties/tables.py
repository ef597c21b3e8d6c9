"""Rules as data, and what somebody owes under them."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import (
    code,
    code_or_none,
    day,
    day_or_none,
    flag,
    instant,
    key,
    link,
    link_or_none,
    number,
    number_or_none,
    text,
    text_or_none,
)
from hub.directory.tables import Organization


class RuleVersion(Table, tablename="rule_version"):
    """A number from law, with its authority (`domain.md` section 9). A change is a new row."""

    id = key()
    rule = code(index=True)  # such as referral-answer
    version = number()
    trigger = text()
    words = text()  # what is owed, in words
    owed_by = text()  # in words that hold for a county and a plan: liaison, responsible person
    limit_count = number_or_none()
    limit_unit = code_or_none()  # first_rules.LimitUnit
    authority = text()
    effective_from = day()
    verified = flag()
    shared = flag()  # the other party sees duties under this rule too
    note = text_or_none()


class Duty(Table, tablename="duty"):
    """Somebody owes something by a date under a rule. Opened and settled by actions; nobody types its state.

    States: open, met, missed (met too late), excused, cancelled. An open one past its date is overdue.
    """

    id = key()
    rule = code()
    rule_version = link(RuleVersion)
    subject_type = code()  # Task, Agreement, Meeting, …
    subject_id = code()
    period = code_or_none()  # for recurring ones: 2026-Q3
    unique_key = text(unique=True)  # rule, subject, period, owing organization: opened once
    title = text()  # what is to be done, without personal data
    why = text()  # why it is here and from which clause
    organization = link(Organization)  # owes it
    counterpart = link_or_none(Organization)
    position = code()  # of that organization, towards the counterpart
    member = code_or_none()
    opened_on = day()
    not_before = day_or_none()
    due_on = day(index=True)
    calendar = code()  # by which working days were reckoned: state, county-19, calendar
    escalate_position = code_or_none()
    escalate_on = day_or_none()  # becomes the escalation position's work too
    agenda_on = day_or_none()  # proposed to the next agenda
    overdue_on = day_or_none()  # when the job saw it overdue, and reminded its holder
    escalated_on = day_or_none()
    agenda_proposed_on = day_or_none()
    shared = flag()  # the rule's: the counterpart sees it too
    state = code()
    settled_on = day_or_none()
    settled_by = text_or_none()
    settlement = text_or_none()  # how it ended, in words
    version = number(default=1)


class DutyEvent(Table, tablename="duty_event"):
    """Opened, reminded, escalated, put on an agenda, settled. Only ever inserted."""

    id = key()
    duty = link(Duty)
    event = code()
    actor_id = code()
    actor_name = text()
    effective_date = day()
    recorded_at = instant()
    note = text_or_none()
    version = number_or_none()  # of the duty, as this event made it: unique, so that each step is taken once
