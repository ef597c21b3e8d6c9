"""The calendar invitation of a meeting. Pure: people, times and words in, an iCalendar text out.

The UID never changes, and SEQUENCE goes up with every move: a calendar then moves its entry and makes no second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from hub.kernel.clock import CALIFORNIA

if TYPE_CHECKING:  # in use it is loaded with the first invitation, not at each start
    from icalendar import vCalAddress


class Method(StrEnum):
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Invitee:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """`about` is read by everybody who is invited: it names no member."""

    meeting: str
    sequence: int
    starts_at: datetime
    minutes_long: int
    place: str
    title: str
    about: str
    organizer: Invitee | None
    attendees: Sequence[Invitee]


def uid(meeting: str) -> str:
    return f"meeting-{meeting}@ihss-hub"


def _address(person: Invitee, **parameters: str) -> vCalAddress:
    from icalendar import vCalAddress, vText

    address = vCalAddress(f"mailto:{person.email}")
    for name, value in {"cn": person.name, **parameters}.items():
        address.params[name] = vText(value)
    return address


def calendar_text(invitation: Invitation, stamp: datetime, method: Method = Method.REQUEST) -> str:
    """What goes out by mail and what the page offers for download."""
    from icalendar import Calendar, Event

    event = Event()
    start = invitation.starts_at.astimezone(CALIFORNIA)
    event.add("uid", uid(invitation.meeting))
    event.add("sequence", invitation.sequence)
    event.add("dtstamp", stamp)
    event.add("dtstart", start)
    event.add("dtend", start + timedelta(minutes=invitation.minutes_long))
    event.add("summary", invitation.title)
    event.add("location", invitation.place)
    event.add("description", invitation.about)
    event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    if invitation.organizer:
        event.add("organizer", _address(invitation.organizer))
    for person in invitation.attendees:
        attendee = _address(person, role="REQ-PARTICIPANT", partstat="NEEDS-ACTION", rsvp="TRUE")
        event.add("attendee", attendee, encode=False)
    calendar = Calendar()
    calendar.add("prodid", "-//IHSS Hub//Quarterly meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method.value)
    calendar.add_component(event)
    calendar.add_missing_timezones()
    return str(calendar.to_ical(), "utf-8")
