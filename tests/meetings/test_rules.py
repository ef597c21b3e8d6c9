"""The agenda that the hub proposes, and the steps of a meeting: no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.calendar import Quarter
from hub.meetings.rules import (
    STEPS,
    TOPIC_WORDS,
    Event,
    HurtingDuty,
    Kind,
    Knows,
    OpenAction,
    QuarterState,
    State,
    Topic,
    Vacancy,
    in_order,
    propose_agenda,
    quarter_state,
    step,
    what_is_new,
)

TODAY = date(2026, 11, 18)
LATE_REFERRAL = HurtingDuty(
    "d1",
    "Answer the referral to Community Supports",
    "A referral is answered in 5 working days.",
    date(2026, 11, 2),
    "poppy",
    "Golden Poppy",
    "Task",
    "t1",
    about_member=True,
)
LATE_PUBLICATION = HurtingDuty(
    "d2",
    "Publish the MOU",
    "Within 30 days.",
    date(2026, 10, 1),
    "poppy",
    "Golden Poppy",
    "Agreement",
    "m1",
)


def action(key: str, due: date, confidential: bool = False) -> OpenAction:
    return OpenAction(key, f"Do {key}", "Priya Raman", "Golden Poppy", due, confidential)


def test_every_standing_topic_is_on_every_agenda_once() -> None:
    standing = [item.topic for item in propose_agenda(Knows(TODAY)) if item.kind is Kind.STANDING]
    assert standing == [topic for topic in Topic if topic is not Topic.FOLLOW_UP]
    assert set(TOPIC_WORDS) == set(Topic)


def test_open_action_items_come_first_and_the_overdue_ones_before_the_others() -> None:
    later, oldest, old = date(2026, 12, 1), date(2026, 9, 1), date(2026, 11, 1)
    items = propose_agenda(Knows(TODAY, actions=[action("c", later), action("a", oldest), action("b", old)]))
    assert [item.subject_id for item in items[:3]] == ["a", "b", "c"]
    assert items[0].why == "Open action item of Priya Raman (Golden Poppy), was due Sep 1, 2026."
    assert {item.kind for item in items[:3]} == {Kind.CARRIED}


def test_a_stuck_referral_is_a_confidential_case_and_its_pattern_an_open_concern() -> None:
    items = propose_agenda(Knows(TODAY, duties=[LATE_REFERRAL]))
    case, pattern = [item for item in items if item.kind is Kind.PROPOSED][::-1]
    assert (case.topic, case.confidential, case.subject_type, case.subject_id) == (
        Topic.CASE_SPECIFIC,
        True,
        "Task",
        "t1",
    )
    assert "was due Nov 2, 2026" in case.why
    assert (pattern.topic, pattern.confidential, pattern.title) == (
        Topic.SYSTEMIC,
        False,
        "Referrals that Golden Poppy has left waiting",
    )
    assert pattern.why.startswith("1 case waits")


def test_one_case_with_two_missed_duties_is_one_item() -> None:
    second = replace(LATE_REFERRAL, id="d9", due_on=date(2026, 11, 9))
    items = propose_agenda(Knows(TODAY, duties=[second, LATE_REFERRAL]))
    cases = [item for item in items if item.topic is Topic.CASE_SPECIFIC and item.kind is Kind.PROPOSED]
    assert [item.why[:40] for item in cases] == ["Golden Poppy owes this, was due Nov 2, 2"]


def test_a_duty_that_concerns_no_person_is_a_systemic_concern_for_everybody() -> None:
    (item,) = [i for i in propose_agenda(Knows(TODAY, duties=[LATE_PUBLICATION])) if i.kind is Kind.PROPOSED]
    assert (item.topic, item.confidential, item.subject_type) == (Topic.SYSTEMIC, False, "Duty")


def test_a_vacant_position_is_proposed_with_its_organization() -> None:
    vacancy = Vacancy("alameda", "Alameda", "ihss_liaison", "IHSS Liaison")
    (item,) = [i for i in propose_agenda(Knows(TODAY, vacancies=[vacancy])) if i.kind is Kind.PROPOSED]
    assert item.title == "Alameda has no IHSS Liaison"
    assert item.why


knows = st.builds(
    Knows,
    today=st.just(TODAY),
    actions=st.lists(
        st.builds(action, st.sampled_from("abcde"), st.dates(date(2026, 1, 1), date(2027, 1, 1)), st.booleans()),
        max_size=5,
    ),
    duties=st.lists(
        st.builds(
            replace,
            st.just(LATE_REFERRAL),
            id=st.sampled_from("xyz"),
            subject_id=st.sampled_from("pqr"),
            about_member=st.booleans(),
            organization_id=st.sampled_from("AB"),
            due_on=st.dates(date(2026, 1, 1), date(2027, 1, 1)),
        ),
        max_size=6,
    ),
    vacancies=st.lists(st.just(Vacancy("A", "Alameda", "ihss_liaison", "IHSS Liaison")), max_size=2),
)


@given(knows)
def test_a_proposal_has_no_item_twice_gives_each_a_reason_and_follows_the_order_of_topics(
    known: Knows,
) -> None:
    items = propose_agenda(known)
    assert len({item.key for item in items}) == len(items)
    assert all(item.why for item in items)
    assert items == sorted(items, key=lambda item: in_order(item.topic, item.kind))


@given(knows)
def test_whatever_concerns_one_person_is_confidential(known: Knows) -> None:
    assert all(item.confidential for item in propose_agenda(known) if item.subject_type == "Task")


@given(knows, knows)
def test_a_second_look_adds_only_what_was_not_there(first: Knows, second: Knows) -> None:
    there = {item.key for item in propose_agenda(first)}
    new = what_is_new(propose_agenda(second), there)
    assert there.isdisjoint(item.key for item in new)
    assert there | {i.key for i in new} == there | {i.key for i in propose_agenda(second)}
    assert what_is_new(propose_agenda(first), there) == []


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_a_step_that_the_table_does_not_name_does_not_exist(state: State, event: Event) -> None:
    assert step(state, event) == STEPS.get((state, event))


def test_a_cancelled_meeting_takes_no_step() -> None:
    assert not [event for event in Event if step(State.CANCELLED, event)]


def test_what_is_not_held_is_not_posted() -> None:
    assert step(State.SCHEDULED, Event.POST) is None


def test_how_an_mou_stands_in_a_quarter() -> None:
    quarter = Quarter.parse("2026-Q4")
    inside, outside = date(2026, 12, 1), date(2027, 1, 5)
    assert quarter_state(quarter, []) is QuarterState.NONE
    assert quarter_state(quarter, [("held", outside), ("cancelled", inside)]) is QuarterState.NONE
    assert quarter_state(quarter, [("scheduled", inside)]) is QuarterState.SCHEDULED
    assert quarter_state(quarter, [("scheduled", inside), ("held", inside)]) is QuarterState.HELD
