"""The pages of members: found by those who serve them, shown as far as a consent lets, recorded once."""

from __future__ import annotations

from typing import Any

from hub.db.engine import fetch, fetch_value
from tests.cast import Cast
from tests.referrals.build import agree, referral_from_plan
from tests.web_client import text_of

NEW = {
    "cin": "9000 0003c", "given": "Hasmik Srbuhi", "family": "Ter-Hovhannisyan", "birth_date": "03/05/1948",
    "phone": "510 555 0142", "address": "12 Oak St, Oakland", "language": "Armenian", "case_number": "0100077",
}  # fmt: skip


async def test_a_member_is_found_by_cin_name_and_case_number_with_the_reason(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    for words, reason in (
        ("90000001a", "CIN"),
        ("mendoza", "name"),
        ("rosa mendoza", "name"),
        ("0100042", "case number"),
    ):
        found = await marisol.post_form("/search", {"words": words})
        assert "Rosa Mendoza" in text_of(found) and reason in text_of(found)
        assert words not in str(found.url)
        assert found.headers["cache-control"] == "no-store"
    assert "Nobody found" in text_of(await marisol.post_form("/search", {"words": "Henry"}))


async def test_the_trail_keeps_whom_a_search_showed_and_not_what_was_typed(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    await marisol.post_form("/search", {"words": "mendoza"})
    (entry,) = await fetch("SELECT member, detail FROM audit_entry WHERE action = 'members:member:search'")
    assert entry["member"] == cast.rosa and "mendoza" not in entry["detail"]


async def test_an_empty_search_says_what_to_enter(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.post_form("/search", {"words": " "})
    assert answer.status_code == 422 and "Enter a CIN, case number or name" in text_of(answer)


async def test_without_a_consent_a_member_is_found_by_the_whole_cin_alone_and_the_name_is_withheld(
    cast: Cast, web: Any
) -> None:
    priya = await web.sign_in(cast.priya)
    found = text_of(await priya.post_form("/search", {"words": "90000001A"}))
    assert "Withheld" in found and "…001A" in found and "Rosa" not in found
    assert "Nobody found" in text_of(await priya.post_form("/search", {"words": "Mendoza"}))
    page = await priya.text(f"/members/{cast.rosa}")
    assert "Member …001A" in page and "Rosa" not in page and "1948" not in page
    assert (await priya.post_form(f"/members/{cast.rosa}/reveal")).status_code == 403


async def test_with_a_consent_the_partner_sees_the_member_but_not_the_countys_case_number(cast: Cast, web: Any) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    priya = await web.sign_in(cast.priya)
    page = await priya.text(f"/members/{cast.rosa}")
    assert "Rosa Mendoza" in page and "Mar 5, 1948" in page and "0100042" not in page
    assert "Nobody found" in text_of(await priya.post_form("/search", {"words": "0100042"}))


async def test_the_cin_is_masked_and_revealing_it_is_in_the_trail(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    assert "90000001A" not in (await marisol.get(f"/members/{cast.rosa}")).text
    shown = await marisol.post_form(f"/members/{cast.rosa}/reveal")
    assert "90000001A" in text_of(shown)
    rows = await fetch("SELECT member FROM audit_entry WHERE action = 'members:member:reveal'")
    assert [row["member"] for row in rows] == [cast.rosa]


async def test_a_members_page_has_referrals_consents_and_one_timeline(cast: Cast, web: Any) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    await referral_from_plan(cast)
    marisol = await web.sign_in(cast.marisol)
    page = await marisol.text(f"/members/{cast.rosa}")
    assert "IHSS application: sent" in page and "Consent recorded" in page
    assert "Alameda to Golden Poppy; Golden Poppy to Alameda" in page
    assert "New referral" in page and "Record a consent" in page


async def test_other_organizations_get_404(cast: Cast, web: Any) -> None:
    sam = await web.sign_in(cast.sam)
    assert (await sam.get(f"/members/{cast.rosa}")).status_code == 404
    assert (await sam.get(f"/members/{cast.rosa}/consents/new")).status_code == 404
    assert (await sam.post_form(f"/members/{cast.rosa}/reveal")).status_code == 404


async def test_a_member_is_recorded_once_and_found_the_second_time(cast: Cast, web: Any) -> None:
    marisol, priya = await web.sign_in(cast.marisol), await web.sign_in(cast.priya)
    done = await marisol.post_form("/members/new", NEW)
    assert "The member is recorded." in text_of(done) and "Hasmik Srbuhi Ter-Hovhannisyan" in text_of(done)
    assert "12 Oak St, Oakland" in text_of(done) and "0100077" in text_of(done)
    again = await priya.post_form("/members/new", NEW)
    assert "on file already" in text_of(again)
    assert await fetch_value("SELECT COUNT(*) AS n FROM member WHERE cin = '90000003C'") == 1


async def test_a_wrong_cin_keeps_what_was_typed(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    wrong = await marisol.post_form("/members/new", {**NEW, "cin": "123", "birth_date": "2030-01-01"})
    assert wrong.status_code == 422
    assert "CIN must have 9 letters and digits" in text_of(wrong) and "must be a date in the past" in text_of(wrong)
    assert "Ter-Hovhannisyan" in wrong.text
    other = await marisol.post_form("/members/new", {**NEW, "cin": "90000001A"})
    assert other.status_code == 422 and "does not go with this name" in text_of(other)
