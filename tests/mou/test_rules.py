"""The MOU's life and its guards: rules without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from hub.directory.rules import REQUIRED_FOR_MOU
from hub.mou.rules import (
    CLOSES_THE_LOOP,
    ELEMENT_WORDS,
    EVENT_WORDS,
    FINAL,
    HISTORY_WORDS,
    IN_FORCE,
    SECTION_NAMES,
    STATE_WORDS,
    STEPS,
    Contents,
    DataElement,
    Direction,
    Event,
    Filled,
    Seat,
    Section,
    Signature,
    State,
    guard,
    missing_for_execution,
    missing_in_text,
    possible,
)
from hub.mou.template import REQUIREMENTS

SIGNED = date(2026, 3, 2)


def whole() -> Contents:
    """An MOU that lacks nothing."""
    sides = {"county": ("c", "Sonoma County"), "plan": ("p", "Bay Laurel Care")}
    directions = tuple(
        Direction(*sides[a], a, *sides[b], b, CLOSES_THE_LOOP[a]) for a, b in (("plan", "county"), ("county", "plan"))
    )
    return Contents(
        state=State.IN_SIGNATURE,
        template="dhcs-ihss-2024",
        renewal="fixed",
        effective_date=date(2026, 4, 1),
        end_date=date(2027, 3, 31),
        signatures=tuple(Signature(s, sides[s][1], s, "Somebody", None, SIGNED) for s in sides),
        seats=tuple(Seat(p, "c", "Sonoma County", "p", "Bay Laurel Care", True) for p in REQUIRED_FOR_MOU),
        sections={section: Filled("As agreed.", True) for section in Section},
        directions=directions,
    )


def test_an_mou_that_lacks_nothing_may_be_executed() -> None:
    assert missing_for_execution(whole()) == []


def test_every_thing_that_is_missing_is_named_at_once() -> None:
    empty = Contents(
        state=State.DRAFT, template="dhcs-ihss-2024", renewal=None, effective_date=None, end_date=None,
        signatures=tuple(replace(one, signatory=None, signed_on=None) for one in whole().signatures),
        seats=tuple(replace(seat, filled=False) for seat in whole().seats),
        directions=tuple(replace(one, elements=frozenset()) for one in whole().directions),
    )  # fmt: skip
    where = [issue.where for issue in missing_for_execution(empty)]
    assert where.count("effective_date") == 1
    assert sum(w.startswith("section:") for w in where) == len(Section)
    assert sum(w.startswith("elements:") for w in where) == 2
    assert sum(w.startswith("position:") for w in where) == 4
    assert sum(w.startswith("party:") for w in where) == 4  # no signatory and no signature, of two parties
    assert where[-1] == "state"


@given(st.sampled_from([*Section]), st.booleans())
def test_an_mou_without_one_of_its_ten_sections_is_not_executed(section: Section, begun: bool) -> None:
    contents = whole()
    sections = {**contents.sections, section: Filled("Begun." if begun else " ", not begun)}
    found = missing_for_execution(replace(contents, sections=sections))
    assert [issue.where for issue in found] == [f"section:{section}"]
    assert SECTION_NAMES[section] in found[0].words


@given(st.integers(0, 3))
def test_an_mou_without_one_of_its_four_positions_is_not_executed(vacant: int) -> None:
    contents = whole()
    seats = tuple(replace(seat, filled=n != vacant) for n, seat in enumerate(contents.seats))
    assert len(missing_for_execution(replace(contents, seats=seats))) == 1


@given(st.sampled_from(["plan", "county"]), st.data())
def test_without_what_closes_the_loop_an_mou_is_not_executed(side: str, data: st.DataObject) -> None:
    lacking = data.draw(st.sampled_from(sorted(CLOSES_THE_LOOP[side])))
    contents = whole()
    directions = tuple(
        replace(one, elements=frozenset(DataElement) - {lacking}) if one.discloser_kind == side else one
        for one in contents.directions
    )
    found = missing_for_execution(replace(contents, directions=directions))
    assert len(found) == 1
    assert ELEMENT_WORDS[lacking][0].lower() in found[0].words


def test_an_mou_that_predates_the_template_does_not_satisfy_it() -> None:
    assert [issue.where for issue in missing_in_text(replace(whole(), template="none"))] == ["template"]


def test_an_end_date_must_follow_the_start_unless_the_mou_renews_itself() -> None:
    early = replace(whole(), end_date=date(2026, 4, 1))
    assert [issue.where for issue in missing_in_text(early)] == ["end_date"]
    assert missing_in_text(replace(whole(), end_date=None, renewal="automatic")) == []
    assert [i.where for i in missing_in_text(replace(whole(), end_date=None))] == ["end_date"]


@given(st.lists(st.sampled_from([*Event]), max_size=12))
def test_no_path_leads_to_execution_around_its_guard(events: list[Event]) -> None:
    """Walk the table as the action does. Without a signature no walk comes into force."""
    unsigned = tuple(replace(one, signed_on=None) for one in whole().signatures)
    contents = replace(whole(), state=State.DRAFT, signatures=unsigned)
    for event in events:
        step = STEPS.get((contents.state, event))
        if step is None or guard(event, contents):
            continue
        contents = replace(contents, state=step.to)
    assert contents.state not in IN_FORCE


def test_only_execution_leads_from_before_into_force() -> None:
    into = {event for (at, event), step in STEPS.items() if at not in IN_FORCE and step.to in IN_FORCE}
    assert into == {Event.EXECUTE}


def test_nothing_leaves_a_final_state_and_every_other_state_can_end() -> None:
    assert not [at for at, _ in STEPS if at in FINAL]
    for state in set(State) - FINAL:
        assert (state, Event.TERMINATE) in STEPS


def test_every_state_is_reachable() -> None:
    reached = {State.DRAFT}
    for _ in State:
        reached |= {step.to for (at, _), step in STEPS.items() if at in reached}
    assert reached == set(State)


def test_the_buttons_are_those_of_the_table() -> None:
    liaison, responsible = {"mou.write"}, {"mou.write", "mou.sign"}
    assert Event.EXECUTE not in possible(State.IN_SIGNATURE, liaison, "county")
    assert Event.EXECUTE in possible(State.IN_SIGNATURE, responsible, "plan")
    assert possible(State.EXECUTED, responsible, None) == []
    for state in State:
        assert Event.EXPIRE not in possible(state, responsible, "county")


def test_every_word_list_is_whole() -> None:
    assert set(SECTION_NAMES) == set(REQUIREMENTS) == set(Section)
    assert set(ELEMENT_WORDS) == set(DataElement)
    assert set(STATE_WORDS) == set(State)
    assert set(EVENT_WORDS) == set(Event) <= set(HISTORY_WORDS)
