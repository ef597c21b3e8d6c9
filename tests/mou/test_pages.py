"""The MOU in the pages, without JavaScript: recorded, filled in, signed, executed; and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.mou import actions, queries
from hub.mou.rules import CLOSES_THE_LOOP, SECTION_NAMES, DataElement, Event, NewPerson, Section, State
from tests.mou import build
from tests.web_client import fields_of, text_of

NEW = {
    "given": "Noor", "family": "Ellis", "email": "noor.ellis@example.org", "phone": "(707) 555-0133",
    "title": "Director of Community Care",
}  # fmt: skip


async def test_a_county_user_records_an_mou_fills_it_in_and_the_responsible_person_executes_it(
    cast: Any, web: Any
) -> None:
    sam, ruth = await web.sign_in(cast.sam), await web.sign_in(cast.ruth)
    answer = await sam.post_form(
        "/mous/new",
        {"county": cast.sonoma, "plan": cast.laurel, "effective_date": "2026-11-01", "end_date": "2027-10-31",
         "renewal": "fixed", "template": "dhcs-ihss-2024"},
    )  # fmt: skip
    assert answer.status_code == 200
    mou = str(answer.url).rsplit("/", 1)[1]
    assert "MOU recorded" in text_of(answer)
    assert "IHSS MOU of Sonoma County and Bay Laurel Care" in text_of(answer)

    for section in Section:
        answer = await sam.post_form(
            f"/mous/{mou}/sections/{section.value}", {"terms": "As agreed.", "complete": "true", "version": 1}
        )
        assert answer.status_code == 200, text_of(answer)
    assert "10 of 10 complete" in text_of(answer)

    page = await sam.get(f"/mous/{mou}/elements")
    share = [f"{cast.laurel}:{cast.sonoma}:{one.value}" for one in DataElement]
    share += [f"{cast.sonoma}:{cast.laurel}:{one.value}" for one in CLOSES_THE_LOOP["county"]]
    await sam.post_form(f"/mous/{mou}/elements", {"share": share, "version": fields_of(page)["version"]})

    await sam.post_form(
        f"/mous/{mou}/positions/ihss_responsible_person", {"person": cast.ruth.id, "from_date": "2026-11-01"}
    )
    answer = await sam.post_form(f"/mous/{mou}/positions/mcp_responsible_person", {"from_date": "2026-11-01", **NEW})
    assert "Noor Ellis" in text_of(answer)

    version = (await queries.agreement(cast.sam, mou)).row.version
    answer = await sam.post_form(f"/mous/{mou}/steps/send_for_signature", {"on": "2026-11-18", "version": version})
    assert "In signature" in text_of(answer)
    for party in (await queries.agreement(cast.sam, mou)).parties:
        version = (await queries.agreement(cast.sam, mou)).row.version
        answer = await ruth.post_form(
            f"/mous/{mou}/parties/{party.id}",
            {"signatory": "The director", "title": "Director", "signed_on": "2026-11-16", "version": version},
        )
        assert "Signature recorded" in text_of(answer)

    check = await ruth.get(f"/mous/{mou}/execute")
    assert "Check before you execute this MOU" in text_of(check)
    assert "What happens next" in text_of(check)
    answer = await ruth.post_form(f"/mous/{mou}/execute", {"on": "2026-11-18", "version": fields_of(check)["version"]})
    assert "Executed" in text_of(answer)
    view = await queries.agreement(cast.lena, mou)
    assert view.state is State.EXECUTED
    assert await queries.terms(cast.laurel, cast.sonoma, date(2026, 11, 18)) == frozenset(DataElement)
    register = await sam.text("/mous")
    assert "4/4" in register
    assert "10/10" in register


async def test_executing_too_early_is_refused_with_everything_that_is_missing(cast: Any, web: Any) -> None:
    mou = await build.draft(cast)
    ruth = await web.sign_in(cast.ruth)
    answer = await ruth.post_form(f"/mous/{mou}/execute", {"on": "2026-11-18", "version": 1})
    assert answer.status_code == 422
    shown = text_of(answer)
    for section in Section:
        assert SECTION_NAMES[section] in shown
    assert "Bay Laurel Care has named no MCP Responsible Person" in shown
    assert "Sonoma County has not signed" in shown
    assert "<title>Error: " in answer.text


async def test_a_form_with_faults_keeps_what_was_typed_and_names_each_fault(cast: Any, web: Any) -> None:
    sam = await web.sign_in(cast.sam)
    answer = await sam.post_form(
        "/mous/new",
        {"county": cast.sonoma, "plan": "", "title": "Nuestro acuerdo", "effective_date": "2026-12-01",
         "end_date": "2026-11-01", "renewal": "fixed", "template": "none"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert "Nuestro acuerdo" in answer.text
    assert 'value="2026-12-01"' in answer.text
    assert "<title>Error: Record an MOU" in answer.text
    mou = await build.draft(cast)
    answer = await sam.post_form(
        f"/mous/{mou}/positions/mcp_responsible_person",
        {"given": "Noor", "family": "", "email": "x", "phone": "1", "from_date": "2026-11-01"},
    )
    assert answer.status_code == 422
    assert 'value="Noor"' in answer.text
    assert "Enter a family name." in text_of(answer)


async def test_a_section_that_somebody_else_saved_meanwhile_keeps_the_typed_text(cast: Any, web: Any) -> None:
    mou = await build.draft(cast)
    await actions.fill_section(cast.lena, mou, Section.GENERAL, "The plan was faster")
    sam = await web.sign_in(cast.sam)
    answer = await sam.post_form(f"/mous/{mou}/sections/general", {"terms": "My long text", "version": 1})
    assert answer.status_code == 412
    assert "Somebody else changed this" in text_of(answer)
    assert "My long text" in answer.text
    again = await sam.post_form(
        f"/mous/{mou}/sections/general", {"terms": "My long text", "version": fields_of(answer)["version"]}
    )
    assert again.status_code == 200


async def test_an_mou_of_others_is_not_found_and_the_register_does_not_show_it(cast: Any, web: Any) -> None:
    mou = await build.draft(cast)
    marisol = await web.sign_in(cast.marisol)
    for path in ("", "/execute", "/elements", "/sections/general", "/positions/ihss_liaison", "/compare"):
        assert (await marisol.get(f"/mous/{mou}{path}")).status_code == 404
    assert "Sonoma" not in await marisol.text("/mous")
    assert (await marisol.get(f"/mous/{cast.mou}/compare?with={mou}")).status_code == 404


async def test_an_empty_register_says_why_and_what_next(cast: Any, web: Any) -> None:
    sam = await web.sign_in(cast.sam)
    shown = await sam.text("/mous")
    assert "No MOU yet" in shown
    assert "Record an MOU" in shown
    await build.draft(cast)
    assert "No MOU matches" in await sam.text("/mous?state=ended")


async def test_a_compliance_officer_reads_but_does_not_draft(cast: Any, web: Any) -> None:
    arturo = await web.sign_in(cast.arturo)
    assert (await arturo.get(f"/mous/{cast.mou}")).status_code == 200
    assert (await arturo.get("/mous/new")).status_code == 403
    answer = await arturo.post_form(
        f"/mous/{cast.mou}/steps/terminate", {"on": "2026-11-18", "note": "x", "version": 1}
    )
    assert answer.status_code == 403


async def test_a_change_of_liaison_shows_until_the_other_side_is_told(cast: Any, web: Any) -> None:
    mou = await build.executed(cast)
    new = NewPerson("Iris", "Solano", "iris.solano@example.org", "(707) 555-0177")
    await actions.name_position(
        cast.ruth, mou, organization=cast.sonoma, position="ihss_liaison", new_person=new,
        from_date=date(2026, 11, 18),
    )  # fmt: skip
    sam = await web.sign_in(cast.sam)
    path = f"/mous/{mou}/positions/ihss_liaison"
    assert "Tell Bay Laurel Care of the change" in await sam.text(path)
    told = {"rule": "contact-change-county", "period": "2026-11-18", "on": "2026-11-18"}
    answer = await sam.post_form(f"{path}/told", {**told, "how": ""})
    assert answer.status_code == 422
    answer = await sam.post_form(f"{path}/told", {**told, "how": "By e-mail"})
    assert answer.status_code == 200
    assert "Tell Bay Laurel Care of the change" not in await sam.text(path)


async def test_the_last_day_of_somebody_is_recorded_and_the_vacancy_is_shown(cast: Any, web: Any) -> None:
    mou = await build.executed(cast)
    seat = next(s for s in (await queries.agreement(cast.sam, mou)).seats if s.seat.position == "ihss_liaison")
    assert seat.holder is not None
    sam = await web.sign_in(cast.sam)
    path = f"/mous/{mou}/positions/ihss_liaison"
    form = {"appointment": seat.holder.appointment, "until_date": "2026-11-17"}
    assert (await sam.post_form(f"{path}/end", form)).status_code == 200
    assert "Nobody holds this position" in await sam.text(path)
    assert "Vacant" in await sam.text(f"/mous/{mou}")


async def test_efforts_posting_and_amendment_are_recorded_in_the_pages(cast: Any, web: Any) -> None:
    mou = await build.draft(cast)
    sam, ruth = await web.sign_in(cast.sam), await web.sign_in(cast.ruth)
    answer = await sam.post_form(f"/mous/{mou}/efforts", {"on": "2026-11-03", "note": "Met their contracting team"})
    assert "Met their contracting team" in text_of(answer)
    await build.fill(cast, mou)
    await build.name_people(cast, mou)
    await build.sign(cast, mou)
    await actions.move(cast.ruth, mou, Event.EXECUTE)
    version = (await queries.agreement(cast.ruth, mou)).row.version
    answer = await sam.post_form(
        f"/mous/{mou}/publication",
        {"address": "https://plan.example.org/mou", "on": "2026-11-18", "version": version},
    )
    assert "The posting is recorded" in text_of(answer)
    page = await ruth.get(f"/mous/{mou}/elements")
    share = [f"{cast.laurel}:{cast.sonoma}:{one.value}" for one in CLOSES_THE_LOOP["plan"]]
    share += [f"{cast.sonoma}:{cast.laurel}:{one.value}" for one in CLOSES_THE_LOOP["county"]]
    form = {"share": share, "note": "Minimum necessary", "version": fields_of(page)["version"]}
    answer = await ruth.post_form(f"/mous/{mou}/elements", form)
    assert "Amended" in text_of(answer)
    assert await queries.terms(cast.laurel, cast.sonoma, date(2026, 11, 18)) == CLOSES_THE_LOOP["plan"]


async def test_two_mous_stand_side_by_side(cast: Any, web: Any) -> None:
    first, second = await build.draft(cast), await build.draft(cast, title="The older one")
    await actions.fill_section(cast.sam, first, Section.GENERAL, "One year", complete=True)
    await actions.fill_section(cast.sam, second, Section.GENERAL, "Two years", complete=True)
    shown = await (await web.sign_in(cast.sam)).text(f"/mous/{first}/compare?with={second}")
    for words in ("One year", "Two years", "Differs"):
        assert words in shown
