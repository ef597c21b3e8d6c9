"""The figures of the quarterly report over made-up histories: no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.calendar import Quarter
from hub.reports.rules import (
    DUTY_WORDS,
    AgreementFact,
    Direction,
    DutyFact,
    DutyOutcome,
    Facts,
    MeetingFact,
    Period,
    ReferralRow,
    Step,
    Tenure,
    acceptance_rate,
    added_up,
    closure_reasons,
    count,
    duty_outcome,
    figures_of,
    holder_on,
    in_work_on,
    median_days_to_answer,
    median_days_to_close,
    mou_in_words,
    select,
    waiting_on,
    words_of,
)

Q3 = Period(Quarter.parse("2026-Q3"), date(2026, 11, 18))
OUT, IN = Direction.COUNTY_TO_PLAN, Direction.PLAN_TO_COUNTY


def day(month: int, number: int) -> date:
    return date(2026, month, number)


def referral(*steps: tuple[str, date], direction: Direction = OUT, **more: object) -> ReferralRow:
    row = ReferralRow("t", "rosa", "community-supports", direction, tuple(Step(*step) for step in steps))
    return replace(row, **more)  # type: ignore[arg-type]


def facts(*rows: ReferralRow) -> Facts:
    return Facts("poppy", "Golden Poppy", referrals=rows)


CLOSED_IN_TIME = referral(
    ("requested", day(7, 6)), ("accepted", day(7, 8)), ("completed", day(8, 5)), closure_reason="services-received"
)


def test_a_referral_that_went_through_in_the_quarter_is_sent_accepted_and_closed_and_nothing_else() -> None:
    counted = {name: count(name, facts(CLOSED_IN_TIME), Q3) for name in figures_of(Q3)}
    assert {name for name, number in counted.items() if number} == {
        f"referral:{OUT}:sent",
        f"referral:{OUT}:accepted",
        f"referral:{OUT}:closed",
    }
    assert median_days_to_answer(OUT, facts(CLOSED_IN_TIME), Q3) == 2
    assert median_days_to_close(OUT, facts(CLOSED_IN_TIME), Q3) == 30
    assert closure_reasons(OUT, facts(CLOSED_IN_TIME), Q3) == [("services-received", 1)]


def test_an_answer_after_the_quarter_leaves_the_referral_unanswered_in_the_quarter() -> None:
    row = referral(("requested", day(9, 28)), ("accepted", day(10, 2)))
    assert count(f"referral:{OUT}:unanswered", facts(row), Q3) == 1
    assert count(f"referral:{OUT}:accepted", facts(row), Q3) == 0
    q4 = Period(Quarter.parse("2026-Q4"), date(2026, 11, 18))
    assert count(f"referral:{OUT}:accepted", facts(row), q4) == 1
    assert count(f"referral:{OUT}:in-work", facts(row), q4) == 1


def test_a_referral_past_its_answer_date_is_late_only_once_that_date_is_over() -> None:
    row = referral(("requested", day(9, 23)), answer_due=day(9, 30))
    assert count(f"referral:{OUT}:late", facts(row), Q3) == 1
    assert count(f"referral:{OUT}:late", facts(row), replace(Q3, today=day(9, 30))) == 0


def test_a_declined_referral_counts_against_acceptance_and_is_not_among_the_closed() -> None:
    declined = referral(("requested", day(7, 6)), ("rejected", day(7, 7)), closure_reason="other")
    known = facts(CLOSED_IN_TIME, declined)
    assert acceptance_rate(OUT, known, Q3) == 0.5
    assert closure_reasons(OUT, known, Q3) == [("services-received", 1)]
    assert acceptance_rate(IN, known, Q3) is None


def test_where_nothing_was_answered_or_closed_there_is_no_median() -> None:
    assert median_days_to_answer(OUT, facts(), Q3) is None
    assert median_days_to_close(OUT, facts(), Q3) is None


def test_the_state_of_an_mou_is_that_of_the_quarters_last_day() -> None:
    agreement = AgreementFact(
        "m", "IHSS MOU", (("draft", day(6, 1)), ("executed", day(9, 1)), ("terminated", day(10, 5))), day(9, 1)
    )
    known = Facts("poppy", "Golden Poppy", agreements=(agreement,))
    assert mou_in_words(known, day(5, 1)) == "No MOU"
    assert mou_in_words(known, day(8, 31)) == "Draft"
    assert mou_in_words(known, Q3.as_of) == "Executed"
    assert mou_in_words(known, day(10, 5)) == "Terminated"
    assert count("mous-in-force", known, Q3) == 1


def test_an_executed_mou_is_in_force_from_its_effective_date_to_its_end_date() -> None:
    agreement = AgreementFact("m", "IHSS MOU", (("executed", day(6, 1)),), day(7, 1), day(8, 31))
    known = Facts("poppy", "Golden Poppy", agreements=(agreement,))
    assert mou_in_words(known, day(6, 30)) == "Executed, not in force yet"
    assert mou_in_words(known, day(8, 31)) == "Executed"
    assert mou_in_words(known, day(9, 1)) == "Expired"


def test_a_holder_towards_this_partner_goes_before_one_towards_everybody() -> None:
    general = Tenure("alameda", None, "ihss_liaison", "Thomas", day(1, 1), None)
    named = Tenure("alameda", "poppy", "ihss_liaison", "Marisol", day(2, 1), day(8, 31))
    both = [general, named]
    assert holder_on(both, "ihss_liaison", "alameda", "poppy", day(8, 31)) == "Marisol"
    assert holder_on(both, "ihss_liaison", "alameda", "poppy", day(9, 1)) == "Thomas"
    assert holder_on(both, "ihss_liaison", "alameda", "laurel", day(8, 31)) == "Thomas"
    assert holder_on([named], "ihss_liaison", "alameda", "poppy", day(9, 30)) is None


DUTY = DutyFact("d", "referral-answer", "Answer", "plan", day(7, 1), day(7, 8), "open", None)


@pytest.mark.parametrize(
    ("duty", "outcome"),
    [
        (replace(DUTY, state="met", settled_on=day(7, 8)), DutyOutcome.MET),
        (replace(DUTY, state="missed", settled_on=day(7, 9)), DutyOutcome.MISSED),
        (replace(DUTY, state="missed", settled_on=day(10, 9)), DutyOutcome.MISSED),
        (DUTY, DutyOutcome.MISSED),
        (replace(DUTY, state="excused", settled_on=day(7, 3)), DutyOutcome.EXCUSED),
        (replace(DUTY, state="excused", settled_on=day(10, 3)), DutyOutcome.MISSED),
        (replace(DUTY, state="cancelled", settled_on=day(7, 3)), DutyOutcome.CANCELLED),
        (replace(DUTY, due_on=day(10, 1)), None),
        (replace(DUTY, due_on=day(9, 30)), DutyOutcome.MISSED),
    ],
)
def test_how_a_duty_stood_when_the_quarter_was_over(duty: DutyFact, outcome: DutyOutcome | None) -> None:
    assert duty_outcome(duty, Q3) is outcome


def test_a_duty_is_not_missed_before_its_day_is_over() -> None:
    due_today = replace(DUTY, due_on=day(9, 30))
    assert duty_outcome(due_today, replace(Q3, today=day(9, 30))) is DutyOutcome.PENDING
    assert duty_outcome(due_today, replace(Q3, today=day(10, 1))) is DutyOutcome.MISSED


def test_a_meeting_posted_after_the_quarter_is_held_in_it_and_not_posted_in_it() -> None:
    known = Facts("p", "P", meetings=(MeetingFact("m", day(9, 20), day(9, 20), day(10, 9)),))
    assert (count("meetings-held", known, Q3), count("meetings-posted", known, Q3)) == (1, 0)


def test_a_figure_that_there_is_not_is_refused() -> None:
    for name in ("nonsense", "referral:sideways:sent", f"referral:{OUT}:nonsense", "duty:plan:nonsense"):
        with pytest.raises((KeyError, ValueError)):
            select(name, facts(), Q3)
        with pytest.raises((KeyError, ValueError)):
            words_of(name)


def test_every_figure_has_words() -> None:
    assert all(words_of(name) for name in figures_of(Q3))
    assert words_of(f"referral:{OUT}:closed:services-received") == ("From county to plan: closed, services received")


# Any history that the state table could have written: sent some day, then on, each step some days after the last.
_PATHS = [
    ("requested",),
    ("requested", "received"),
    ("requested", "cancelled"),
    ("requested", "rejected"),
    ("requested", "accepted"),
    ("requested", "accepted", "in-progress", "on-hold", "in-progress", "completed"),
    ("requested", "received", "accepted", "failed"),
    ("requested", "accepted", "cancelled"),
    ("requested", "entered-in-error"),
    ("draft", "requested", "accepted", "completed"),
    ("draft",),
    ("requested", "rejected", "entered-in-error"),
]


@st.composite
def histories(draw: st.DrawFn) -> ReferralRow:
    path = draw(st.sampled_from(_PATHS))
    on = draw(st.dates(day(4, 1), day(11, 18)))
    steps = []
    for status in path:
        steps.append((status, on))
        on += timedelta(days=draw(st.integers(0, 40)))
    ended = path[-1] in ("completed", "failed", "cancelled", "rejected", "entered-in-error")
    reason = draw(st.sampled_from(["services-received", "unable-to-reach", None])) if ended else None
    return referral(*steps, direction=draw(st.sampled_from(Direction)), closure_reason=reason)


worlds = st.lists(histories(), max_size=12).map(lambda rows: facts(*rows))
periods = st.builds(
    Period, st.sampled_from([Quarter(2026, n) for n in (2, 3, 4)]), st.dates(day(4, 1), date(2027, 3, 1))
)


@given(worlds, periods, st.sampled_from(Direction))
def test_what_was_open_and_what_came_in_is_what_went_out_and_what_is_open(
    known: Facts, period: Period, direction: Direction
) -> None:
    before = period.quarter.start - timedelta(days=1)
    rows = [row for row in known.referrals if row.direction is direction]
    open_before = sum(waiting_on(row, before) or in_work_on(row, before) for row in rows)

    def number(name: str) -> int:
        return count(f"referral:{direction}:{name}", known, period)

    if period.today < period.quarter.start:
        return
    assert open_before + number("sent") == (
        number("rejected") + number("closed") + number("unanswered") + number("in-work")
    )


@given(worlds, periods, st.sampled_from(Direction))
def test_closure_reasons_add_up_to_what_was_closed_and_each_opens_to_its_rows(
    known: Facts, period: Period, direction: Direction
) -> None:
    reasons = closure_reasons(direction, known, period)
    assert sum(number for _, number in reasons) == count(f"referral:{direction}:closed", known, period)
    for reason, number in reasons:
        assert count(f"referral:{direction}:closed:{reason}", known, period) == number


@given(st.lists(worlds, max_size=4), periods)
def test_the_total_of_all_partners_is_the_sum_of_the_partners(known: list[Facts], period: Period) -> None:
    for name in figures_of(period):
        assert count(name, added_up(known), period) == sum(count(name, one, period) for one in known)


@given(worlds, st.lists(st.tuples(st.sampled_from(["accepted", "completed"]), st.integers(1, 90))))
def test_what_takes_effect_after_a_quarter_never_changes_its_figures(
    known: Facts, later: list[tuple[str, int]]
) -> None:
    added = tuple(Step(status, Q3.quarter.end + timedelta(days=n)) for status, n in sorted(later, key=lambda x: x[1]))
    before = [replace(r, steps=tuple(s for s in r.steps if s.on <= Q3.quarter.end)) for r in known.referrals]
    after = [replace(r, steps=r.steps + added) for r in before]
    for name in figures_of(Q3):
        assert count(name, facts(*before), Q3) == count(name, facts(*after), Q3)
    for direction in Direction:
        assert median_days_to_answer(direction, facts(*before), Q3) == median_days_to_answer(
            direction, facts(*after), Q3
        )


duties = st.builds(
    DutyFact,
    st.just("d"),
    st.just("r"),
    st.just("t"),
    st.sampled_from(["county", "plan"]),
    st.dates(day(5, 1), day(7, 15)),
    st.dates(day(6, 1), day(11, 1)),
    st.sampled_from(["open", "met", "missed", "excused"]),
    st.none() | st.dates(day(6, 1), day(11, 1)),
)


@given(st.lists(duties, max_size=10), periods)
def test_every_duty_due_in_the_quarter_ends_in_exactly_one_figure(known: list[DutyFact], period: Period) -> None:
    held = Facts("p", "P", duties=tuple(known))
    due = [d for d in known if d.due_on in period.quarter and d.opened_on <= period.as_of]
    total = sum(count(f"duty:{o}:{w}", held, period) for o in ("county", "plan") for w in DUTY_WORDS)
    assert total == len(due)
