"""Numbers, ids, days and shares: the same for the same seed, and believable."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from hub.kernel import clock
from hub.kernel.calendar import add_working_days, is_working_day
from hub.members.rules import normal_cin
from hub.simulate.members import Members, participant, participants, takes_part
from hub.simulate.rows import empty
from hub.simulate.rules import Days, Size, ids, mix, slots
from hub.simulate.story import Stories
from hub.simulate.world import MOST_PLANS, POPULATION
from tests.simulate.build import SMALL, TODAY, small_world

SIZE = Size(**SMALL, today=TODAY)
HOLIDAYS = frozenset({date(2026, 11, 26), date(2026, 11, 27), date(2026, 12, 25), date(2026, 7, 3)})


def test_ids_are_uuids_of_their_time_and_no_two_are_the_same() -> None:
    make, other = ids(7, "member"), ids(7, "memberv")
    days = Days(SIZE, HOLIDAYS)
    moments = [days.at(500 + n // 100, n % 100, n % 1000) for n in range(5_000)]
    found = [make(at.ids, n) for n, at in enumerate(moments)]
    assert len(set(found) | {other(at.ids, n) for n, at in enumerate(moments)}) == 10_000
    assert found == sorted(found)
    one = UUID(found[42])
    assert (one.version, one.int >> 80) == (7, moments[42].ms)
    assert ids(8, "member")(moments[42].ids, 42) != found[42]


def test_numbers_follow_from_the_seed_alone() -> None:
    assert mix(7, 1) == 0x63CBE1E459320DD7 and mix(7, 1) != mix(8, 1)


def test_whoever_has_a_weight_has_a_place_and_the_rest_is_by_weight() -> None:
    places = slots([1, 0, 10_000, 30_000], 10)
    assert len(places) == 1024 and 1 not in places
    assert places.count(0) >= 1 and places.count(2) == pytest.approx(256, abs=2)


def test_working_days_are_those_of_the_hubs_calendar() -> None:
    days = Days(SIZE, HOLIDAYS)
    for number in range(days.today - 200, days.today + 60):
        day = days.dates[number]
        for count in (0, 1, 3, 5, 10):
            assert days.dates[days.later(number, count)] == add_working_days(day, count, HOLIDAYS)
        assert is_working_day(days.dates[days.on_or_after(number)], HOLIDAYS) and days.on_or_after(number) >= number
        assert is_working_day(days.dates[days.on_or_before(number)], HOLIDAYS) and days.on_or_before(number) <= number


def test_a_moment_says_the_same_instant_in_every_form() -> None:
    days = Days(SIZE, HOLIDAYS)
    for number in (days.number(date(2026, 1, 14)), days.number(date(2026, 7, 14))):
        at = days.at(number, 28_799, 7)
        local = at.instant.astimezone(clock.CALIFORNIA)
        assert (local.hour, local.minute, local.date()) == (15, 59, days.dates[number])
        assert at.row == at.instant.isoformat(" ", "microseconds")
        assert at.fhir == at.instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        beginning, recorded = days.dawn(number)
        assert int(beginning.replace("-", ""), 16) == days.at(number, 0).ms - 9_000_000
        assert recorded[11:16] in ("12:30", "13:30")


def test_every_county_has_a_plan_every_plan_a_county_and_the_largest_have_most() -> None:
    world = small_world(counties=58, plans=25)
    assert len(world.counties) == 58 == len(POPULATION) and MOST_PLANS >= 25
    assert {pair.county.id for pair in world.executed} == {county.id for county in world.counties}
    assert {pair.plan.id for pair in world.pairs} == {plan.id for plan in world.plans}
    assert 120 < len(world.executed) < len(world.pairs) < 220
    assert {pair.stage for pair in world.pairs} == {"executed", "negotiation", "in_signature", "draft"}
    by_county: dict[str, float] = {}
    for pair in world.executed:
        by_county[pair.county.name] = by_county.get(pair.county.name, 0) + pair.weight
    assert max(by_county, key=lambda name: by_county[name]) == "Los Angeles County"
    assert len({person.username for person in world.people}) == len(world.people)
    for pair in world.pairs:
        assert pair.county_deputy != pair.county_liaison and pair.plan_deputy != pair.plan_liaison


def test_members_have_numbers_of_their_own_that_were_never_issued() -> None:
    world = small_world(members=60_000)
    members, rows = Members(world), empty()
    for index in range(0, 60_000, 7):
        members.add(rows, index)
    numbers = [str(row[5]) for row in rows["member"]]
    assert len(set(numbers)) == len(numbers)
    assert all(normal_cin(number) == number and number.startswith("0") for number in numbers)
    cases = [row[11] for row in rows["member"] if row[11]]
    assert len(set(cases)) == len(cases) > len(numbers) / 2
    assert len({(row[6], row[7]) for row in rows["member"]}) > 1_000  # names


def test_those_who_take_part_are_counted_and_found_by_their_place() -> None:
    taking = [index for index in range(500) if takes_part(index)]
    assert [participant(place) for place in range(len(taking))] == taking
    for members in (0, 1, 10, 11, 12, 20, 333):
        assert participants(members) == sum(takes_part(index) for index in range(members))


def test_a_referral_is_sent_under_a_consent_and_an_mou_of_its_day_and_goes_on_in_order() -> None:
    world = small_world(members=2_000, referrals=3_000)
    stories = Stories(world, Members(world))
    told = [story for story in map(stories.tell, range(3_000)) if story is not None]
    assert len(told) > 2_900
    for story in told:
        day, given, pair = story.sent.day, story.consent, story.member.pair
        assert pair.executed < day <= world.days.last and given.at.day < day and not given.refused
        assert given.until is None or day <= given.until
        assert given.revoked is None or day < given.revoked.day
        assert given.two_way or given.by is (pair.plan if story.to_county else pair.county)
        moments = [story.sent.ms, *(step.at.ms for step in story.steps), *([story.closed.ms] if story.closed else [])]
        assert moments == sorted(set(moments))
        for before, after in zip(story.steps, story.steps[1:], strict=False):
            assert before.after is after.before
    late = sum(1 for story in told if story.steps and story.steps[0].at.day > world.days.later(story.sent.day, 5))
    assert 0.02 < late / len(told) < 0.25
