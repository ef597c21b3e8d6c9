"""The transition table, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.errors import Forbidden, WrongStep
from hub.referrals.rules import (
    ENDED,
    STEPS,
    ClosureReason,
    Event,
    Side,
    Status,
    check_request_step,
    closure_reason,
    step_for_change,
    step_for_event,
    steps_open_to,
)

# The published diagram (fhir.md 1.4), written down once more by hand.
DIAGRAM = {
    "draft": {"requested"},
    "requested": {"accepted", "rejected", "cancelled"},
    "accepted": {"in-progress", "on-hold", "cancelled", "completed", "failed"},
    "in-progress": {"completed", "failed", "on-hold", "cancelled"},
    "on-hold": {"in-progress", "completed", "failed", "cancelled"},
}
OWNERS = {"accepted", "rejected", "in-progress", "on-hold", "failed", "completed"}

statuses = st.sampled_from(list(Status))
sides = st.sampled_from([Side.REQUESTER, Side.OWNER])


def _allowed(before: Status, after: Status, side: Side) -> bool:
    if after is Status.VOID:
        return side is Side.REQUESTER and before is not Status.VOID
    if after.value not in DIAGRAM.get(before.value, set()):
        return False
    if after is Status.CANCELLED:
        return True
    return (after.value in OWNERS) == (side is Side.OWNER)


@given(statuses, statuses, sides)
def test_exactly_the_edges_of_the_published_diagram_are_allowed(before: Status, after: Status, side: Side) -> None:
    if _allowed(before, after, side):
        assert step_for_change(before, after, side).after is after
    else:
        with pytest.raises((WrongStep, Forbidden)):
            step_for_change(before, after, side)


@given(statuses, st.sampled_from(list(Event)), sides)
def test_a_button_and_a_status_over_fhir_are_decided_by_the_same_edge(before: Status, event: Event, side: Side) -> None:
    try:
        by_event = step_for_event(before, event, side)
    except (WrongStep, Forbidden):
        assert all(s.side not in (side, Side.EITHER) for s in STEPS if s.before is before and s.event is event)
        return
    assert step_for_change(before, by_event.after, side) is by_event


@given(statuses, sides)
def test_the_page_offers_only_steps_that_the_table_takes(status: Status, side: Side) -> None:
    for step in steps_open_to(status, side):
        assert step_for_event(status, step.event, side) is step


def test_nothing_leaves_an_ended_status_but_to_say_it_was_an_error() -> None:
    assert {s.after for s in STEPS if s.before in ENDED} == {Status.VOID}


@given(statuses, st.none() | st.text(max_size=10) | st.sampled_from([r.value for r in ClosureReason]))
def test_every_ended_referral_has_a_closure_reason_but_one_entered_in_error(status: Status, coded: str | None) -> None:
    reason = closure_reason(status, coded)
    assert (reason is not None) == (status in ENDED - {Status.VOID})
    if status is not Status.COMPLETED:
        assert reason is not ClosureReason.SERVICES_RECEIVED


@pytest.mark.parametrize(("before", "after"), [("completed", "active"), ("revoked", "active"), ("draft", "completed")])
def test_a_service_request_takes_no_step_that_its_table_does_not_have(before: str, after: str) -> None:
    with pytest.raises(WrongStep, match=before):
        check_request_step(before, after)
