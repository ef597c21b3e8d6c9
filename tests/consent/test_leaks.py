"""What pages and actions tell of a member, or let change, when consent, MOU or labels say no."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.consent.actions import change_consent, receive_patient, record_consent, revoke
from hub.consent.document import check, consent
from hub.consent.queries import members_found, names_shown
from hub.db.engine import fetch, fetch_value
from hub.kernel import clock
from hub.kernel.errors import Forbidden, Invalid, NotFound
from hub.kernel.jsontext import decode, encode
from hub.members.actions import record_member
from hub.members.queries import served_by
from hub.mou.tables import MouTerm
from hub.referrals import document as documents
from hub.referrals.actions.desk import take_step
from hub.referrals.actions.requests import receive_request
from hub.referrals.actions.tasks import receive_task
from hub.referrals.queries import referral
from hub.referrals.queries.lists import Filter, referral_list
from hub.referrals.rules import Event, Service
from tests.cast import Cast, executed_mou
from tests.referrals.build import agree, referral_from_county

ROSA = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:ihss-hub:cin", "value": "90000001A"}],
    "name": [{"family": "Mendoza", "given": ["Rosa"]}],
    "birthDate": "1948-03-05",
}


async def label_rosa(cast: Cast, code: str) -> None:
    document = decode(await fetch_value("SELECT document FROM member WHERE id = {}", cast.rosa))
    document["meta"]["security"] = [{"code": code}]
    await fetch("UPDATE member SET document = {} WHERE id = {}", encode(document), cast.rosa)


async def test_a_label_hides_the_name_on_every_list(cast: Cast, web: Any) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    assert (await referral_list(cast.priya, Filter()))[0][0].member_name == "Rosa M."
    await label_rosa(cast, "PSY")
    row = (await referral_list(cast.priya, Filter()))[0][0]
    assert (row.member_name, row.cin_end) == (None, None)
    assert await names_shown(cast.priya, [cast.rosa]) == {}
    assert [one.row for one in await members_found(cast.priya, "90000001A")] == [None]
    assert await members_found(cast.priya, "mendoza") == []
    seen = await referral(cast.priya, task)
    assert seen.row.member_name is None and seen.person is not None and seen.person.row is None
    priya = await web.sign_in(cast.priya)
    for path in ("/", "/referrals", f"/referrals/{task}", f"/members/{cast.rosa}", "/members"):
        shown = await priya.text(path)
        assert "Rosa M" not in shown and "Mendoza" not in shown, path
    assert (await referral_list(cast.marisol, Filter()))[0][0].member_name == "Rosa M."


async def test_an_element_in_excess_hides_the_whole_record_also_on_lists(cast: Cast) -> None:
    """A resource goes out whole or not at all; the list goes by the same rule as the page."""
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    await referral_from_county(cast)
    document = decode(await fetch_value("SELECT document FROM member WHERE id = {}", cast.rosa))
    document["telecom"] = [{"system": "phone", "value": "+15105550100"}]
    await fetch("UPDATE member SET document = {} WHERE id = {}", encode(document), cast.rosa)
    await MouTerm.delete().where((MouTerm.discloser == cast.alameda) & (MouTerm.element == "contact"))
    assert (await referral_list(cast.priya, Filter()))[0][0].member_name is None


async def test_after_a_revocation_nothing_new_that_the_requester_writes_reaches_the_owner(cast: Cast, web: Any) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    await revoke(cast.marisol, agreed, 1)
    await take_step(cast.marisol, task, Event.CANCEL, version=1, reason="She was taken to a hospital.")
    seen = await referral(cast.priya, task)
    assert seen.reason == "" and "hospital" not in str(seen.events)
    assert [event.title for event in seen.events] == ["Cancelled", "Sent"]
    priya = await web.sign_in(cast.priya)
    for path in (f"/referrals/{task}", f"/members/{cast.rosa}", "/", "/referrals?state=all"):
        assert "hospital" not in await priya.text(path), path
    assert "hospital" in await (await web.sign_in(cast.marisol)).text(f"/members/{cast.rosa}")
    assert (await referral(cast.marisol, task)).reason == "She was taken to a hospital."


async def test_who_wrote_the_reason_themselves_still_reads_it_after_a_revocation(cast: Cast) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_county(cast)
    await revoke(cast.marisol, agreed, 1)
    await take_step(cast.priya, task, Event.DECLINE, version=1, reason="No consent any more.")
    assert (await referral(cast.priya, task)).reason == "No consent any more."
    assert (await referral(cast.marisol, task)).reason == "No consent any more."


async def test_a_claim_becomes_a_relation_only_with_a_consent_or_a_referral(cast: Cast) -> None:
    await executed_mou(cast.sonoma, cast.laurel)
    await record_member(cast.laurel_system, ROSA)
    assert (await served_by(cast.marisol, cast.rosa))["plan"] == "Golden Poppy"
    await agree(cast.laurel_system, cast.rosa, cast.laurel, cast.sonoma)
    assert (await served_by(cast.marisol, cast.rosa))["plan"] == "Bay Laurel, Golden Poppy"


async def test_a_refusal_recorded_makes_nobody_one_who_serves_the_member(cast: Cast) -> None:
    await executed_mou(cast.sonoma, cast.laurel)
    await record_member(cast.laurel_system, ROSA)
    day = clock.today()
    document = consent(
        member=cast.rosa, given_on=day, from_date=day, until_date=None, organizations=(cast.laurel, cast.sonoma),
        two_way=False, form="x", refused=True,
    )  # fmt: skip
    await record_consent(cast.laurel_system, document)
    assert (await served_by(cast.marisol, cast.rosa))["plan"] == "Golden Poppy"


async def test_a_draft_makes_its_owner_none_who_serves_the_member(cast: Cast) -> None:
    await executed_mou(cast.alameda, cast.laurel)
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.laurel)
    at = clock.now()
    request = documents.service_request(
        member=cast.rosa, service=Service.ECM, requester=cast.alameda, performer=cast.laurel, at=at, need=""
    )
    del request["performer"]
    sent = await receive_request(cast.marisol, request)
    task = documents.task(
        service_request=sent.id, member=cast.rosa, requester=cast.alameda, owner=cast.laurel, at=at
    )  # fmt: skip
    await receive_task(cast.marisol, {**task, "status": "draft"})
    assert "Bay Laurel" not in (await served_by(cast.marisol, cast.rosa))["plan"]
    assert await fetch_value("SELECT performer FROM service_request WHERE id = {}", sent.id) is None


async def test_a_draft_is_not_sent_for_a_request_that_has_ended(cast: Cast) -> None:
    from hub.referrals.actions.requests import change_request
    from hub.referrals.actions.tasks import change_task

    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    at = clock.now()
    asked = documents.service_request(
        member=cast.rosa, service=Service.ECM, requester=cast.alameda, performer=cast.poppy, at=at, need=""
    )
    request = await receive_request(cast.marisol, asked)
    task = documents.task(
        service_request=request.id, member=cast.rosa, requester=cast.alameda, owner=cast.poppy, at=at
    )  # fmt: skip
    drafted = await receive_task(cast.marisol, {**task, "status": "draft"})
    await change_request(cast.marisol, request.id, {**decode(request.text), "status": "revoked"}, 1)
    with pytest.raises(Invalid, match="revoked"):
        await change_task(cast.marisol, drafted.id, {**decode(drafted.text), "status": "requested"}, 1)


# --- Consents that say what the hub cannot honour -------------------------------------------------------------------


def document_of(cast: Cast, **provision: Any) -> dict[str, Any]:
    day = clock.today()
    found = consent(member=cast.rosa, given_on=day, from_date=day, until_date=None, two_way=True, form="x",
                    organizations=(cast.alameda, cast.poppy))  # fmt: skip
    found["provision"] |= provision
    return found


@pytest.mark.parametrize(
    "limit",
    [
        {"dataPeriod": {"start": "2026-11-01"}},
        {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]},
        {"provision": [{"type": "deny"}]},
        {"data": [{"meaning": "instance", "reference": {"reference": "Task/x"}}]},
        {"class": [{"code": "Task"}]},
        {"code": [{"text": "x"}]},
        {"action": [{"text": "x"}]},
    ],
    ids=str,
)
async def test_a_limit_that_the_hub_cannot_honour_makes_it_refuse_the_consent(cast: Cast, limit: Any) -> None:
    document = document_of(cast, **limit)
    assert [issue.where for issue in check(document)] == [f"Consent.provision.{name}" for name in limit]
    with pytest.raises(Invalid):
        await record_consent(cast.marisol, document)


async def test_a_modifier_of_a_whole_consent_is_refused_too(cast: Cast) -> None:
    with pytest.raises(Invalid):
        await record_consent(cast.marisol, {**document_of(cast), "modifierExtension": [{"url": "urn:x"}]})


async def test_only_organizations_that_a_consent_names_take_it_back(cast: Cast) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    for stranger in (cast.sam, cast.lena):
        with pytest.raises(NotFound):
            await revoke(stranger, agreed, 1)
    with pytest.raises(Forbidden):
        row = decode(await fetch_value("SELECT document FROM consent WHERE id = {}", agreed))
        await change_consent(cast.priya, agreed, {**row, "status": "entered-in-error"})
    await revoke(cast.priya, agreed, 1)
    assert await fetch_value("SELECT count(*) FROM consent_grant") == 0


async def test_a_consent_with_a_label_that_the_form_does_not_offer_is_shown(cast: Cast, web: Any) -> None:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy, labels=("PSY", "SUD"))
    marisol = await web.sign_in(cast.marisol)
    for path in (f"/consents/{agreed}", f"/consents/{agreed}/revoke", f"/members/{cast.rosa}"):
        assert (await marisol.get(path)).status_code == 200, path


async def test_a_consent_that_is_over_lets_nothing_out_and_nothing_is_kept_in_a_cache(cast: Cast) -> None:
    until = clock.today() + timedelta(days=3)
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy, until_date=until)
    task = await referral_from_county(cast)
    assert (await referral(cast.priya, task)).row.member_name == "Rosa M."
    with clock.set_to(clock.now() + timedelta(days=4)):
        seen = await referral(cast.priya, task)
        assert (seen.row.member_name, seen.need) == (None, "")


async def test_a_claim_settles_with_a_consent_that_names_the_one_who_claimed_whoever_comes_first(cast: Cast) -> None:
    await executed_mou(cast.alameda, cast.laurel)
    await record_member(cast.laurel_system, ROSA)
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.laurel)
    assert (await served_by(cast.marisol, cast.rosa))["plan"] == "Bay Laurel, Golden Poppy"


async def test_a_claim_after_the_consent_that_names_the_one_who_claims_is_none(cast: Cast) -> None:
    await executed_mou(cast.alameda, cast.laurel)
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.laurel)
    assert (await served_by(cast.marisol, cast.rosa))["plan"] == "Golden Poppy"
    await receive_patient(cast.laurel_system, ROSA)
    assert (await served_by(cast.marisol, cast.rosa))["plan"] == "Bay Laurel, Golden Poppy"
