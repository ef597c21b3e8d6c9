"""The pages of the quarterly meetings, without JavaScript: story step 7."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from hub.kernel import clock
from hub.meetings import actions, queries
from hub.meetings.tables import ActionItem, Meeting
from hub.notifications.tables import Mail
from tests.cast import Cast
from tests.meetings.test_actions import AFTER, held, late_referral, scheduled

WHEN = {"starts_on": "2026-12-02", "starts_at": "10:00", "minutes_long": "60", "place": "Room 4"}


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


async def only_meeting() -> str:
    (row,) = await Meeting.select(Meeting.id)
    return str(row["id"])


async def version(meeting: str) -> int:
    (row,) = await Meeting.select(Meeting.version).where(Meeting.id == meeting)
    return int(row["version"])


async def test_a_meeting_goes_its_whole_way_through_the_pages(cast: Cast, web: Any) -> None:
    await late_referral(cast)
    priya = await web.sign_in(cast.priya)
    assert "No meeting this quarter" in await priya.text("/meetings")
    await priya.post_form("/meetings/new", {**WHEN, "agreement": cast.mou})
    meeting = await only_meeting()
    shown = await priya.text(f"/meetings/{meeting}")
    assert "Quarterly meeting of Alameda and Golden Poppy, Dec 2, 2026" in shown
    assert "Referrals that Golden Poppy has left waiting" in shown and "Send invitation" in shown
    sent = await priya.post_form(f"/meetings/{meeting}/invite", {"version": 1})
    assert "Invitation sent to 4 people." in text(sent)
    with clock.set_to(AFTER):
        marisol = await web.sign_in(cast.marisol)
        assert "Record that it was held" in await marisol.text(f"/meetings/{meeting}")
        after = await marisol.post_form(
            f"/meetings/{meeting}/hold",
            {
                "version": await version(meeting),
                "held_on": "2026-12-02",
                "attended": [cast.marisol.id, cast.priya.id],
                "others_present": "Ana Cruz, Golden Poppy",
            },
        )
        assert "Now the minutes" in text(after)
        items, _ = await queries.agenda(cast.marisol, meeting)
        await marisol.post_form(
            f"/meetings/{meeting}/minutes",
            {
                "version": await version(meeting),
                "minutes": "We met.",
                "decisions": "Fewer faxes",
                f"discussed-{items[0].id}": "Went well.",
                "act": "item",
            },
        )
        await marisol.post_form(
            f"/meetings/{meeting}/action-items/new",
            {"title": "Send the fax numbers", "owner": cast.priya.id, "due_on": "2026-12-20"},
        )
        done = await marisol.post_form(
            f"/meetings/{meeting}/minutes",
            {"version": await version(meeting), "minutes": "We met.", "decisions": "Fewer faxes", "act": "finish"},
        )
        assert "Send the fax numbers" in text(done) and "Ana Cruz" in text(done) and "Went well." in text(done)
        assert "Record the posting" not in text(done)
        priya = await web.sign_in(cast.priya)
        posted = await priya.post_form(
            f"/meetings/{meeting}/post",
            {"version": await version(meeting), "posted_on": "2026-12-03", "where": "https://plan.example/m"},
        )
        assert "Posted Dec 3, 2026" in text(posted)
        (item,) = await ActionItem.select()
        ended = await priya.post_form(
            f"/action-items/{item['id']}",
            {"version": 1, "done_on": "2026-12-03", "outcome": "Sent", "act": "done"},
        )
        assert "Done on Thursday December 3, 2026: Sent" in text(ended)
        assert "Held Dec 2, 2026" in await priya.text("/meetings")
    assert len([m for m in await Mail.select() if m["subject"].startswith("Minutes")]) == 3


async def test_what_was_typed_is_kept_and_each_problem_stands_at_its_field(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.post_form(
        "/meetings/new", {**WHEN, "starts_on": "2026-11-01", "place": "", "agreement": cast.mou}
    )
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "Enter the place" in text(answer)
    assert 'value="2026-11-01"' in answer.text
    late = await marisol.post_form("/meetings/new", {**WHEN, "starts_on": "2026-11-01", "agreement": cast.mou})
    assert "The meeting must begin in the future." in text(late)


async def test_the_second_of_two_who_move_a_meeting_is_told_and_keeps_what_was_typed(cast: Cast, web: Any) -> None:
    meeting = await scheduled(cast)
    marisol = await web.sign_in(cast.marisol)
    await marisol.post_form(f"/meetings/{meeting}/move", {**WHEN, "version": 1, "starts_on": "2026-12-03"})
    answer = await marisol.post_form(f"/meetings/{meeting}/move", {**WHEN, "version": 1, "place": "Room 12"})
    assert answer.status_code == 412
    assert 'value="Room 12"' in answer.text
    assert 'name="version" value="2"' in answer.text


@pytest.mark.parametrize("path", ["", "/agenda", "/move", "/cancel", "/hold", "/minutes", "/post", "/invitation.ics"])
async def test_no_page_of_a_meeting_opens_for_a_stranger(cast: Cast, web: Any, path: str) -> None:
    meeting = await scheduled(cast)
    sam = await web.sign_in(cast.sam)
    assert (await sam.get(f"/meetings/{meeting}{path}")).status_code == 404


async def test_who_may_only_read_gets_no_buttons_and_no_forms(cast: Cast, web: Any) -> None:
    meeting = await scheduled(cast)
    grace = await web.sign_in(cast.grace)
    shown = await grace.get(f"/meetings/{meeting}")
    assert shown.status_code == 200
    assert "Send invitation" not in shown.text and "/agenda" not in shown.text
    assert (await grace.get(f"/meetings/{meeting}/move")).status_code == 403
    assert (await grace.post_form(f"/meetings/{meeting}/invite", {"version": 1})).status_code == 403


async def test_the_agenda_is_looked_over_item_by_item(cast: Cast, web: Any) -> None:
    meeting = await scheduled(cast)
    marisol = await web.sign_in(cast.marisol)
    added = await marisol.post_form(
        f"/meetings/{meeting}/agenda", {"topic": "systemic-concerns", "title": "Fax numbers"}
    )
    assert "Fax numbers" in text(added)
    items, _ = await queries.agenda(cast.marisol, meeting)
    reworded = await marisol.post_form(f"/agenda-items/{items[0].id}", {"title": "Care after the merger"})
    assert "Care after the merger" in text(reworded)
    gone = await marisol.post_form(f"/agenda-items/{items[1].id}/remove")
    assert "Taken off" in text(gone)
    back = await marisol.post_form(f"/agenda-items/{items[1].id}/restore")
    assert "Taken off" not in text(back)
    assert "Nothing new came up" in text(await marisol.post_form(f"/meetings/{meeting}/agenda/refresh"))


async def test_the_invitation_downloads_as_a_calendar_file(cast: Cast, web: Any) -> None:
    meeting = await scheduled(cast)
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.get(f"/meetings/{meeting}/invitation.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "METHOD:REQUEST" in answer.text and f"UID:meeting-{meeting}" in answer.text


async def test_a_county_cancels_with_a_reason_and_the_page_says_so(cast: Cast, web: Any) -> None:
    meeting = await scheduled(cast)
    marisol = await web.sign_in(cast.marisol)
    empty = await marisol.post_form(f"/meetings/{meeting}/cancel", {"version": 1, "note": ""})
    assert empty.status_code == 422
    done = await marisol.post_form(f"/meetings/{meeting}/cancel", {"version": 1, "note": "Flood"})
    assert "Flood" in text(done)


async def test_an_organization_without_an_mou_in_force_is_told_what_comes_first(cast: Cast, web: Any) -> None:
    sam = await web.sign_in(cast.sam)
    assert "No MOU in force yet" in await sam.text("/meetings")
    assert "No open action items" in await sam.text("/action-items")


@pytest.mark.browser
@pytest.mark.parametrize("database_kind", ["sqlite"])  # what a browser shows does not hang on the database
async def test_the_pages_of_meetings_are_accessible_and_fit_on_a_phone(cast: Cast, chromium: Any) -> None:
    from tests.web_client import check_page

    await late_referral(cast)
    first = await scheduled(cast)
    await actions.invite(cast.priya, first, 1)
    done = await held(cast)
    with clock.set_to(AFTER):
        item = await actions.add_action_item(
            cast.marisol, done, "Send the fax numbers", cast.marisol.id, date(2026, 12, 20)
        )
        await actions.minute(cast.marisol, done, await version(done), minutes="We met.", decisions="Fewer faxes")
        page = await chromium.open(cast.marisol, "/meetings")
        paths = [
            "/meetings",
            "/meetings/new",
            f"/meetings/{first}",
            f"/meetings/{done}",
            f"/meetings/{first}/agenda",
            f"/meetings/{first}/move",
            f"/meetings/{first}/cancel",
            f"/meetings/{first}/hold",
            f"/meetings/{done}/minutes",
            f"/meetings/{done}/action-items/new",
            f"/action-items/{item}",
            "/action-items",
        ]
        for path in paths:
            await page.goto(path)
            await check_page(page)
