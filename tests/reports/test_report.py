"""The quarterly report over real rows, on both databases: story step 8."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import pytest
from openpyxl import load_workbook

from hub.audit.actions import Entry, record
from hub.audit.tables import AuditEntry
from hub.directory.tables import Appointment, Organization
from hub.duties.actions import open_duty, settle
from hub.kernel.actor import HUB
from hub.kernel.calendar import Quarter
from hub.kernel.errors import Forbidden, NotFound
from hub.meetings.tables import Meeting
from hub.mou.tables import AgreementEvent
from hub.reports import actions, cli, files, sheets
from hub.reports.queries import gather, quarters
from hub.reports.rules import Direction, acceptance_rate, count, median_days_to_close, mou_in_words
from tests.cast import Cast
from tests.meetings.build import bare_mou
from tests.reports.build import event, noon, referral

Q3 = Quarter.parse("2026-Q3")
OUT, IN = Direction.COUNTY_TO_PLAN, Direction.PLAN_TO_COUNTY


def day(month: int, number: int) -> date:
    return date(2026, month, number)


async def story(cast: Cast) -> list[str]:
    """Five referrals of Rosa: closed, declined, still waiting and in work from the county, one from the plan."""
    both = {"member": cast.rosa, "requester": cast.alameda, "owner": cast.poppy}
    back = {"member": cast.rosa, "requester": cast.poppy, "owner": cast.alameda}
    return [
        await referral(
            **both,
            steps=[("requested", day(7, 6)), ("accepted", day(7, 8)), ("completed", day(8, 5))],
            reason="services-received",
            loop_closed_on=day(8, 10),
        ),
        await referral(**both, steps=[("requested", day(7, 6)), ("rejected", day(7, 10))], reason="other"),
        await referral(**both, steps=[("requested", day(9, 21)), ("accepted", day(10, 1))]),
        await referral(**both, steps=[("requested", day(6, 20)), ("accepted", day(6, 25))]),
        await referral(**back, service="ihss-application", steps=[("requested", day(9, 1)), ("accepted", day(9, 2))]),
    ]


async def figures(cast: Cast, quarter: Quarter = Q3, organization: str = "") -> dict[str, int]:
    report = await gather(organization or cast.alameda, quarter)
    named = {name: count(name, report.total, report.period) for name in actions.known_figures(report)}
    return {name: number for name, number in named.items() if number}


async def test_the_figures_of_a_quarter_are_those_of_its_referrals(cast: Cast) -> None:
    await story(cast)
    found = {name: n for name, n in (await figures(cast)).items() if name.startswith("referral")}
    assert found == {
        f"referral:{OUT}:sent": 3,
        f"referral:{OUT}:accepted": 1,
        f"referral:{OUT}:rejected": 1,
        f"referral:{OUT}:closed": 1,
        f"referral:{OUT}:loop-closed": 1,
        f"referral:{OUT}:unanswered": 1,
        f"referral:{OUT}:in-work": 1,
        f"referral:{IN}:sent": 1,
        f"referral:{IN}:accepted": 1,
        f"referral:{IN}:in-work": 1,
    }
    report = await gather(cast.alameda, Q3)
    assert acceptance_rate(OUT, report.total, report.period) == 0.5
    assert median_days_to_close(OUT, report.total, report.period) == 30


async def test_county_and_plan_see_the_same_figures_of_each_other(cast: Cast) -> None:
    await story(cast)
    assert await figures(cast) == await figures(cast, organization=cast.poppy)


async def test_a_later_event_never_changes_an_earlier_quarter(cast: Cast) -> None:
    tasks = await story(cast)
    before = files.as_csv(await gather(cast.alameda, Q3))
    await event(tasks[3], "accepted", "completed", day(10, 20))
    await event(tasks[2], "accepted", "failed", day(11, 2))
    assert files.as_csv(await gather(cast.alameda, Q3)) == before


async def test_every_figure_is_the_number_of_the_rows_behind_it(cast: Cast) -> None:
    await story(cast)
    for name, number in (await figures(cast)).items():
        behind = await actions.read_rows(cast.arturo, cast.alameda, Q3, name, cast.poppy)
        assert len(behind.rows) == number, name


async def test_opening_rows_records_whose_they_are_and_reading_figures_does_not(cast: Cast) -> None:
    await story(cast)
    await actions.read_report(cast.arturo, cast.alameda, Q3)
    await actions.read_rows(cast.arturo, cast.alameda, Q3, f"referral:{OUT}:sent", "all")
    entries = await AuditEntry.select().where(AuditEntry.action.like("reports:%")).order_by(AuditEntry.id)
    assert [(row["action"], row["member"]) for row in entries] == [
        ("reports:quarter:read", None),
        ("reports:rows:read", None),
        ("reports:rows:read", cast.rosa),
    ]


async def test_nobody_reads_the_report_of_another_organization_or_without_the_right(cast: Cast) -> None:
    for actor in (cast.sam, cast.grace, cast.poppy_system):
        with pytest.raises(Forbidden):
            await actions.read_report(actor, cast.alameda, Q3)
        with pytest.raises(Forbidden):
            await actions.read_rows(actor, cast.alameda, Q3, "vacancies", "all")


async def test_a_figure_or_partner_that_there_is_not_is_not_found(cast: Cast) -> None:
    for figure, partner in (("nonsense", "all"), ("referral:x:sent", "all"), ("vacancies", cast.laurel)):
        with pytest.raises(NotFound):
            await actions.read_rows(cast.arturo, cast.alameda, Q3, figure, partner)


async def test_named_people_are_those_of_the_quarters_last_day(cast: Cast) -> None:
    await Appointment.update({"until_date": day(9, 29)}).where(Appointment.person == cast.thomas.id)
    report = await gather(cast.alameda, Q3)
    (facts,) = report.partners
    assert [p.holder for p in facts.positions] == [None, "Marisol Vega", "Daniel Kim", "Priya Raman"]
    assert (await figures(cast))["vacancies"] == 1
    assert "vacancies" not in await figures(cast, Quarter.parse("2026-Q2"))


async def test_the_state_of_an_mou_goes_by_the_effective_dates_of_its_history(cast: Cast) -> None:
    mou = await bare_mou(cast.sonoma, cast.laurel, "terminated", effective_date=day(7, 15))
    for state, on in (("draft", day(1, 1)), ("executed", day(7, 15)), ("terminated", day(10, 15))):
        await AgreementEvent.insert(
            AgreementEvent(
                agreement=mou,
                event=state,
                to_state=state,
                actor_id="x",
                actor_name="X",
                effective_date=on,
                recorded_at=noon(on),
            )
        )
    said = {}
    for quarter in ("2026-Q2", "2026-Q3", "2026-Q4"):
        report = await gather(cast.sonoma, Quarter.parse(quarter))
        said[quarter] = mou_in_words(report.partners[0], report.period.as_of)
    assert said == {"2026-Q2": "Draft", "2026-Q3": "Executed", "2026-Q4": "Terminated"}


async def test_a_meeting_counts_in_the_quarter_in_which_it_was_held(cast: Cast) -> None:
    await Meeting.insert(
        Meeting(
            agreement=cast.mou,
            county=cast.alameda,
            plan=cast.poppy,
            quarter="2026-Q3",
            starts_at=noon(day(9, 20)),
            place="Room 4",
            state="held",
            held_on=day(9, 20),
            posted_on=day(10, 9),
            created_at=noon(day(9, 1)),
        )
    )
    found = await figures(cast)
    assert (found["meetings-held"], found.get("meetings-posted")) == (1, None)
    report = await gather(cast.alameda, Q3)
    assert sheets.meeting_in_words(report.partners[0], report.period) == "Held Sep 20, 2026"
    earlier = await gather(cast.alameda, Q3.previous)
    assert sheets.meeting_in_words(earlier.partners[0], earlier.period) == "Not held"


async def test_duties_that_fell_due_are_met_or_missed_on_each_side(cast: Cast) -> None:
    for number, organization, other, settled in (
        (1, cast.poppy, cast.alameda, day(7, 9)),
        (2, cast.poppy, cast.alameda, day(7, 30)),
        (3, cast.alameda, cast.poppy, None),
    ):
        position = "mcp_ihss_liaison" if organization == cast.poppy else "ihss_liaison"
        await open_duty(
            HUB,
            "referral-answer",
            subject=("Task", f"t{number}"),
            organization=organization,
            counterpart=other,
            position=position,
            title="Answer",
            why="Sent",
            start=day(7, 3),
            member=cast.rosa,
        )
        if settled:
            await settle(HUB, "referral-answer", ("Task", f"t{number}"), on=settled, how="Answered")
    found = {name: n for name, n in (await figures(cast)).items() if name.startswith("duty")}
    assert found == {"duty:plan:met": 1, "duty:plan:missed": 1, "duty:county:missed": 1}


async def test_refused_exchanges_between_the_two_are_counted_and_name_nobody(cast: Cast) -> None:
    entry = Entry(
        "referrals:task:create", "Task", outcome="refused", member=cast.rosa, counterpart=cast.alameda, basis="no"
    )
    await record(cast.poppy_system, entry)
    q4 = Quarter.parse("2026-Q4")
    assert (await figures(cast, q4))["refusals"] == 1
    assert "refusals" not in await figures(cast, Q3)


async def test_the_same_quarter_asked_twice_gives_the_same_bytes(cast: Cast) -> None:
    await story(cast)
    for form in ("csv", "xlsx"):
        first = files.write(await actions.read_report(cast.arturo, cast.alameda, Q3, form), form)
        second = files.write(await actions.read_report(cast.arturo, cast.alameda, Q3, form), form)
        assert first == second


async def test_the_spreadsheet_holds_every_table_with_numbers_as_numbers(cast: Cast) -> None:
    await story(cast)
    report = await gather(cast.alameda, Q3)
    book = load_workbook(io.BytesIO(files.as_xlsx(report)))
    assert book.sheetnames == ["Partners", "Referrals", "Closure reasons", "Duties"]
    header, first, *_ = book["Referrals"].iter_rows(min_row=4, values_only=True)
    cells = dict(zip(header, first, strict=True))
    assert (cells["Partner"], cells["Sent in the quarter"], cells["Acceptance rate"]) == (
        "Golden Poppy Health Plan",
        3,
        0.5,
    )


async def test_a_name_that_looks_like_a_formula_stays_a_text_in_both_files(cast: Cast) -> None:
    await Organization.update({"name": '=HYPERLINK("https://evil.example")'}).where(Organization.id == cast.poppy)
    report = await gather(cast.alameda, Q3)
    rows = list(csv.reader(io.StringIO(files.as_csv(report).decode("utf-8-sig"))))
    assert not [cell for row in rows for cell in row if cell.startswith("=")]
    book = load_workbook(io.BytesIO(files.as_xlsx(report)))
    assert {cell.data_type for row in book["Partners"].iter_rows() for cell in row} <= {"s", "n"}


async def test_the_command_writes_what_the_page_offers(cast: Cast) -> None:
    await story(cast)
    name, content = await cli.make("county-01", Q3, "csv")
    assert name == "mou-report-county-01-2026-Q3.csv"
    assert content == files.as_csv(await gather(cast.alameda, Q3))
    with pytest.raises(NotFound):
        await cli.make("county-77", Q3, "csv")


async def test_the_quarters_on_offer_begin_with_the_first_mou(cast: Cast) -> None:
    offered = [str(quarter) for quarter in await quarters(cast.alameda, day(11, 18))]
    assert offered == ["2026-Q4", "2026-Q3", "2026-Q2", "2026-Q1"]
    assert len(await quarters(cast.sonoma, day(11, 18))) == 2


async def test_an_organization_without_an_mou_has_an_empty_report(cast: Cast) -> None:
    report = await gather(cast.sonoma, Q3)
    assert report.partners == ()
    assert files.as_csv(report) and files.as_xlsx(report)


async def test_the_page_shows_the_figures_and_opens_each(cast: Cast, web: Any) -> None:
    await story(cast)
    arturo = await web.sign_in(cast.arturo)
    assert "Quarter 3 of 2026" in await arturo.text("/reports")
    shown = await arturo.get(f"/reports/{cast.alameda}/2026-Q3")
    assert "What became of the referrals?" in shown.text
    link = f"/reports/{cast.alameda}/2026-Q3/rows?figure=referral:{OUT}:sent&partner={cast.poppy}"
    assert link.replace("&", "&amp;") in shown.text
    rows = await arturo.get(link)
    assert rows.text.count("Community Supports") == 3
    assert "Rosa" not in rows.text and "Mendoza" not in rows.text
    book = await arturo.get(f"/reports/{cast.alameda}/2026-Q3?format=xlsx")
    assert book.content == files.as_xlsx(await gather(cast.alameda, Q3))
    assert 'filename="mou-report-county-01-2026-Q3.xlsx"' in book.headers["content-disposition"]


@pytest.mark.parametrize("path", ["2026-Q9", "2027-Q1", "x", "2026-Q3?format=pdf", "2026-Q3/rows?figure=x"])
async def test_what_there_is_not_is_a_plain_not_found(cast: Cast, web: Any, path: str) -> None:
    arturo = await web.sign_in(cast.arturo)
    assert (await arturo.get(f"/reports/{cast.alameda}/{path}")).status_code == 404


async def test_a_strangers_report_is_refused_and_the_refusal_recorded(cast: Cast, web: Any) -> None:
    grace = await web.sign_in(cast.grace)
    assert (await grace.get(f"/reports/{cast.alameda}/2026-Q3")).status_code == 403
    (entry,) = await AuditEntry.select().where(AuditEntry.outcome == "refused")
    assert (entry["action"], entry["actor_id"]) == ("reports:quarter:read", cast.grace.id)


@pytest.mark.browser
@pytest.mark.parametrize("database_kind", ["sqlite"])  # what a browser shows does not hang on the database
async def test_the_pages_of_the_report_are_accessible_and_fit_on_a_phone(cast: Cast, chromium: Any) -> None:
    from tests.web_client import check_page

    await story(cast)
    page = await chromium.open(cast.arturo, "/reports")
    base = f"/reports/{cast.alameda}/2026-Q3"
    for path in ("/reports", base, f"{base}/rows?figure=referral:{OUT}:sent&partner=all"):
        await page.goto(path)
        await check_page(page)
