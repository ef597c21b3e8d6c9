"""The four named positions, vacancies, and the clocks that a change of people starts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hub.directory import queries as directory
from hub.directory.rules import Position
from hub.duties import queries as duties
from hub.kernel.errors import Forbidden, Invalid, NotFound
from hub.mou import actions, queries
from hub.mou.rules import NewPerson
from tests.mou import build

TODAY, TOMORROW = date(2026, 11, 18), date(2026, 11, 19)
NEW = NewPerson("Iris", "Solano", "iris.solano@example.org", "(707) 555-0177")


async def open_duties(mou: str, prefix: str) -> list[tuple[str, str, date]]:
    found = await duties.duties_of(("Agreement", mou))
    return sorted((d.rule, d.organization, d.due_on) for d in found if d.state == "open" and d.rule.startswith(prefix))


async def test_a_vacancy_is_seen_from_the_day_after_the_last(cast: Any) -> None:
    mou = await build.executed(cast)
    view = await queries.agreement(cast.sam, mou)
    seat = next(one for one in view.seats if one.seat.position is Position.IHSS_LIAISON)
    assert seat.holder is not None
    await actions.end_position(cast.ruth, mou, seat.holder.appointment, TODAY, "Retires")
    assert await queries.vacancies(mou, TODAY) == []
    vacant = await queries.vacancies(mou, TOMORROW)
    assert [(one.position, one.organization) for one in vacant] == [(Position.IHSS_LIAISON, cast.sonoma)]
    row = next(r for r in await queries.agreements(cast.sam) if r.agreement.id == mou)
    assert (row.positions_filled, row.positions) == (4, 4)


async def test_a_new_liaison_of_the_county_starts_the_countys_clock(cast: Any) -> None:
    mou = await build.executed(cast)
    await actions.name_position(
        cast.ruth, mou, organization=cast.sonoma, position="ihss_liaison", new_person=NEW, from_date=TODAY
    )
    assert await open_duties(mou, "contact-change") == [("contact-change-county", cast.sonoma, TODAY)]
    await actions.record_told(cast.sam, mou, "contact-change-county", TODAY.isoformat(), TODAY, "By e-mail")
    assert await open_duties(mou, "contact-change") == []
    with pytest.raises(NotFound):
        await actions.record_told(cast.sam, mou, "contact-change-county", TODAY.isoformat(), TODAY, "Again")


async def test_a_new_liaison_of_the_plan_is_told_to_the_county_and_to_dhcs(cast: Any) -> None:
    mou = await build.executed(cast)
    await actions.name_position(
        cast.lena, mou, organization=cast.laurel, position="mcp_ihss_liaison", new_person=NEW, from_date=TODAY
    )
    assert await open_duties(mou, "contact-change") == [
        ("contact-change-plan-county", cast.laurel, TODAY),
        ("contact-change-plan-dhcs", cast.laurel, date(2026, 11, 25)),  # five working days
    ]
    with pytest.raises(NotFound):  # what the plan owes, the county does not settle
        await actions.record_told(cast.sam, mou, "contact-change-plan-dhcs", TODAY.isoformat(), TODAY, "Told")


async def test_naming_people_before_execution_starts_no_clock(cast: Any) -> None:
    mou = await build.draft(cast)
    await actions.name_position(
        cast.sam, mou, organization=cast.laurel, position="mcp_ihss_liaison", new_person=NEW, from_date=TODAY
    )
    assert await open_duties(mou, "contact-change") == []


async def test_after_execution_each_side_names_its_own_people(cast: Any) -> None:
    mou = await build.executed(cast)
    with pytest.raises(Forbidden):
        await actions.name_position(
            cast.ruth, mou, organization=cast.laurel, position="mcp_ihss_liaison", new_person=NEW, from_date=TODAY
        )


async def test_a_person_entered_with_faults_is_refused_at_the_fields(cast: Any) -> None:
    mou = await build.draft(cast)
    with pytest.raises(Invalid) as refused:
        await actions.name_position(
            cast.sam, mou, organization=cast.sonoma, position="ihss_liaison", from_date=TODAY,
            new_person=NewPerson("", "", "nobody", "12"),
        )  # fmt: skip
    assert [issue.where for issue in refused.value.issues] == ["given", "family", "email", "phone"]
    with pytest.raises(Invalid):
        await actions.name_position(cast.sam, mou, organization=cast.sonoma, position="ihss_liaison", from_date=TODAY)


async def test_a_position_that_nobody_holds_is_owed_to_be_filled_until_somebody_is_named(cast: Any) -> None:
    held = await directory.holder(Position.IHSS_LIAISON, cast.alameda, cast.poppy, TODAY)
    assert held is not None
    await actions.end_position(cast.thomas, cast.mou, held.appointment, TODAY)
    owed = [d for d in await duties.duties_of(("Agreement", cast.mou)) if d.rule == "vacancy"]
    assert [(d.title, d.organization, d.position, d.state) for d in owed] == [
        ("Name a new IHSS Liaison", cast.alameda, "ihss_responsible_person", "open"),
    ]
    await actions.name_position(
        cast.thomas, cast.mou, organization=cast.alameda, position=Position.IHSS_LIAISON,
        from_date=TOMORROW, person=cast.marisol.id,
    )  # fmt: skip
    assert [d.state for d in await duties.duties_of(("Agreement", cast.mou)) if d.rule == "vacancy"] == ["met"]


async def test_what_a_plan_owes_to_dhcs_is_not_shown_to_the_county(cast: Any) -> None:
    held = await directory.holder(Position.MCP_IHSS_LIAISON, cast.poppy, cast.alameda, TODAY)
    assert held is not None
    await actions.end_position(cast.daniel, cast.mou, held.appointment, TODAY)
    subject = ("Agreement", cast.mou)
    plans = {d.rule for d in await duties.duties_of(subject, seen_by=cast.poppy)}
    countys = {d.rule for d in await duties.duties_of(subject, seen_by=cast.alameda)}
    assert plans - countys == {"contact-change-plan-dhcs"}
