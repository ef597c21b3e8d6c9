"""Several questions to the database at once."""

from __future__ import annotations

from datetime import date, timedelta

from hub.db.engine import add, fetch, is_sqlite, look_up
from hub.db.together import Among, Asked, Rows, ask_of_found, ask_together
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.ids import new_id
from tests.cast import Cast


def people(organization: str) -> Asked[Rows]:
    return Asked("SELECT id, given, active FROM person WHERE organization = {}", [organization], list)


def holiday(day: date) -> Asked[Rows]:
    return Asked("SELECT id, day, name FROM holiday WHERE day = {}", [day], list)


def number_of(table: str) -> Asked[int]:
    return Asked(f"SELECT count(*) AS n FROM {table}", [], lambda rows: int(rows[0]["n"]))


async def test_each_question_gets_its_own_answer_with_every_type_as_it_is(cast: Cast) -> None:
    day = clock.today() + timedelta(days=3)
    await add("holiday", {"id": "h", "organization": None, "day": day, "name": "A day off"})
    staff, off, none, tasks = await ask_together(
        people(cast.alameda), holiday(day), holiday(day + timedelta(days=1)), number_of("task")
    )
    assert (off, none, tasks) == ([{"id": "h", "day": day, "name": "A day off"}], [], 0)
    alone = await look_up("SELECT id, given, active FROM person WHERE organization = {}", cast.alameda)
    assert {row["given"] for row in staff} == {"Marisol", "Thomas", "Arturo"}
    assert sorted(staff, key=lambda row: str(row["id"])) == sorted(alone, key=lambda row: str(row["id"]))


async def test_questions_without_any_row_have_empty_answers(cast: Cast) -> None:
    assert await ask_together(people("nobody"), people("nobody")) == ([], [])
    assert await ask_together() == ()


async def test_in_a_unit_of_work_they_see_what_it_wrote(cast: Cast) -> None:
    @unit_of_work
    async def work() -> tuple[Rows, int]:
        await add("holiday", {"id": new_id(), "organization": cast.alameda, "day": clock.today(), "name": "Ours"})
        return await ask_together(holiday(clock.today()), number_of("holiday"))

    before = await number_in("holiday")
    found, number = await work()
    assert ([row["name"] for row in found], number) == (["Ours"], before + 1)


async def number_in(table: str) -> int:
    return (await ask_together(number_of(table)))[0]


async def test_on_postgresql_they_are_one_round_trip(cast: Cast, sent_alone: list[str]) -> None:
    if is_sqlite():  # there a look-up goes nowhere
        return
    sent_alone.clear()
    await ask_together(people(cast.alameda), people(cast.poppy), number_of("task"))
    assert len(sent_alone) == 1
    await fetch("SELECT 1 AS one")
    assert len(sent_alone) == 2
    told: list[Rows] = []
    await ask_of_found(staff_of(cast.alameda), lambda among: holding(among, told))
    assert len(sent_alone) == 3
    assert {row["code"] for row in told[0]} == {"county"}


def staff_of(organization: str) -> Asked[Rows]:
    """From the last given name to the first."""
    return Asked(
        "SELECT id, given, organization FROM person WHERE organization = {} ORDER BY given DESC", [organization], list
    )


def holding(among: Among, told: list[Rows]) -> Asked[None]:
    """The organizations of the people found."""
    sql, args = among.values("organization")
    return Asked(f"SELECT kind AS code FROM organization WHERE id IN ({sql})", args, told.append)


async def test_rows_of_which_more_is_asked_come_in_their_order(cast: Cast) -> None:
    told: list[Rows] = []
    rows = await ask_of_found(staff_of(cast.alameda), lambda among: holding(among, told), others)
    assert rows == await look_up(staff_of(cast.alameda).sql, cast.alameda)
    assert [row["given"] for row in rows] == ["Thomas", "Marisol", "Arturo"]


def others(among: Among) -> Asked[None]:
    """Of somebody else than Alameda's first: nobody's."""
    sql, args = among.values("organization", ("given", "Thomas"))
    return Asked(f"SELECT day FROM holiday WHERE organization IN ({sql})", args, lambda rows: None)


async def test_of_rows_that_are_not_there_nothing_more_is_found(cast: Cast) -> None:
    told: list[Rows] = []
    assert await ask_of_found(staff_of("nobody"), lambda among: holding(among, told)) == []
    assert told in ([], [[]])
