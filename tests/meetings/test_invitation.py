"""The calendar invitation, read back as a calendar would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from icalendar import Calendar

from hub.meetings.invitation import Invitation, Invitee, Method, calendar_text, uid

STAMP = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)
INVITATION = Invitation(
    "m1",
    0,
    datetime(2026, 12, 2, 18, 0, tzinfo=UTC),
    90,
    "Room 4; or the video call",
    "IHSS quarterly meeting",
    "Agenda:\n- Care coordination",
    Invitee("Priya Raman", "priya@example.org"),
    [Invitee("Marisol Vega", "marisol@example.org"), Invitee("Peña, José", "jose@example.org")],
)


def read(text: str) -> Calendar:
    return Calendar.from_ical(text)


def test_an_invitation_asks_for_an_answer_and_says_when_where_and_who() -> None:
    calendar = read(calendar_text(INVITATION, STAMP))
    (event,) = calendar.walk("VEVENT")
    assert calendar["method"] == "REQUEST"
    assert event["uid"] == uid("m1")
    assert event["sequence"] == 0
    assert event.decoded("dtstart").isoformat() == "2026-12-02T10:00:00-08:00"
    assert event.decoded("dtend").isoformat() == "2026-12-02T11:30:00-08:00"
    assert event["location"] == "Room 4; or the video call"
    assert event["organizer"] == "mailto:priya@example.org"
    assert [str(a) for a in event["attendee"]] == ["mailto:marisol@example.org", "mailto:jose@example.org"]
    assert event["attendee"][1].params["CN"] == "Peña, José"
    assert event["attendee"][0].params["RSVP"] == "TRUE"


def test_the_time_zone_of_california_comes_with_it() -> None:
    calendar = read(calendar_text(INVITATION, STAMP))
    assert [zone["tzid"] for zone in calendar.walk("VTIMEZONE")] == ["America/Los_Angeles"]


def test_a_moved_meeting_is_the_same_entry_with_a_higher_sequence() -> None:
    moved = replace(INVITATION, sequence=1)
    (first,), (second,) = (read(calendar_text(i, STAMP)).walk("VEVENT") for i in (INVITATION, moved))
    assert first["uid"] == second["uid"]
    assert (first["sequence"], second["sequence"]) == (0, 1)


def test_a_cancelled_meeting_takes_the_entry_away() -> None:
    calendar = read(calendar_text(replace(INVITATION, sequence=2), STAMP, Method.CANCEL))
    (event,) = calendar.walk("VEVENT")
    assert (calendar["method"], event["status"], event["uid"]) == ("CANCEL", "CANCELLED", uid("m1"))


def test_the_same_invitation_is_the_same_text() -> None:
    assert calendar_text(INVITATION, STAMP) == calendar_text(INVITATION, STAMP)
