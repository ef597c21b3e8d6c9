"""A quarterly meeting from its invitation to its posting, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hub.audit.tables import AuditEntry
from hub.db.engine import fetch
from hub.directory.actions import end_appointment
from hub.directory.rules import Position
from hub.directory.tables import Appointment
from hub.duties.actions import escalate_overdue, open_duty
from hub.duties.tables import Duty
from hub.kernel import clock
from hub.kernel.actor import HUB, Actor
from hub.kernel.errors import Forbidden, Invalid, NotFound, Stale, WrongStep
from hub.meetings import actions, jobs, queries
from hub.meetings.rules import Kind, QuarterState, Topic
from hub.meetings.tables import Attendance, Meeting, MeetingEvent
from hub.mou.tables import Agreement
from hub.notifications.tables import Mail
from tests.cast import Cast
from tests.conftest import NOW
from tests.meetings.build import bare_mou

TODAY = date(2026, 11, 18)
STARTS = datetime(2026, 12, 2, 18, 0, tzinfo=UTC)
AFTER = datetime(2026, 12, 3, 20, 0, tzinfo=UTC)
PLACE = "Room 4"


async def scheduled(cast: Cast, by: Actor | None = None) -> str:
    return await actions.schedule(by or cast.priya, cast.mou, STARTS, 60, PLACE)


async def version_of(meeting: str) -> int:
    (row,) = await Meeting.select(Meeting.version).where(Meeting.id == meeting)
    return int(row["version"])


async def held(cast: Cast) -> str:
    """Held on December 2; the clock must stand later."""
    meeting = await scheduled(cast)
    with clock.set_to(AFTER):
        await actions.hold(
            cast.marisol, meeting, 1, held_on=date(2026, 12, 2), attended=[cast.marisol.id, cast.priya.id]
        )
    return meeting


async def titles(actor: Actor, meeting: str, kind: Kind) -> list[str]:
    items, _ = await queries.agenda(actor, meeting)
    return [item.title for item in items if item.kind == kind and not item.removed]


async def duty(rule: str, organization: str | None = None) -> dict[str, Any]:
    found = await Duty.select().where(Duty.rule == rule).order_by(Duty.opened_on)
    (row,) = [row for row in found if organization in (None, row["organization"])]
    return row


async def late_referral(cast: Cast) -> None:
    """The plan has left a referral of the county unanswered for so long that it belongs on the agenda."""
    await open_duty(
        HUB,
        "referral-answer",
        subject=("Task", "t1"),
        organization=cast.poppy,
        counterpart=cast.alameda,
        position=Position.MCP_IHSS_LIAISON,
        title="Answer the referral to Community Supports",
        why="The county asked.",
        start=date(2026, 10, 1),
        member=cast.rosa,
    )
    await escalate_overdue(TODAY)


async def test_a_scheduled_meeting_has_its_agenda_its_quarter_and_its_history(cast: Cast) -> None:
    meeting = await queries.meeting(cast.marisol, await scheduled(cast))
    assert (meeting.quarter, meeting.state, meeting.sequence, meeting.place) == ("2026-Q4", "scheduled", 0, PLACE)
    assert len(await titles(cast.marisol, meeting.id, Kind.STANDING)) == 6
    assert [event.title for event in await queries.events(meeting.id)] == ["Scheduled"]
    assert await AuditEntry.exists().where(AuditEntry.action == "meetings:meeting:schedule")


async def test_the_agenda_proposes_stuck_referrals_and_vacant_positions_with_their_reasons(cast: Cast) -> None:
    await late_referral(cast)
    await Appointment.update({"until_date": date(2026, 11, 30)}).where(Appointment.person == cast.thomas.id)
    meeting = await scheduled(cast)
    items, hidden = await queries.agenda(cast.priya, meeting)
    proposed = {item.title: item for item in items if item.kind == Kind.PROPOSED}
    assert set(proposed) == {
        "Referrals that Golden Poppy has left waiting",
        "Answer the referral to Community Supports",
        "Alameda has no IHSS Responsible Person",
    }
    assert all(item.why for item in items)
    case = proposed["Answer the referral to Community Supports"]
    assert (case.confidential, case.subject_type, case.topic) == (True, "Task", Topic.CASE_SPECIFIC)
    assert hidden == 0


async def test_who_may_not_see_referrals_sees_that_a_case_is_there_and_nothing_of_it(cast: Cast) -> None:
    await late_referral(cast)
    meeting = await scheduled(cast)
    outsider = Actor(
        cast.grace.kind,
        cast.grace.id,
        "Grace",
        cast.poppy,
        cast.grace.organization_kind,
        capabilities=frozenset({"meeting.read"}),
    )
    items, hidden = await queries.agenda(outsider, meeting)
    assert hidden == 1
    assert not [item for item in items if item.confidential]


async def test_only_the_parties_know_of_a_meeting(cast: Cast) -> None:
    meeting = await scheduled(cast)
    for stranger in (cast.lena, cast.sam):
        with pytest.raises(NotFound):
            await queries.meeting(stranger, meeting)
        with pytest.raises(NotFound):
            await actions.invite(stranger, meeting, 1)
        with pytest.raises(NotFound):
            await actions.schedule(stranger, cast.mou, STARTS, 60, PLACE)
        assert await queries.partnerships(stranger, TODAY) == []


async def test_who_may_only_read_meetings_schedules_none_and_the_refusal_is_in_the_trail(cast: Cast) -> None:
    with pytest.raises(Forbidden) as refused:
        await actions.schedule(cast.grace, cast.mou, STARTS, 60, PLACE)
    assert refused.value.words
    assert not await Meeting.exists()


async def test_an_mou_that_is_not_in_force_has_no_quarterly_meetings(cast: Cast) -> None:
    draft = await bare_mou(cast.sonoma, cast.laurel, "draft")
    with pytest.raises(WrongStep):
        await actions.schedule(cast.sam, draft, STARTS, 60, PLACE)


async def test_a_meeting_in_the_past_without_a_place_is_refused_at_each_field(cast: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        await actions.schedule(cast.priya, cast.mou, NOW - timedelta(days=1), 5, " ")
    assert [issue.where for issue in refused.value.issues] == ["starts_on", "minutes_long", "place"]


async def test_the_four_named_people_get_the_invitation(cast: Cast) -> None:
    meeting = await scheduled(cast)
    assert await actions.invite(cast.priya, meeting, 1) == 4
    mails = await Mail.select()
    named = {cast.priya.id, cast.daniel.id, cast.marisol.id, cast.thomas.id}
    assert {mail["to_person"] for mail in mails} == named
    assert {mail["calendar_method"] for mail in mails} == {"REQUEST"}
    assert "Stuck" not in mails[0]["calendar"] and "SEQUENCE:0" in mails[0]["calendar"]
    assert {row["person"] for row in await Attendance.select()} == named


async def test_no_invitation_names_a_case(cast: Cast) -> None:
    await late_referral(cast)
    await actions.invite(cast.priya, await scheduled(cast), 1)
    for mail in await Mail.select():
        assert "Community Supports" not in (mail["calendar"] or "").replace("\r\n ", "") + mail["body"]


async def test_a_deputy_is_invited_too_and_nobody_twice(cast: Cast) -> None:
    await Appointment.update({"deputy": cast.thomas.id}).where(Appointment.person == cast.marisol.id)
    await Appointment.update({"deputy": cast.grace.id}).where(Appointment.person == cast.priya.id)
    assert await actions.invite(cast.priya, await scheduled(cast), 1) == 5


async def test_a_moved_meeting_is_announced_again_with_the_next_sequence(cast: Cast) -> None:
    meeting = await scheduled(cast)
    await actions.invite(cast.priya, meeting, 1)
    await actions.move(cast.marisol, meeting, 2, STARTS + timedelta(days=40), 30, "Room 9", "Holiday")
    row = await queries.meeting(cast.priya, meeting)
    assert (row.sequence, row.quarter, row.place) == (1, "2027-Q1", "Room 9")
    newest = [m for m in await Mail.select() if "SEQUENCE:1" in m["calendar"]]
    assert len(newest) == 4


async def test_a_meeting_that_nobody_was_invited_to_moves_silently(cast: Cast) -> None:
    meeting = await scheduled(cast)
    await actions.move(cast.marisol, meeting, 1, STARTS + timedelta(days=1), 60, PLACE)
    assert not await Mail.exists()


async def test_a_cancelled_meeting_leaves_every_calendar_and_does_not_count(cast: Cast) -> None:
    meeting = await scheduled(cast)
    await actions.invite(cast.priya, meeting, 1)
    await actions.cancel(cast.priya, meeting, 2, "The room burned down")
    assert len([m for m in await Mail.select() if m["calendar_method"] == "CANCEL"]) == 4
    (partnership,) = await queries.partnerships(cast.priya, TODAY)
    assert partnership.state is QuarterState.NONE
    with pytest.raises(WrongStep):
        await actions.move(cast.priya, meeting, 3, STARTS, 60, PLACE)


async def test_of_two_who_change_the_same_meeting_the_second_is_told(cast: Cast) -> None:
    meeting = await scheduled(cast)
    await actions.move(cast.priya, meeting, 1, STARTS + timedelta(days=1), 60, PLACE)
    with pytest.raises(Stale):
        await actions.move(cast.marisol, meeting, 1, STARTS + timedelta(days=2), 60, PLACE)
    assert (await queries.meeting(cast.priya, meeting)).sequence == 1


async def test_a_refreshed_agenda_keeps_what_people_changed_and_adds_what_is_new(cast: Cast) -> None:
    meeting = await scheduled(cast)
    items, _ = await queries.agenda(cast.priya, meeting)
    await actions.edit_item(cast.priya, items[0].id, "Care coordination after the merger")
    await actions.remove_item(cast.marisol, items[1].id)
    own = await actions.add_item(cast.marisol, meeting, Topic.SYSTEMIC, "Fax numbers")
    assert await actions.refresh_agenda(cast.priya, meeting) == 0
    await late_referral(cast)
    assert await actions.refresh_agenda(cast.priya, meeting) == 2
    after, _ = await queries.agenda(cast.priya, meeting)
    assert after[0].title == "Care coordination after the merger"
    assert [item.title for item in after if item.removed] == [items[1].title]
    assert own in [item.id for item in after]


async def test_a_case_that_somebody_adds_is_confidential_without_asking(cast: Cast) -> None:
    meeting = await scheduled(cast)
    item = await actions.add_item(cast.priya, meeting, Topic.CASE_SPECIFIC, "One member's discharge")
    items, _ = await queries.agenda(cast.priya, meeting)
    assert [i.confidential for i in items if i.id == item] == [True]


async def test_the_agenda_is_closed_once_the_meeting_was_held(cast: Cast) -> None:
    meeting = await held(cast)
    items, _ = await queries.agenda(cast.priya, meeting)
    with pytest.raises(WrongStep):
        await actions.edit_item(cast.priya, items[0].id, "Other")
    with pytest.raises(WrongStep):
        await actions.refresh_agenda(cast.priya, meeting)


async def test_holding_settles_both_liaisons_duty_and_opens_the_plans_posting(cast: Cast) -> None:
    await jobs.quarter({})
    meeting = await held(cast)
    ended = await Duty.select().where(Duty.rule == "meeting-quarterly")
    assert {(row["organization"], row["state"], row["settled_on"]) for row in ended} == {
        (cast.alameda, "met", date(2026, 12, 2)),
        (cast.poppy, "met", date(2026, 12, 2)),
    }
    posting = await duty("meeting-posted")
    assert (posting["organization"], posting["subject_id"], posting["state"]) == (cast.poppy, meeting, "open")
    (partnership,) = await queries.partnerships(cast.thomas, TODAY)
    assert partnership.state is QuarterState.HELD
    attended = await Attendance.select().where(Attendance.attended.eq(True))
    assert {row["person"] for row in attended} == {cast.marisol.id, cast.priya.id}


async def test_a_meeting_needs_people_of_both_sides(cast: Cast) -> None:
    meeting = await scheduled(cast)
    with clock.set_to(AFTER), pytest.raises(Invalid) as refused:
        await actions.hold(cast.marisol, meeting, 1, held_on=date(2026, 12, 2), attended=[cast.marisol.id, "x"])
    assert [issue.where for issue in refused.value.issues] == ["attended"]
    assert await version_of(meeting) == 1


async def test_a_meeting_is_not_held_before_its_day(cast: Cast) -> None:
    meeting = await scheduled(cast)
    with pytest.raises(Invalid):
        await actions.hold(
            cast.marisol, meeting, 1, held_on=date(2026, 12, 2), attended=[cast.marisol.id, cast.priya.id]
        )


async def test_the_job_of_the_quarter_opens_one_duty_for_each_side_however_often_it_runs(cast: Cast) -> None:
    for _ in range(3):
        await jobs.quarter({})
    found = await Duty.select().where(Duty.rule == "meeting-quarterly")
    assert {(row["organization"], row["due_on"], row["period"]) for row in found} == {
        (cast.alameda, date(2026, 12, 31), "2026-Q4"),
        (cast.poppy, date(2026, 12, 31), "2026-Q4"),
    }
    with clock.set_to(datetime(2027, 1, 2, 20, 0, tzinfo=UTC)):
        await jobs.quarter({})
    assert await Duty.count().where(Duty.rule == "meeting-quarterly") == 4


async def test_an_mou_outside_its_term_owes_no_meeting(cast: Cast) -> None:
    await Agreement.update({"end_date": date(2026, 10, 31), "renewal": None}).where(Agreement.id == cast.mou)
    assert await actions.open_quarter(TODAY) == 0


async def test_a_meeting_held_before_the_job_ran_settles_what_the_job_opens(cast: Cast) -> None:
    await held(cast)
    with clock.set_to(AFTER):
        await jobs.quarter({})
    assert {row["state"] for row in await Duty.select().where(Duty.rule == "meeting-quarterly")} == {"met"}


async def test_finished_minutes_go_to_the_responsible_persons_and_the_plans_compliance_officer_once(
    cast: Cast,
) -> None:
    meeting = await held(cast)
    with clock.set_to(AFTER):
        due = date(2027, 1, 15)
        await actions.add_action_item(cast.marisol, meeting, "Send the fax numbers", cast.priya.id, due)
        await actions.add_action_item(
            cast.marisol, meeting, "Call the member of case 7", cast.marisol.id, due, confidential=True
        )
        items, _ = await queries.agenda(cast.marisol, meeting)
        said = {items[0].id: "Went well."}
        now = await version_of(meeting)
        await actions.minute(cast.marisol, meeting, now, minutes="Draft", discussed=said, finish=False)
        assert not await Mail.exists()
        await actions.minute(cast.marisol, meeting, now + 1, minutes="We met.", decisions="Fewer faxes", discussed=said)
        await actions.minute(cast.priya, meeting, now + 2, minutes="We met long.", decisions="Fewer faxes")
    mails = await Mail.select()
    assert {mail["to_person"] for mail in mails} == {cast.daniel.id, cast.grace.id, cast.thomas.id}
    assert len(mails) == 3
    assert all("Fewer faxes" in m["body"] and "Send the fax numbers" in m["body"] for m in mails)
    assert not [m for m in mails if "case 7" in m["body"]]
    row = await queries.meeting(cast.grace, meeting)
    assert (row.minutes, row.minuted_on) == ("We met long.", date(2026, 12, 3))
    after, _ = await queries.agenda(cast.marisol, meeting)
    assert after[0].discussed == "Went well."


async def test_minutes_of_nothing_are_not_finished(cast: Cast) -> None:
    meeting = await held(cast)
    with pytest.raises(Invalid) as refused:
        await actions.minute(cast.marisol, meeting, 2, minutes="  ")
    assert refused.value.issues[0].where == "minutes"


async def test_an_open_action_item_is_owed_and_carried_to_the_next_agenda_until_it_is_done(cast: Cast) -> None:
    meeting = await held(cast)
    with clock.set_to(AFTER):
        item = await actions.add_action_item(
            cast.marisol, meeting, "Send the fax numbers", cast.priya.id, date(2026, 12, 20)
        )
        owed = await duty("meeting-action")
        assert (owed["organization"], owed["due_on"], owed["subject_id"]) == (
            cast.poppy,
            date(2026, 12, 20),
            item,
        )
        following = await actions.schedule(cast.priya, cast.mou, STARTS + timedelta(days=70), 60, PLACE)
        assert await titles(cast.priya, following, Kind.CARRIED) == ["Send the fax numbers"]
        with pytest.raises(Forbidden):
            await actions.complete_action_item(cast.marisol, item, 1, outcome="They sent them")
        await actions.complete_action_item(cast.priya, item, 1, outcome="Sent to all")
        assert (await queries.action_item(cast.marisol, item)).state == "done"
        assert (await duty("meeting-action"))["state"] == "met"
        another = await actions.schedule(cast.priya, cast.mou, STARTS + timedelta(days=90), 60, PLACE)
        assert await titles(cast.priya, another, Kind.CARRIED) == []
        with pytest.raises(WrongStep):
            await actions.drop_action_item(cast.priya, item, 2, reason="No need")


async def test_a_dropped_action_item_says_why_and_is_owed_no_longer(cast: Cast) -> None:
    meeting = await held(cast)
    with clock.set_to(AFTER):
        item = await actions.add_action_item(
            cast.marisol, meeting, "Send the fax numbers", cast.priya.id, date(2026, 12, 20)
        )
        with pytest.raises(Invalid):
            await actions.drop_action_item(cast.priya, item, 1, reason="")
        await actions.drop_action_item(cast.priya, item, 1, reason="Nobody has a fax")
    assert (await duty("meeting-action"))["state"] == "cancelled"
    assert (await queries.action_item(cast.priya, item)).outcome == "Nobody has a fax"


async def test_a_confidential_action_item_is_not_there_for_who_may_not_see_cases(cast: Cast) -> None:
    meeting = await held(cast)
    with clock.set_to(AFTER):
        item = await actions.add_action_item(
            cast.marisol, meeting, "Call case 7", cast.priya.id, date(2026, 12, 20), confidential=True
        )
    assert "case 7" not in (await duty("meeting-action"))["title"]
    reader = Actor(
        cast.grace.kind,
        cast.grace.id,
        "Grace",
        cast.poppy,
        cast.grace.organization_kind,
        capabilities=frozenset({"meeting.read"}),
    )
    assert await queries.action_items(reader) == []
    with pytest.raises(NotFound):
        await queries.action_item(reader, item)


async def test_the_plan_posts_a_held_meeting_and_the_duty_is_met(cast: Cast) -> None:
    meeting = await held(cast)
    with clock.set_to(AFTER):
        with pytest.raises(Forbidden):
            await actions.post(cast.marisol, meeting, 2, posted_on=date(2026, 12, 3), where="https://a.example")
        with pytest.raises(Invalid):
            await actions.post(cast.priya, meeting, 2, posted_on=date(2026, 12, 1), where="https://a.example")
        await actions.post(cast.priya, meeting, 2, posted_on=date(2026, 12, 3), where="https://a.example/m")
    assert (await duty("meeting-posted"))["state"] == "met"
    assert (await queries.meeting(cast.marisol, meeting)).posted_where == "https://a.example/m"


async def test_every_step_leaves_an_event_and_an_audit_entry_in_the_same_transaction(cast: Cast) -> None:
    meeting = await held(cast)
    with clock.set_to(AFTER):
        await actions.minute(cast.marisol, meeting, 2, minutes="We met.")
        await actions.post(cast.priya, meeting, 3, posted_on=date(2026, 12, 3), where="https://a.example/m")
    events = [row["event"] for row in await MeetingEvent.select().order_by(MeetingEvent.recorded_at)]
    assert events[0] == "scheduled" and set(events) == {"scheduled", "held", "minuted", "posted"}
    rows = await fetch("SELECT action FROM audit_entry WHERE subject_type = 'Meeting' AND subject_id = {}", meeting)
    assert {row["action"].rsplit(":", 1)[1] for row in rows} == {"schedule", "hold", "minute", "post"}


async def test_the_list_shows_at_once_which_mou_has_no_meeting_this_quarter(cast: Cast) -> None:
    await bare_mou(cast.alameda, cast.laurel)
    await scheduled(cast)
    first, second = await queries.partnerships(cast.marisol, TODAY)
    assert (first.partner_name, first.state) == ("Bay Laurel", QuarterState.NONE)
    assert (second.partner_name, second.state) == ("Golden Poppy", QuarterState.SCHEDULED)
    assert second.current and second.current.place == PLACE


async def test_a_position_that_ends_before_the_meeting_is_vacant_on_its_agenda(cast: Cast) -> None:
    (row,) = await Appointment.select(Appointment.id).where(Appointment.person == cast.daniel.id)
    await end_appointment(HUB, row["id"], date(2026, 12, 1), "Retires")
    assert "Golden Poppy has no MCP Responsible Person" in await titles(
        cast.priya, await scheduled(cast), Kind.PROPOSED
    )
