"""The pages of referrals, without JavaScript: story steps 4 and 5."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from hub.db.engine import fetch, fetch_value
from hub.kernel import clock
from hub.referrals.actions import desk
from hub.referrals.rules import Event
from tests.cast import Cast
from tests.conftest import NOW
from tests.referrals.build import agree, referral_from_county, referral_from_plan
from tests.web_client import fields_of, text_of


async def agreed(cast: Cast) -> str:
    return await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)


async def version(task: str) -> int:
    return int(await fetch_value("SELECT version FROM task WHERE id = {}", task))


async def status(task: str) -> str:
    return str(await fetch_value("SELECT status FROM task WHERE id = {}", task))


async def test_the_countys_liaison_accepts_works_and_completes_from_the_page(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    marisol = await web.sign_in(cast.marisol)
    listed = await marisol.text("/referrals")
    assert "Rosa M." in listed and "from Golden Poppy" in listed and "Answer" in listed
    page = await marisol.get(f"/referrals/{task}")
    assert "Referral for Rosa M. to IHSS for an application" in text_of(page)
    assert "Cannot bathe or cook alone since a fall." in text_of(page)
    done = await marisol.post_form(f"/referrals/{task}/accept", {"version": fields_of(page)["version"]})
    assert "You accepted the referral." in text_of(done)
    await marisol.post_form(f"/referrals/{task}/start", {"version": await version(task)})
    form = await marisol.get(f"/referrals/{task}/complete")
    assert "What was done" in text_of(form)
    done = await marisol.post_form(
        f"/referrals/{task}/complete",
        {"version": await version(task), "outcome": "40 hours a month authorized", "performed_on": "2026-11-18"},
    )
    assert "40 hours a month authorized" in text_of(done)
    assert await status(task) == "completed"
    priya = await web.sign_in(cast.priya)
    seen = await priya.text(f"/referrals/{task}")
    assert "40 hours a month authorized" in seen and "Close the loop" in seen
    closed = await priya.post_form(f"/referrals/{task}/close", {"version": await version(task)})
    assert "The loop is closed on both sides." in text_of(closed)


async def test_opening_a_referral_is_in_the_trail(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    marisol = await web.sign_in(cast.marisol)
    await marisol.get(f"/referrals/{task}")
    rows = await fetch("SELECT actor_id, member, basis FROM audit_entry WHERE action = 'referrals:task:read'")
    assert [(row["actor_id"], row["member"]) for row in rows] == [(cast.marisol.id, cast.rosa)]
    assert "consent" in rows[0]["basis"]


async def test_declining_needs_a_reason_and_keeps_what_was_typed(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.post_form(
        f"/referrals/{task}/decline", {"version": 1, "closure": "", "reason": "She moved to Sonoma."}
    )
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "Choose the reason for closure" in text_of(answer) and "She moved to Sonoma." in answer.text
    await marisol.post_form(
        f"/referrals/{task}/decline",
        {"version": 1, "closure": "member-no-longer-eligible", "reason": "She moved to Sonoma."},
    )
    assert await status(task) == "rejected"
    priya = await web.sign_in(cast.priya)
    assert "She moved to Sonoma." in await priya.text(f"/referrals/{task}")


async def test_somebody_else_saved_meanwhile_shows_the_state_and_what_was_typed(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    marisol = await web.sign_in(cast.marisol)
    await desk.take_step(cast.thomas, task, Event.ACCEPT, version=1)
    late = await marisol.post_form(
        f"/referrals/{task}/decline", {"version": 1, "closure": "other", "reason": "No capacity."}
    )
    assert late.status_code == 412
    assert "The referral is now: accepted." in text_of(late) and "No capacity." in late.text
    again = await marisol.post_form(f"/referrals/{task}/accept", {"version": 1})
    assert again.status_code == 412 and "Somebody else changed this meanwhile" in text_of(again)
    stale = await marisol.post_form(f"/referrals/{task}/hold", {"version": 1, "reason": "Waits for the SOC 873."})
    assert stale.status_code == 412 and "Waits for the SOC 873." in stale.text
    assert fields_of(stale)["version"] == "2"
    await marisol.post_form(f"/referrals/{task}/hold", {"version": 2, "reason": "Waits for the SOC 873."})
    assert await status(task) == "on-hold"


async def test_a_step_that_the_table_does_not_have_is_refused_in_words(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.post_form(f"/referrals/{task}/start", {"version": 1})
    assert answer.status_code == 422
    assert "cannot take the step “Start work”" in text_of(answer)
    assert (await marisol.get(f"/referrals/{task}/dance")).status_code == 404


async def test_other_organizations_get_404(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    sam = await web.sign_in(cast.sam)
    assert (await sam.get(f"/referrals/{task}")).status_code == 404
    assert (await sam.post_form(f"/referrals/{task}/accept", {"version": 1})).status_code == 404
    assert (await sam.post_form(f"/referrals/{task}/close", {"version": 1})).status_code == 404
    assert await status(task) == "requested"


async def test_who_may_not_work_on_referrals_sees_no_button(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_plan(cast)
    arturo = await web.sign_in(cast.arturo)
    page = await arturo.get(f"/referrals/{task}")
    assert page.status_code == 200 and "Accept referral" not in page.text
    assert (await arturo.post_form(f"/referrals/{task}/accept", {"version": 1})).status_code == 403


async def test_without_consent_the_member_is_withheld_and_the_referral_can_still_be_ended(cast: Cast, web: Any) -> None:
    consent = await agreed(cast)
    task = await referral_from_county(cast)
    priya = await web.sign_in(cast.priya)
    assert "Rosa M." in await priya.text("/referrals")
    marisol = await web.sign_in(cast.marisol)
    await marisol.post_form(f"/consents/{consent}/revoke", {"version": 1})
    listed = await priya.text("/referrals")
    assert "Rosa" not in listed and "Withheld" in listed
    page = await priya.text(f"/referrals/{task}")
    assert "Rosa" not in page and "meals at home" not in page and "No active consent" in page
    await priya.post_form(
        f"/referrals/{task}/decline", {"version": 1, "closure": "other", "reason": "Consent was taken back."}
    )
    assert await status(task) == "rejected"


async def draft_of(visitor: Any, member: str) -> str:
    started = await visitor.post_form("/referrals/new", {"member": member}, follow=False)
    return str(started.headers["location"])


async def test_a_referral_is_filled_in_piece_by_piece_checked_and_sent(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    at = (await marisol.post_form("/referrals/new", follow=False)).headers["location"]
    tasks = await marisol.text(at)
    assert "0 of 4 complete" in tasks
    found = await marisol.post_form(f"{at}/member/find", {"words": "90000001a"})
    assert "Rosa Mendoza" in text_of(found) and "Mendoza" not in str(found.url)
    await marisol.post_form(f"{at}/member", {"member": cast.rosa, "version": 1})
    await marisol.post_form(
        f"{at}/to", {"partner": cast.poppy, "service": "community-supports", "priority": "urgent", "version": 2}
    )
    await marisol.post_form(f"{at}/need", {"need": "Meals at home after discharge.", "version": 3})
    assert "3 of 4 complete" in await marisol.text(at)
    assert "Rosa M., Community Supports" in await marisol.text("/referrals")
    check = await marisol.text(f"{at}/check")
    assert "It cannot be sent yet" in check and "No active consent" in check and "Record a consent" in check
    refused = await marisol.post_form(f"{at}/check", {"version": 4})
    assert refused.status_code == 403 and "No active consent of the member" in text_of(refused)
    await agreed(cast)
    check = await marisol.text(f"{at}/check")
    assert "Send referral" in check and "Meals at home after discharge." in check
    assert "It goes to Priya Raman" in check
    sent = await marisol.post_form(f"{at}/check", {"version": 4})
    assert "The referral is sent." in text_of(sent) and "due in 5 working days" in text_of(sent)
    assert (await marisol.get(at)).status_code == 404
    rows = await fetch("SELECT status, owner, priority FROM task")
    assert [dict(row) for row in rows] == [{"status": "requested", "owner": cast.poppy, "priority": "urgent"}]
    priya = await web.sign_in(cast.priya)
    assert "Meals at home after discharge." in await priya.text(str(sent.url.path))


async def test_the_check_names_the_data_elements_that_the_mou_does_not_agree(cast: Cast, web: Any) -> None:
    await agreed(cast)
    await fetch("DELETE FROM mou_term WHERE element = 'need' AND discloser = {}", cast.alameda)
    marisol = await web.sign_in(cast.marisol)
    at = await draft_of(marisol, cast.rosa)
    await marisol.post_form(f"{at}/to", {"partner": cast.poppy, "service": "community-supports", "version": 1})
    await marisol.post_form(f"{at}/need", {"need": "Meals.", "version": 2})
    check = await marisol.text(f"{at}/check")
    assert "The MOU does not agree to share all of it" in check and "Not agreed: Need" in check


async def test_a_draft_saved_in_another_window_is_not_lost(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    at = await draft_of(marisol, cast.rosa)
    await marisol.post_form(f"{at}/need", {"need": "First window.", "version": 1})
    late = await marisol.post_form(f"{at}/need", {"need": "Second window.", "version": 1})
    assert late.status_code == 412 and "Second window." in late.text
    await marisol.post_form(f"{at}/need", {"need": "Second window.", "version": fields_of(late)["version"]})
    assert "Second window." in (await marisol.get(f"{at}/need")).text


async def test_a_draft_is_its_writers_alone_and_can_be_discarded(cast: Cast, web: Any) -> None:
    marisol, thomas = await web.sign_in(cast.marisol), await web.sign_in(cast.thomas)
    at = await draft_of(marisol, cast.rosa)
    assert (await thomas.get(at)).status_code == 404
    assert (await thomas.post_form(f"{at}/discard")).status_code == 404
    assert "is discarded" in text_of(await marisol.post_form(f"{at}/discard"))
    assert (await marisol.get(at)).status_code == 404


async def test_a_draft_takes_only_partners_with_an_mou_and_services_that_they_give(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    at = await draft_of(marisol, cast.rosa)
    answer = await marisol.post_form(f"{at}/to", {"partner": cast.laurel, "service": "ihss-application", "version": 1})
    assert answer.status_code == 422
    assert "Choose a partner with whom an MOU is in force" in text_of(answer)
    assert "Choose the service from the list" in text_of(answer)


async def test_the_four_kinds_of_nothing_read_differently(cast: Cast, web: Any) -> None:
    marisol, sam = await web.sign_in(cast.marisol), await web.sign_in(cast.sam)
    assert "No referrals yet" in await marisol.text("/referrals")
    assert "no MOU is in force" in await sam.text("/referrals")
    await agreed(cast)
    await referral_from_plan(cast)
    assert "None match" in await marisol.text("/referrals?side=outgoing")
    nobody = web.visitor()
    assert "Sign in" in await nobody.text("/referrals")


async def test_filters_are_links_with_their_counts(cast: Cast, web: Any) -> None:
    await agreed(cast)
    ended = await referral_from_plan(cast)
    await referral_from_county(cast)
    await desk.take_step(cast.marisol, ended, Event.DECLINE, version=1, reason="No capacity.")
    marisol = await web.sign_in(cast.marisol)
    page = await marisol.get("/referrals")
    counts = re.findall(r"(Open|To close|Ended|All) <span class=\"hub-count\">(\d+)</span>", page.text)
    assert counts == [("Open", "1"), ("To close", "1"), ("Ended", "1"), ("All", "2")]
    assert "to Golden Poppy" in text_of(page)
    assert "Declined" in await marisol.text("/referrals?state=ended&side=incoming")


async def test_an_overdue_answer_is_tagged_in_the_list(cast: Cast, web: Any) -> None:
    await agreed(cast)
    await referral_from_plan(cast)
    with clock.set_to(NOW + timedelta(days=20)):
        marisol = await web.sign_in(cast.marisol)
        listed = await marisol.text("/referrals")
    assert "Overdue" in listed and "answer overdue by" in listed


async def test_a_referral_entered_in_error_is_marked_by_its_requester(cast: Cast, web: Any) -> None:
    await agreed(cast)
    task = await referral_from_county(cast)
    marisol = await web.sign_in(cast.marisol)
    assert "stays on record as a mistake" in await marisol.text(f"/referrals/{task}/void")
    done = await marisol.post_form(f"/referrals/{task}/void", {"version": 1})
    assert "marked as entered in error" in text_of(done)
