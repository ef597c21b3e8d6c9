"""The pages of consents: recorded after a check of the answers, revoked with its consequences said before."""

from __future__ import annotations

from typing import Any

import pytest

from hub.db.engine import fetch, fetch_value
from tests.cast import Cast
from tests.referrals.build import agree
from tests.web_client import text_of


def answers(cast: Cast, **changes: Any) -> dict[str, Any]:
    return {
        "answer": "agrees", "partner": cast.poppy, "direction": "both", "form": "ascmi-ab133",
        "given_on": "2026-11-01", "until_date": "2027-10-31", "labels": ["PSY"], **changes,
    }  # fmt: skip


async def test_a_consent_is_checked_then_recorded_and_opens_its_grants(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    path = f"/members/{cast.rosa}/consents/new"
    check = await marisol.post_form(path, answers(cast))
    shown = text_of(check)
    assert "Check the consent before you record it" in shown and "Both ways" in shown and "mental health" in shown
    assert await fetch_value("SELECT COUNT(*) AS n FROM consent") == 0
    edit = await marisol.post_form(path, {**answers(cast), "step": "edit"})
    assert 'value="2027-10-31"' in edit.text and edit.status_code == 200
    done = await marisol.post_form(path, {**answers(cast), "step": "store"})
    assert "The consent is recorded." in text_of(done)
    rows = await fetch("SELECT discloser, labels, from_date FROM consent_grant")
    assert {row["discloser"] for row in rows} == {cast.alameda, cast.poppy}
    assert {(row["labels"], str(row["from_date"])) for row in rows} == {("PSY", "2026-11-01")}


async def test_a_refusal_is_recorded_and_lets_nothing_out(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    path = f"/members/{cast.rosa}/consents/new"
    refused = answers(cast, answer="refuses")
    assert "Record refusal" in text_of(await marisol.post_form(path, refused))
    done = await marisol.post_form(path, {**refused, "step": "store"})
    assert "The refusal is recorded." in text_of(done) and "The member refused" in text_of(done)
    assert await fetch_value("SELECT COUNT(*) AS n FROM consent_grant") == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"given_on": "2026-12-24"}, "must not be in the future"),
        ({"until_date": "2026-10-01"}, "The last day must not be before the first"),
        ({"given_on": "soon"}, "must be a real date"),
        ({"answer": ""}, "Choose what the member decided"),
        ({"form": "other"}, "Say which form it is and where it is kept"),
        ({"labels": ["XXX"]}, "Choose the sensitive categories from the list"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    cast: Cast, web: Any, changes: dict[str, Any], words: str
) -> None:
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.post_form(f"/members/{cast.rosa}/consents/new", {**answers(cast), "kept": "", **changes})
    assert answer.status_code == 422 and words in text_of(answer)
    assert "<title>Error: " in answer.text and f'<option value="{cast.poppy}" selected' in answer.text


async def test_a_partner_without_an_mou_cannot_be_named(cast: Cast, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    answer = await marisol.post_form(f"/members/{cast.rosa}/consents/new", answers(cast, partner=cast.laurel))
    assert answer.status_code == 422 and "Choose a partner with whom an MOU is in force" in text_of(answer)


async def test_a_consent_is_revoked_after_its_consequences_were_said(cast: Cast, web: Any) -> None:
    consent = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    priya = await web.sign_in(cast.priya)
    ask = await priya.text(f"/consents/{consent}/revoke")
    assert "Nothing more goes out" in ask and "Open referrals can still be ended" in ask
    done = await priya.post_form(f"/consents/{consent}/revoke", {"version": 1})
    assert "The consent is revoked." in text_of(done) and "Rosa" not in text_of(done)
    assert await fetch_value("SELECT status FROM consent") == "inactive"
    marisol = await web.sign_in(cast.marisol)
    late = await marisol.post_form(f"/consents/{consent}/revoke", {"version": 1})
    assert late.status_code == 422 and "not active any more" in text_of(late)
    assert "Revoked" in await marisol.text(f"/consents/{consent}")


async def test_other_organizations_get_404(cast: Cast, web: Any) -> None:
    consent = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    sam = await web.sign_in(cast.sam)
    assert (await sam.get(f"/consents/{consent}")).status_code == 404
    assert (await sam.post_form(f"/consents/{consent}/revoke", {"version": 1})).status_code == 404
    assert (await sam.post_form(f"/members/{cast.rosa}/consents/new", answers(cast))).status_code == 404


async def test_a_compliance_officer_sees_a_consent_without_the_members_name(cast: Cast, web: Any) -> None:
    consent = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    arturo = await web.sign_in(cast.arturo)
    page = await arturo.text(f"/consents/{consent}")
    assert "Active" in page and "Rosa" not in page and "Revoke consent" not in page
