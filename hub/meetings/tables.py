"""Quarterly meetings of the two partners of an MOU: agenda, attendance, minutes, action items."""

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
    number,
    text,
    text_or_none,
)
from hub.directory.tables import Organization, Person
from hub.mou.tables import Agreement


class Meeting(Table, tablename="meeting"):
    """States: scheduled, held, cancelled."""

    id = key()
    agreement = link(Agreement)
    county = link(Organization)
    plan = link(Organization)
    quarter = code(index=True)  # 2026-Q3
    starts_at = instant()
    minutes_long = number(default=60)
    place = text()
    state = code(index=True)
    sequence = number(default=0)  # of the invitation: goes up when it is moved
    held_on = day_or_none()
    minutes = text_or_none()
    decisions = text_or_none()
    others_present = text_or_none()  # guests: executives, subcontractors
    minuted_on = day_or_none()
    posted_on = day_or_none()  # date and time posted on the plan's web site
    posted_where = text_or_none()
    created_at = instant()
    version = number(default=1)


class Attendance(Table, tablename="meeting_attendance"):
    """Who was invited, and who came."""

    id = key()
    meeting = link(Meeting)
    person = link(Person)
    organization = link(Organization)
    position = code_or_none()
    invited = flag(default=True)
    attended = flag()


class AgendaItem(Table, tablename="agenda_item"):
    """One line of the agenda. `kind`: standing, proposed (by the hub, from what it knows), carried, added."""

    id = key()
    meeting = link(Meeting)
    position = number()
    topic = code()  # meetings.rules.Topic
    kind = code()
    title = text()
    why = text_or_none()
    subject_type = code_or_none()  # what it is about: Duty, ActionItem, Appointment
    subject_id = code_or_none()
    confidential = flag()  # case-specific: only for those who may see the member
    discussed = text_or_none()  # what was said: part of the minutes
    removed = flag()


class ActionItem(Table, tablename="action_item"):
    """Who does what until when. Open ones carry over to the next agenda. States: open, done, dropped."""

    id = key()
    agreement = link(Agreement)
    meeting = link(Meeting)  # where it was decided
    title = text()
    organization = link(Organization)
    owner = link(Person)
    due_on = day()
    state = code(index=True)
    done_on = day_or_none()
    outcome = text_or_none()
    confidential = flag()
    version = number(default=1)


class MeetingEvent(Table, tablename="meeting_event"):
    """Scheduled, moved, invited, held, minuted, posted, cancelled. Only ever inserted."""

    id = key()
    meeting = link(Meeting)
    event = code()
    actor_id = code()
    actor_name = text()
    effective_date = day()
    recorded_at = instant()
    note = text_or_none()
