"""The work list: whose work, in which group, in which order, and nobody else's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hub.db.engine import fetch
from hub.directory.tables import Appointment
from hub.duties import actions
from hub.duties.queries import WorkFilter, Worklist, work_of
from hub.duties.rules import Because, Group
from hub.kernel.actor import HUB, Actor
from hub.kernel.ids import new_id

TODAY = date(2026, 11, 18)
SUNDAY = date(2026, 11, 22)


async def owes(
    cast: Any, title: str, due: date, *, rule: str = "referral-progress", by: str = "alameda",
    to: str = "poppy", position: str = "ihss_liaison",
) -> str:  # fmt: skip
    duty = await actions.open_duty(
        HUB, rule, subject=("Task", title), organization=getattr(cast, by), counterpart=getattr(cast, to),
        position=position, title=title, why="A reason", start=date(2026, 10, 1), due_on=due,
    )  # fmt: skip
    assert duty
    return duty


def titles(work: Worklist, group: Group) -> list[str]:
    return [row.title for part in work.groups if part.group is group for row in part.rows]


async def list_of(actor: Actor, **wanted: Any) -> Worklist:
    return await work_of(actor, TODAY, WorkFilter(**wanted))


async def test_work_is_grouped_by_its_date_and_what_the_other_side_owes_is_apart(cast: Any) -> None:
    for title, due in (("late", -1), ("today", 0), ("soon", 4), ("far", 5)):
        await owes(cast, title, TODAY + timedelta(days=due))
    await owes(cast, "theirs", TODAY, by="poppy", to="alameda", position="mcp_ihss_liaison")
    await owes(cast, "referral", TODAY + timedelta(days=5), rule="referral-answer")
    work = await list_of(cast.marisol)
    assert [titles(work, group) for group in Group] == [
        ["referral"], ["late"], ["today"], ["soon"], ["far"], ["theirs"],
    ]  # fmt: skip
    assert [work.counts[group] for group in Group] == [1, 1, 1, 1, 1, 1]
    assert work.total == work.everything == 6


async def test_a_new_referral_stands_on_top_of_the_list_and_says_why(cast: Any) -> None:
    await owes(cast, "nearer", TODAY + timedelta(days=1))
    await owes(cast, "referral", TODAY + timedelta(days=3), rule="referral-answer")
    await owes(cast, "newest", TODAY - timedelta(days=1))
    await owes(cast, "oldest", TODAY - timedelta(days=9))
    work = await list_of(cast.marisol)
    assert [row.title for row in work.rows] == ["referral", "newest", "oldest", "nearer"]
    row = work.rows[0]
    assert (row.why, row.authority, row.verified) == ("A reason", "Product default", False)
    assert row.due_words == "due in 2 working days, Saturday November 21, 2026"


async def test_each_count_is_the_length_of_the_list_it_links_to(cast: Any) -> None:
    for n in range(7):
        await owes(cast, f"a{n}", TODAY + timedelta(days=n - 3))
        await owes(cast, f"b{n}", TODAY + timedelta(days=n - 3), to="laurel")
    await fetch("UPDATE appointment SET counterpart = NULL WHERE person = {}", cast.marisol.id)
    everything = await list_of(cast.marisol)
    assert everything.total == 14
    assert {p.name: p.count for p in everything.partners} == {"Golden Poppy": 7, "Bay Laurel": 7}
    for partner in (None, cast.poppy):
        counts = (await list_of(cast.marisol, partner=partner)).counts
        for group in Group:
            work = await list_of(cast.marisol, show=group, partner=partner)
            assert len(work.rows) == counts[group] == work.total


async def test_pages_put_together_are_the_whole_list(cast: Any) -> None:
    for n in range(11):
        await owes(cast, f"t{n}", TODAY + timedelta(days=n - 5))
    await owes(cast, "theirs", TODAY, by="poppy", to="alameda", position="mcp_ihss_liaison")
    whole = [row.id for row in (await list_of(cast.marisol)).rows]
    parts = []
    for offset in range(0, 15, 3):
        parts += [row.id for row in (await list_of(cast.marisol, offset=offset, limit=3)).rows]
    assert len(whole) == 12
    assert parts == whole


async def test_nobody_sees_the_work_of_another_organization_or_another_position(cast: Any) -> None:
    await owes(cast, "ours", TODAY)
    await owes(cast, "chief", TODAY, position="ihss_responsible_person")
    await owes(cast, "inner", TODAY, rule="training-annual", by="poppy", to="alameda",
               position="mcp_responsible_person")  # fmt: skip
    assert [row.title for row in (await list_of(cast.marisol)).rows] == ["ours"]
    assert [row.title for row in (await list_of(cast.thomas)).rows] == ["chief"]
    assert [row.title for row in (await list_of(cast.priya)).rows] == ["chief", "ours"]
    for other in (cast.sam, cast.lena, cast.arturo):
        assert (await list_of(other)).rows == ()


async def test_who_sits_towards_everybody_has_all_work_but_that_of_partners_with_somebody_of_their_own(
    cast: Any,
) -> None:
    await owes(cast, "with poppy", TODAY)
    await owes(cast, "with laurel", TODAY, to="laurel")
    await owes(cast, "with nobody", TODAY + timedelta(days=9))
    await fetch("UPDATE duty SET counterpart = NULL WHERE title = 'with nobody'")
    await owes(cast, "laurel owes", TODAY, by="laurel", to="alameda", position="mcp_ihss_liaison")
    await owes(cast, "poppy owes", TODAY, by="poppy", to="alameda", position="mcp_ihss_liaison")
    seats = await Appointment.select().where(Appointment.person == cast.marisol.id)
    everybody = {**seats[0], "id": new_id(), "person": cast.arturo.id, "counterpart": None, "deputy": None}
    await Appointment.insert(Appointment(**everybody))
    arturo, marisol = await list_of(cast.arturo), await list_of(cast.marisol)
    assert [row.title for row in arturo.rows] == ["with laurel", "with nobody", "laurel owes"]
    assert [row.title for row in marisol.rows] == ["with poppy", "poppy owes"]
    assert (arturo.total, marisol.total) == (3, 2)
    assert [(one.name, one.count) for one in arturo.partners] == [("Bay Laurel", 2)]


async def test_escalated_work_shows_to_the_responsible_person_and_says_from_whom(cast: Any) -> None:
    await owes(cast, "stuck", TODAY - timedelta(days=20), rule="referral-answer")
    assert (await list_of(cast.thomas)).rows == ()
    await actions.escalate_overdue(TODAY)
    row = (await list_of(cast.thomas)).rows[0]
    assert (row.because, row.as_who) == (Because.ESCALATED, "Escalated from the IHSS Liaison")
    assert (await list_of(cast.marisol)).rows[0].because is Because.HOLDER


async def test_the_work_of_a_vacant_position_goes_to_the_responsible_person(cast: Any) -> None:
    await owes(cast, "orphan", TODAY)
    await (
        Appointment.update({Appointment.until_date: TODAY - timedelta(days=1)})
        .where(Appointment.person == cast.marisol.id)
    )  # fmt: skip
    assert (await list_of(cast.marisol)).rows == ()
    row = (await list_of(cast.thomas)).rows[0]
    assert (row.title, row.because) == ("orphan", Because.VACANT)
    assert row.as_who == "The position of IHSS Liaison is vacant"


async def test_a_deputy_sees_the_work_and_as_whose_deputy(cast: Any) -> None:
    await owes(cast, "shared", TODAY)
    await fetch("UPDATE appointment SET deputy = {} WHERE person = {}", cast.arturo.id, cast.marisol.id)
    row = (await list_of(cast.arturo)).rows[0]
    assert row.as_who == "You are deputy of the IHSS Liaison"


async def test_settled_work_is_gone(cast: Any) -> None:
    await owes(cast, "done", TODAY)
    await actions.settle(cast.marisol, "referral-progress", ("Task", "done"), on=TODAY, how="Reported")
    work = await list_of(cast.marisol)
    assert work.everything == 0
    assert work.has_position


async def test_ten_thousand_rows_are_counted_whole_and_read_a_page_at_a_time(cast: Any) -> None:
    seed = await owes(cast, "seed", TODAY)
    copied = (
        "rule, rule_version, subject_type, title, why, organization, counterpart, position, opened_on, due_on,"
        " calendar, shared, state, version"
    )
    await fetch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
        f" INSERT INTO duty (id, subject_id, unique_key, {copied})"
        " SELECT 'copy-' || CAST(n.i AS TEXT), CAST(n.i AS TEXT), CAST(n.i AS TEXT),"
        f" {', '.join('d.' + column.strip() for column in copied.split(','))}"
        " FROM n, duty d WHERE d.id = {}",
        seed,
    )
    work = await list_of(cast.marisol, offset=9_980)
    assert (work.counts[Group.TODAY], work.total, len(work.rows)) == (10_000, 10_000, 20)


async def test_the_pages_of_several_partners_follow_one_another_in_one_order(cast: Any) -> None:
    """Whether a row is found in the order of an index or sorted, it stands where it stands in the whole list."""
    for n in range(12):
        rule = "referral-answer" if n % 3 else "referral-progress"
        to = "laurel" if n % 2 else "poppy"
        for days in (-1 - n % 4, n % 2, 9 + n % 5):
            await owes(cast, f"{n} {days}", TODAY + timedelta(days=days), rule=rule, to=to)
        await owes(cast, f"theirs {n}", TODAY, rule=rule, by=to, to="alameda", position="mcp_ihss_liaison")
    seats = await Appointment.select().where(Appointment.person == cast.marisol.id)
    await Appointment.insert(Appointment(**{**seats[0], "id": new_id(), "counterpart": cast.laurel}))
    whole = await list_of(cast.marisol, limit=100)
    ids = [row.id for row in whole.rows]
    pages = [row.id for at in range(0, 48, 5) for row in (await list_of(cast.marisol, offset=at, limit=5)).rows]
    assert len(ids) == len(set(ids)) == 48 and pages == ids
    in_groups = {part.group: [row.id for row in part.rows] for part in whole.groups}
    for group in Group:
        first = (await list_of(cast.marisol, show=group, limit=4)).rows
        assert [row.id for row in first] == in_groups.get(group, [])[:4]
