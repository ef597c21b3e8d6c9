"""Who is named for a position, from when to when, on both databases."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hub.db.engine import fetch, fetch_value
from hub.directory import actions, queries
from hub.directory.rules import Position
from hub.kernel.errors import Forbidden, Invalid
from hub.kernel.jsontext import decode

TODAY = date(2026, 11, 18)


async def _new_liaison(cast: Any, from_date: date = TODAY, deputy: str | None = None) -> tuple[str, str]:
    nora = await actions.add_person(
        cast.thomas, cast.alameda, "Nora", "Quist", "nora.quist@example.org", "(510) 555-0111"
    )
    appointment = await actions.appoint(
        cast.thomas,
        organization=cast.alameda,
        counterpart=cast.poppy,
        position=Position.IHSS_LIAISON,
        person=nora,
        deputy=deputy,
        from_date=from_date,
    )
    return nora, appointment


async def test_a_new_liaison_follows_the_old_one_and_both_stay_on_record(cast: Any) -> None:
    nora, _ = await _new_liaison(cast, deputy=cast.thomas.id)
    now = await queries.holder("ihss_liaison", cast.alameda, cast.poppy, TODAY)
    assert now is not None
    assert (now.person, now.name, now.phone, now.deputy_name) == (
        nora,
        "Nora Quist",
        "+15105550111",
        "Thomas Okafor",
    )
    before = await queries.holder("ihss_liaison", cast.alameda, cast.poppy, date(2026, 11, 17))
    assert before is not None
    assert before.person == cast.marisol.id
    history = await queries.tenures(cast.alameda, cast.poppy, Position.IHSS_LIAISON)
    assert [(h.name, h.until_date) for h in history] == [
        ("Nora Quist", None),
        ("Marisol Vega", date(2026, 11, 17)),
    ]
    events = await fetch("SELECT event FROM appointment_event ORDER BY recorded_at, id")
    assert sorted(row["event"] for row in events) == ["appointed", "ended"]


async def test_the_fhir_document_of_an_appointment_says_code_telecom_and_period(cast: Any) -> None:
    nora, appointment = await _new_liaison(cast)
    document = decode(await fetch_value("SELECT document FROM appointment WHERE id = {}", appointment))
    assert document["resourceType"] == "PractitionerRole"
    assert document["active"] is True
    assert document["practitioner"]["reference"] == f"Practitioner/{nora}"
    assert document["code"][0]["coding"][0]["code"] == "ihss_liaison"
    assert {one["system"] for one in document["telecom"]} == {"phone", "email"}
    await actions.end_appointment(cast.thomas, appointment, TODAY)
    document = decode(await fetch_value("SELECT document FROM appointment WHERE id = {}", appointment))
    assert document["period"] == {"start": "2026-11-18", "end": "2026-11-18"}
    assert document["meta"]["versionId"] == "2"


async def test_an_ended_appointment_leaves_the_position_vacant(cast: Any) -> None:
    holder = await queries.holder("ihss_liaison", cast.alameda, cast.poppy, TODAY)
    assert holder is not None
    await actions.end_appointment(cast.thomas, holder.appointment, TODAY)
    assert await queries.holder("ihss_liaison", cast.alameda, cast.poppy, TODAY) is not None
    assert await queries.holder("ihss_liaison", cast.alameda, cast.poppy, date(2026, 11, 19)) is None


async def test_somebody_already_named_for_a_later_day_is_not_overtaken_silently(cast: Any) -> None:
    await _new_liaison(cast, from_date=date(2027, 1, 1))
    with pytest.raises(Invalid) as refused:
        await actions.appoint(
            cast.thomas,
            organization=cast.alameda,
            counterpart=cast.poppy,
            position=Position.IHSS_LIAISON,
            person=cast.thomas.id,
            from_date=date(2026, 12, 1),
        )
    assert refused.value.issues[0].where == "from_date"


async def test_nobody_names_people_of_another_organization(cast: Any) -> None:
    with pytest.raises(Forbidden):
        await actions.appoint(
            cast.thomas,
            organization=cast.poppy,
            counterpart=cast.alameda,
            position=Position.MCP_IHSS_LIAISON,
            person=cast.daniel.id,
            from_date=TODAY,
        )
    with pytest.raises(Forbidden):
        await actions.add_person(cast.thomas, cast.poppy, "A", "B", "a@b.org", "510 555 0100")


async def test_a_person_of_another_organization_is_not_appointed(cast: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await actions.appoint(
            cast.thomas,
            organization=cast.alameda,
            counterpart=cast.poppy,
            position=Position.IHSS_LIAISON,
            person=cast.priya.id,
            deputy=cast.daniel.id,
            from_date=TODAY,
        )
    assert [issue.where for issue in refused.value.issues] == ["person", "deputy"]


async def test_what_a_person_holds_includes_what_they_deputise_for(cast: Any) -> None:
    await _new_liaison(cast, deputy=cast.thomas.id)
    held = await queries.positions_of(cast.thomas.id, TODAY)
    assert {(h.position, h.as_deputy) for h in held} == {
        (Position.IHSS_RESPONSIBLE_PERSON, False),
        (Position.IHSS_LIAISON, True),
    }


async def test_a_signed_in_person_acts_with_their_roles_for_their_organization(cast: Any) -> None:
    actor = await queries.load_user(cast.marisol.id)
    assert actor is not None
    assert (actor.organization, actor.organization_name, actor.is_county) == (
        cast.alameda,
        "Alameda County",
        True,
    )
    assert actor.can("referral.write")
    assert not actor.can("mou.sign")
    assert await queries.load_user("nobody") is None


async def test_public_holidays_of_the_state_are_entered_once(cast: Any) -> None:
    assert await actions.seed_holidays([2026]) > 8
    assert await actions.seed_holidays([2026]) == 0
    await actions.add_holiday(cast.thomas, cast.alameda, date(2026, 11, 30), "County day")
    state = await queries.holidays()
    assert date(2026, 11, 26) in state
    assert date(2026, 11, 30) not in state
    assert (await queries.holidays(cast.alameda))[date(2026, 11, 30)] == "County day"


async def test_a_contact_list_shows_partners_beside_our_own_people(cast: Any) -> None:
    partners = await queries.contacts(cast.marisol, TODAY)
    assert [(p.organization.name, p.own) for p in partners] == [
        ("Golden Poppy Health Plan", False),
        ("Alameda County", True),
    ]
    assert [c.holder.name for c in partners[0].contacts if c.holder] == [
        "Priya Raman",
        "Daniel Kim",
        "Grace Lindqvist",
    ]
    assert partners[0].vacancies == 0
    assert await queries.contacts(cast.sam, TODAY, partner=cast.poppy) == []
