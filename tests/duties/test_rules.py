"""Due dates, endings and whose work it is: pure."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.duties import rules
from hub.duties.rules import Because, Clock, Event, Group, LimitUnit, Seat, State
from hub.kernel.calendar import is_working_day
from hub.kernel.errors import WrongStep

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
HOLIDAYS = st.sets(DAYS, max_size=40)
THANKSGIVING = date(2026, 11, 26)

# domain.md section 9: the first column of the table.
SECTION_9 = [
    "referral-answer",
    "referral-answer-escalate",
    "referral-answer-agenda",
    "referral-progress",
    "referral-close-own",
    "contact-change-plan-county",
    "contact-change-plan-dhcs",
    "contact-change-county",
    "meeting-quarterly",
    "meeting-posted",
    "compliance-report",
    "training-existing",
    "training-new",
    "training-annual",
    "mou-published",
    "mou-annual-review",
    "exhibit-c-review",
    "document-request-dhcs",
    "dispute-negotiation",
    "soc-873",
    "uhv-window",
    "mailing-yearly",
    "soc-2245",
    "proposal-decision",
    "assignment-pending",
    "retention-mou",
    "retention-fraud",
]


def test_every_first_rule_is_there_once_with_its_authority() -> None:
    ids = [rule.id for rule in rules.FIRST_RULES]
    assert set(SECTION_9) <= set(ids)
    assert len(ids) == len(set(ids))
    assert all(rule.authority and rule.words and rule.trigger and rule.owed_by for rule in rules.FIRST_RULES)


def test_a_referral_sent_on_a_wednesday_before_thanksgiving_is_due_a_day_later() -> None:
    assert rules.due_date(date(2026, 11, 20), 5, "working_day", {THANKSGIVING}) == date(2026, 11, 30)
    assert rules.due_date(date(2026, 11, 20), 5, "working_day", set()) == date(2026, 11, 27)


@given(DAYS, st.integers(1, 90), HOLIDAYS)
def test_a_limit_in_working_days_ends_on_a_working_day_with_that_many_after_the_start(
    start: date, count: int, holidays: set[date]
) -> None:
    due = rules.due_date(start, count, LimitUnit.WORKING_DAY, holidays)
    between = [start + timedelta(days=n) for n in range(1, (due - start).days + 1)]
    assert is_working_day(due, holidays)
    assert sum(is_working_day(day, holidays) for day in between) == count


@given(DAYS, st.integers(0, 60), st.sampled_from(LimitUnit), HOLIDAYS)
def test_no_limit_ends_before_it_begins_and_a_longer_one_never_ends_earlier(
    start: date, count: int, unit: LimitUnit, holidays: set[date]
) -> None:
    due = rules.due_date(start, count, unit, holidays)
    assert due >= start
    assert rules.due_date(start, count + 1, unit, holidays) >= due


@given(DAYS, st.integers(0, 30), HOLIDAYS, DAYS)
def test_one_more_holiday_never_brings_a_date_nearer(start: date, count: int, holidays: set[date], more: date) -> None:
    before = rules.due_date(start, count, LimitUnit.WORKING_DAY, holidays)
    assert rules.due_date(start, count, LimitUnit.WORKING_DAY, holidays | {more}) >= before


def test_quarters_and_years_end_on_their_last_day() -> None:
    start = date(2026, 11, 18)
    assert rules.due_date(start, 0, "quarter_end", ()) == date(2026, 12, 31)
    assert rules.due_date(start, 1, "quarter_end", ()) == date(2027, 3, 31)
    assert rules.due_date(start, 0, "year_end", ()) == date(2026, 12, 31)
    assert rules.due_date(date(2024, 2, 29), 3, "year", ()) == date(2027, 2, 28)


def test_a_rule_without_a_limit_says_that_the_caller_must_name_the_date() -> None:
    with pytest.raises(rules.NoLimit):
        rules.due_date(date(2026, 11, 18), None, None, ())


def test_a_limit_reads_as_people_say_it() -> None:
    assert rules.limit_in_words(5, "working_day") == "5 working days"
    assert rules.limit_in_words(1, "month") == "1 month"
    assert rules.limit_in_words(0, "calendar_day") == "the same day"
    assert rules.limit_in_words(0, "quarter_end") == "the quarter’s last day"
    assert rules.limit_in_words(None, None) == "as agreed"


def test_done_on_the_last_day_is_met_and_a_day_later_missed() -> None:
    due = date(2026, 11, 18)
    assert rules.settled_as(due, due) is Event.MET
    assert rules.settled_as(due, due + timedelta(days=1)) is Event.MISSED


def test_an_ended_duty_stays_as_it_ended() -> None:
    for state in set(State) - {State.OPEN}:
        for event in Event:
            with pytest.raises(WrongStep):
                rules.after(state, event)


def test_the_groups_of_the_work_list_part_at_today_and_at_sunday() -> None:
    wednesday = date(2026, 11, 18)
    expected = {-1: Group.OVERDUE, 0: Group.TODAY, 1: Group.WEEK, 4: Group.WEEK, 5: Group.LATER}
    for days, group in expected.items():
        assert rules.group_of(wednesday + timedelta(days=days), wednesday) is group


def test_each_step_of_the_escalation_is_due_once() -> None:
    due, today = date(2026, 11, 2), date(2026, 11, 18)
    fresh = Clock(due, escalate_on=date(2026, 11, 5), agenda_on=date(2026, 11, 9))
    assert rules.steps_due(fresh, due) == []
    assert rules.steps_due(fresh, date(2026, 11, 3)) == [Event.OVERDUE]
    assert rules.steps_due(fresh, today) == [Event.OVERDUE, Event.ESCALATED, Event.ON_AGENDA]
    done = Clock(due, date(2026, 11, 5), date(2026, 11, 9), today, today, today)
    assert rules.steps_due(done, today) == []


# Whose work it is

TODAY = date(2026, 11, 18)
SINCE = date(2026, 1, 1)


def seat(
    person: str, position: str = "liaison", counterpart: str | None = "poppy", deputy: str | None = None,
    until: date | None = None,
) -> Seat:  # fmt: skip
    return Seat(f"{person}-{position}-{counterpart}", position, counterpart, person, deputy, SINCE, until)


def mine(me: str, *seats: Seat, escalated_to: str | None = None, counterpart: str = "poppy") -> Because | None:
    return rules.Desks(seats, "responsible", TODAY).why(me, "liaison", counterpart, escalated_to)


def test_the_holder_and_the_deputy_see_the_work_of_a_position_and_others_do_not() -> None:
    seats = (seat("marisol", deputy="nadia"), seat("thomas", "responsible"))
    assert mine("marisol", *seats) is Because.HOLDER
    assert mine("nadia", *seats) is Because.DEPUTY
    assert mine("thomas", *seats) is None
    assert mine("marisol", *seats, counterpart="laurel") is None


def test_a_holder_towards_one_partner_wins_over_one_towards_everybody() -> None:
    seats = (seat("general", counterpart=None), seat("specific"))
    assert mine("specific", *seats) is Because.HOLDER
    assert mine("general", *seats) is None
    assert mine("general", *seats, counterpart="laurel") is Because.HOLDER


def test_the_work_of_a_vacant_position_shows_to_its_last_deputy_and_to_the_responsible_person() -> None:
    gone = seat("marisol", deputy="nadia", until=TODAY - timedelta(days=1))
    seats = (gone, seat("thomas", "responsible"))
    assert mine("marisol", *seats) is None
    assert mine("nadia", *seats) is Because.VACANT
    assert mine("thomas", *seats) is Because.VACANT
    assert rules.whom_to_tell("liaison", "poppy", seats=seats, responsible="responsible", on=TODAY) == "nadia"


def test_escalated_work_shows_to_the_responsible_person_as_well() -> None:
    seats = (seat("marisol"), seat("thomas", "responsible"))
    assert mine("thomas", *seats, escalated_to="responsible") is Because.ESCALATED
    assert mine("marisol", *seats, escalated_to="responsible") is Because.HOLDER


@given(
    st.lists(
        st.builds(
            Seat, id=st.uuids().map(str), position=st.sampled_from(["liaison", "responsible"]),
            counterpart=st.sampled_from([None, "poppy", "laurel"]), person=st.sampled_from("abc"),
            deputy=st.sampled_from([None, "d"]), from_date=DAYS, until_date=st.none() | DAYS,
        ),
        max_size=6,
    ),
    DAYS,
)  # fmt: skip
def test_work_is_lost_only_where_nobody_holds_the_position_nor_the_one_above(seats: list[Seat], today: date) -> None:
    desks = rules.Desks(seats, "responsible", today)
    seen = [person for person in "abcd" if desks.why(person, "liaison", "poppy")]
    holder = rules.sitting(seats, "liaison", "poppy", today)
    assert desks.holder("liaison", "poppy") == holder
    chief = rules.sitting(seats, "responsible", "poppy", today)
    if holder or chief:
        assert seen
    if holder:
        assert set(seen) <= {holder.person, holder.deputy}
