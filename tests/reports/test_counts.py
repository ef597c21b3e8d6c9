"""What the database counts for a report is what the rules say of each single row, and the rows behind are those."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from statistics import median

import pytest_asyncio

from hub.db.engine import Engine, fetch
from hub.directory import queries as directory
from hub.kernel import clock
from hub.kernel.calendar import Quarter
from hub.referrals.actions.desk import close_loop, take_step
from hub.referrals.rules import Event
from hub.reports import actions
from hub.reports.queries import gather, page_behind
from hub.reports.queries.behind import referral_rows
from hub.reports.rules import (
    ALL,
    Counted,
    DutyFact,
    Facts,
    Period,
    added_up,
    closure_reasons,
    count,
    counted,
    figures_of,
    median_days_to_answer,
    median_days_to_close,
    select,
)
from hub.reports.rules import Direction as Way
from hub.simulate.build import State
from tests.simulate.build import TODAY, small_state, user

THIS = Quarter.of(TODAY)
PERIODS = [
    Period(THIS, TODAY),
    Period(THIS.previous, TODAY),
    Period(THIS.previous.previous.previous, TODAY),
    Period(THIS.previous, THIS.previous.end - timedelta(days=20)),  # as it was seen while it ran
]


@pytest_asyncio.fixture
async def state(database: Engine) -> AsyncIterator[State]:
    """A small State in which, besides, referrals were entered in error after they had ended, and loops then closed."""
    built = await small_state(database)
    sides = {side.id: side for side in built.world.sides}
    rows = await fetch(
        "SELECT id, version, status, requester, loop_closed_on, updated_at FROM task WHERE status <> 'entered-in-error'"
        " ORDER BY id"
    )
    seen: dict[tuple[str, bool], int] = {}
    for row in rows:
        kind = (row["status"], row["loop_closed_on"] is None)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > 3 or row["updated_at"] > clock.now() - timedelta(days=10):
            continue
        who = await user(sides[row["requester"]].liaisons[0].id)
        with clock.set_to(clock.now() - timedelta(days=3 * seen[kind])):
            await take_step(who, row["id"], Event.VOID, version=row["version"])
            if kind[1] and seen[kind] == 1:
                await close_loop(who, row["id"])
    yield built


async def by_hand(organization: str, period: Period) -> dict[str, Counted]:
    """Row by row: every referral with its history, every duty."""
    own = await directory.organization(organization)
    kinds = {one.id: one.kind for one in await directory.organizations()}
    tasks = await fetch("SELECT * FROM task WHERE requester = {} OR owner = {}", own.id, own.id)
    facts: dict[str, Facts] = {}
    for start in range(0, len(tasks), 400):
        for partner, row in await referral_rows(tasks[start : start + 400], own, period):
            known = facts.setdefault(partner, Facts(partner, ""))
            facts[partner] = replace(known, referrals=(*known.referrals, row))
    for duty in await fetch("SELECT * FROM duty WHERE organization = {} OR counterpart = {}", own.id, own.id):
        other = duty["counterpart"] if duty["organization"] == own.id else duty["organization"]
        if other is None or (duty["organization"] != own.id and not duty["shared"]):
            continue
        known = facts.setdefault(other, Facts(other, ""))
        fact = DutyFact(
            duty["id"], duty["rule"], duty["title"], kinds[duty["organization"]], duty["opened_on"], duty["due_on"],
            duty["state"], duty["settled_on"], duty["member"],
        )  # fmt: skip
        facts[other] = replace(known, duties=(*known.duties, fact))
    return {partner: counted(known, period) for partner, known in facts.items()}


def positive(found: Counted) -> Counted:
    """Without what is 0."""

    def kept(numbers: dict[object, int]) -> dict[object, int]:
        return {key: n for key, n in numbers.items() if n}

    return Counted(
        kept(dict(found.figures)),  # type: ignore[arg-type]
        *({way: kept(dict(numbers.get(way, {}))) for way in Way}  # type: ignore[arg-type]
          for numbers in (found.reasons, found.answered, found.closed)),
    )  # fmt: skip


async def test_the_database_counts_what_the_rules_say_of_each_row(state: State) -> None:
    for side in (*state.world.counties[:2], state.world.plans[0]):
        for period in PERIODS:
            report = await gather(side.id, period.quarter, period.today)
            expected = await by_hand(side.id, period)
            for facts in report.partners:
                assert facts.counted is not None
                assert positive(facts.counted) == positive(expected.get(facts.partner, Counted())), (side.name, period)
            for direction in Way:  # and the medians and reasons of all
                rows = expected.values()
                assert closure_reasons(direction, report.total, period) == closure_reasons(
                    direction, added_up([Facts(ALL, "", counted=one) for one in rows]), period
                )


async def test_a_median_of_numbers_with_their_frequency_is_the_median_of_the_values(state: State) -> None:
    for period in PERIODS:
        report = await gather(state.world.counties[0].id, period.quarter, period.today)
        for direction in Way:
            for numbers, found in (
                (report.total.counted.answered, median_days_to_answer(direction, report.total, period)),  # type: ignore[union-attr]
                (report.total.counted.closed, median_days_to_close(direction, report.total, period)),  # type: ignore[union-attr]
            ):
                values = [days for days, n in numbers.get(direction, {}).items() for _ in range(n)]
                assert found == (median(values) if values else None)


async def test_the_rows_behind_a_figure_are_those_that_it_counts_page_by_page(state: State) -> None:
    county = state.world.counties[0]
    for period in PERIODS[:2]:
        report = await gather(county.id, period.quarter, period.today)
        for partner in (ALL, report.partners[0].partner):
            facts = report.facts(partner)
            assert facts is not None
            for figure in figures_of(period):
                expected, found, offset = count(figure, facts, period), [], 0
                while page := await page_behind(report, figure, partner, offset, 7):
                    found += page
                    offset += 7
                assert len(found) == expected, (figure, partner)
                ids = [getattr(row, "id", id(row)) for row in found]
                assert len(set(ids)) == len(ids)
                if figure.startswith("referral:"):
                    assert len(select(figure, Facts("", "", referrals=tuple(found)), period)) == expected
                if figure.startswith("duty:"):
                    assert len(select(figure, Facts("", "", duties=tuple(found)), period)) == expected


async def test_reading_many_rows_records_those_of_the_page_alone(state: State) -> None:
    county = state.world.counties[0]
    reader = await user(county.compliance.id)
    quarter, figure = THIS.previous, "duty:county:met"
    first = await actions.read_rows(reader, county.id, quarter, figure, ALL)
    last = await actions.read_rows(reader, county.id, quarter, figure, ALL, 9_999)
    assert first.total == last.total > len(first.rows) == actions.ROWS_OF_A_PAGE
    assert {row.id for row in first.rows}.isdisjoint({row.id for row in last.rows})
    members = {row.member for row in (*first.rows, *last.rows) if row.member}
    told = await fetch(
        "SELECT DISTINCT member FROM audit_entry WHERE action = 'reports:rows:read' AND member IS NOT NULL"
    )
    assert {row["member"] for row in told} == members
