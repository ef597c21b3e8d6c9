"""A dozen MOUs and more, each in a state of its own, recorded and signed by the people of both sides."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta

from hub.demo.timeline import Days, Thread
from hub.demo.words import COUNTY_SHARES, PLAN_SHARES, TERMS
from hub.demo.world import Pair, Side, World
from hub.directory.rules import Position
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter, add_months
from hub.meetings.actions import open_quarter
from hub.mou import actions as mou
from hub.mou import queries
from hub.mou.rules import DataElement, Event, NewAgreement, Renewal, Section, Template

E = DataElement


@dataclass(frozen=True, slots=True)
class Signed:
    """An MOU that was executed, and what became of it. Days are counted back from today."""

    county: str
    plan: str
    begun: int
    executed: int
    published: int | None = 12  # days after execution
    renewal: Renewal = Renewal.AUTOMATIC
    ends_in: int | None = None  # from today; of a fixed term
    liaisons: tuple[int, int] = (0, 0)  # which of the county's, which of the plan's
    deputy: int | None = None  # of the county's liaison
    county_shares: frozenset[DataElement] = COUNTY_SHARES
    plan_shares: frozenset[DataElement] = PLAN_SHARES
    subcontractor: str | None = None
    later: tuple[tuple[int, Event, str], ...] = field(default=())


EXECUTED: tuple[Signed, ...] = (
    Signed("alameda", "golden-poppy", 398, 358, deputy=1),
    Signed("alameda", "bay-laurel", 470, 425, liaisons=(0, 0), later=(
        (66, Event.BEGIN_REVIEW, ""),
        (59, Event.COMPLETE_REVIEW, "Reviewed by both responsible persons; Exhibit C stays as it is."),
    )),
    Signed("alameda", "blue-oak", 352, 305, published=41, liaisons=(1, 0), deputy=0),
    Signed("sonoma", "bay-laurel", 400, 347, renewal=Renewal.FIXED, ends_in=18, liaisons=(0, 1)),
    Signed("fresno", "valley-quail", 430, 381, later=((12, Event.BEGIN_REVIEW, ""),)),
    Signed("los-angeles", "golden-poppy", 395, 349, liaisons=(0, 1), deputy=1, later=(
        (121, Event.AMEND, "Amendment 1: the discharge pathway for hospitals in Antelope Valley."),
    )),
    Signed("los-angeles", "yarrow", 420, 371, liaisons=(1, 0), later=(
        (61, Event.TERMINATE, "The plan leaves the county; members were told and moved to other plans."),
    )),
    Signed("sacramento", "manzanita", 331, 282, subcontractor="toyon"),
    Signed("santa-clara", "blue-oak", 420, 377, renewal=Renewal.FIXED, ends_in=-41),
    Signed("humboldt", "silver-lupine", 260, 203, published=None, county_shares=frozenset(
        {E.IDENTITY, E.CONTACT, E.DEMOGRAPHICS, E.REFERRAL, E.NEED, E.OUTCOME}
    )),
)  # fmt: skip


def executed_on(days: Days, one: Signed) -> date:
    """The day of execution: not so late in a quarter that its meeting could not be held any more."""
    day = days.ago(one.executed)
    end = Quarter.of(day).end
    return days.on_or_after(end + timedelta(days=1)) if days.later(day, 12) > end else day


async def signed(world: World, one: Signed) -> Thread:
    """From the first draft to the signed MOU, and on."""
    county, plan = world.sides[one.county], world.sides[one.plan]
    liaison, partner = county.liaisons[one.liaisons[0]], plan.liaisons[one.liaisons[1]]
    days, today = world.days, world.today
    start = executed_on(days, one)
    yield days.at(days.ago(one.begun))
    end = today + timedelta(days=one.ends_in) if one.ends_in is not None else None
    agreement = await mou.record_agreement(
        liaison,
        NewAgreement(
            county.id,
            plan.id,
            effective_date=start,
            end_date=end or add_months(start, 12) - timedelta(days=1),
            renewal=one.renewal,
            collects_consent_for_both=True,
        ),
    )
    yield days.at(days.ago(one.begun - 7))
    await mou.move(liaison, agreement, Event.NEGOTIATE)
    for number, section in enumerate(Section):
        if number % 4 == 0:
            yield days.at(days.ago(one.begun - 10 - 2 * number))
        await mou.fill_section(partner if number % 3 else liaison, agreement, section, TERMS[section], True)
    yield days.at(days.ago(one.executed + 12))
    await mou.agree_elements(liaison, agreement, county.id, plan.id, one.county_shares)
    await mou.agree_elements(partner, agreement, plan.id, county.id, one.plan_shares)
    sub = world.sides[one.subcontractor] if one.subcontractor else None
    if sub:
        await mou.add_party(partner, agreement, sub.id, "subcontractor")
    deputy = county.liaisons[one.deputy] if one.deputy is not None else None
    await _name_everybody(agreement, (county, plan), (liaison, partner), start, deputy)
    await mou.move(liaison, agreement, Event.SEND_FOR_SIGNATURE)
    yield days.at(days.ago(one.executed + 3))
    await _sign(agreement, plan, plan.responsible, "Chief Executive Officer")
    if sub:
        await _sign(agreement, sub, plan.responsible, "President")
    yield days.at(start, 10)
    await _sign(agreement, county, county.responsible, "Director, Social Services Agency")
    digest = hashlib.sha256(f"{county.name} {plan.name}".encode()).hexdigest()
    await mou.record_document(county.responsible, agreement, f"IHSS MOU {county.short} {plan.short}.pdf", digest)
    await mou.move(county.responsible, agreement, Event.EXECUTE)
    world.pairs[one.county, one.plan] = Pair(agreement, county, plan, liaison, partner)
    await open_quarter(start)
    if one.published is not None:
        yield days.at(days.on_or_after(start + timedelta(days=one.published)))
        address = f"https://www.{one.plan}.example/mous/{one.county}-ihss"
        await mou.record_publication(plan.responsible, agreement, address, days.on_or_after(
            start + timedelta(days=one.published)
        ))  # fmt: skip
    for ago, event, note in one.later:
        yield days.at(days.ago(ago))
        await mou.move(county.responsible, agreement, event, note=note or None)


async def _name_everybody(
    agreement: str, sides: tuple[Side, Side], liaisons: tuple[Actor, Actor], from_date: date, deputy: Actor | None
) -> None:
    (county, plan), (liaison, partner) = sides, liaisons
    for organization, position, person, stands_in in (
        (county, Position.IHSS_RESPONSIBLE_PERSON, county.responsible, None),
        (county, Position.IHSS_LIAISON, liaison, deputy),
        (plan, Position.MCP_RESPONSIBLE_PERSON, plan.responsible, None),
        (plan, Position.MCP_IHSS_LIAISON, partner, None),
    ):
        await mou.name_position(
            liaison if organization is county else partner,
            agreement,
            organization=organization.id,
            position=position,
            person=person.id,
            deputy=stands_in.id if stands_in else None,
            from_date=from_date,
        )


SIGNATORIES = {
    "alameda": "Renée Bautista", "sonoma": "Harlan Cho", "fresno": "Celia Montez", "los-angeles": "Deborah Nakagawa",
    "sacramento": "Anthony Ruiz", "santa-clara": "Leila Shah", "humboldt": "Jan Petersen",
    "san-joaquin": "Ofelia Crane",
}  # fmt: skip


async def _sign(agreement: str, side: Side, by: Actor, title: str) -> None:
    view = await queries.agreement(by, agreement)
    party = view.party_of(side.id)
    if party is None:
        raise RuntimeError(f"{side.name} is no party.")
    name = _signatory(side)
    await mou.sign_party(by, agreement, party.id, signatory=name, title=title, signed_on=clock.today())


def _signatory(side: Side) -> str:
    key = side.short.lower().replace(" ", "-")
    return SIGNATORIES.get(key, side.responsible.name)


async def in_signature(world: World, county_key: str, plan_key: str) -> Thread:
    """Sent for signature; the plan has signed, the county not yet."""
    days, county, plan = world.days, world.sides[county_key], world.sides[plan_key]
    liaison, partner = county.liaisons[0], plan.liaisons[0]
    yield days.at(days.ago(96))
    agreement = await mou.record_agreement(
        liaison,
        NewAgreement(county.id, plan.id, effective_date=add_months(world.today.replace(day=1), 1),
                     collects_consent_for_both=True),
    )  # fmt: skip
    await mou.move(liaison, agreement, Event.NEGOTIATE)
    yield days.at(days.ago(52))
    for section in Section:
        await mou.fill_section(partner, agreement, section, TERMS[section], True)
    await mou.agree_elements(liaison, agreement, county.id, plan.id, COUNTY_SHARES)
    await mou.agree_elements(partner, agreement, plan.id, county.id, PLAN_SHARES)
    yield days.at(days.ago(11))
    await _name_everybody(
        agreement, (county, plan), (liaison, partner), add_months(world.today.replace(day=1), 1), None
    )
    await mou.move(liaison, agreement, Event.SEND_FOR_SIGNATURE)
    yield days.at(days.ago(4))
    await _sign(agreement, plan, plan.responsible, "Chief Executive Officer")


EFFORTS = (
    (74, "First call with the plan’s new contracting team; they asked for the template and our draft."),
    (47, "Sent our redline of the referral section by e-mail; no answer yet."),
    (20, "Met by video: agreed on training, open on response times for discharges. Next call in three weeks."),
)


async def in_negotiation(world: World, county_key: str, plan_key: str, template: Template, sections: int) -> Thread:
    """Not executed, with the good-faith efforts made so far."""
    days, county, plan = world.days, world.sides[county_key], world.sides[plan_key]
    liaison = county.liaisons[0]
    yield days.at(days.ago(110))
    agreement = await mou.record_agreement(
        liaison, NewAgreement(county.id, plan.id, template=template, effective_date=world.today + timedelta(days=60))
    )
    yield days.at(days.ago(88))
    await mou.move(liaison, agreement, Event.NEGOTIATE)
    for number, section in enumerate(list(Section)[: sections + 1]):
        await mou.fill_section(liaison, agreement, section, TERMS[section], number < sections)
    for ago, note in EFFORTS:
        yield days.at(days.ago(ago))
        await mou.log_effort(liaison, agreement, days.ago(ago), note)


async def in_draft(world: World, county_key: str, plan_key: str) -> Thread:
    """Begun last week: three of ten sections."""
    days, county, plan = world.days, world.sides[county_key], world.sides[plan_key]
    liaison = county.liaisons[0]
    yield days.at(days.ago(6))
    agreement = await mou.record_agreement(liaison, NewAgreement(county.id, plan.id))
    for section in (Section.SERVICES, Section.OBLIGATIONS, Section.MEETINGS):
        await mou.fill_section(liaison, agreement, section, TERMS[section], True)


async def vacancies(world: World) -> Thread:
    """Two people leave: the plan's liaison to the main county, and the county's own towards its third plan."""
    days = world.days
    yield days.at(days.ago(16), 9)
    own = world.pair("alameda", "blue-oak")
    await _leave(own, own.county.responsible, own.county.id, Position.IHSS_LIAISON, days.ago(9))
    own.county_liaison = own.county.liaisons[0]
    yield days.at(days.ago(12), 15)
    other = world.pair("alameda", "bay-laurel")
    await _leave(other, other.plan.responsible, other.plan.id, Position.MCP_IHSS_LIAISON, days.ago(10))
    other.plan_liaison = other.plan.liaisons[1]


async def _leave(pair: Pair, by: Actor, organization: str, position: Position, last_day: date) -> None:
    view = await queries.agreement(by, pair.agreement)
    seat = next(one for one in view.seats if one.seat.organization == organization and one.seat.position is position)
    if seat.holder is None:
        raise RuntimeError("Nobody holds this position.")
    await mou.end_position(by, pair.agreement, seat.holder.appointment, last_day, "Leaves for another agency")


async def handover(world: World) -> Thread:
    """An orderly change: a plan's liaison is followed by somebody else, and both are told in time."""
    days = world.days
    start = days.ago(150)
    yield days.at(days.later(start, -6))
    pair = world.pair("fresno", "valley-quail")
    await mou.name_position(
        pair.county.responsible,
        pair.agreement,
        organization=pair.county.id,
        position=Position.IHSS_LIAISON,
        person=pair.county.responsible.id,
        deputy=pair.county_liaison.id,
        from_date=start,
        note="Stands in during a leave",
    )
    yield days.at(days.later(start, -2))
    await mou.record_told(
        pair.county.responsible, pair.agreement, "contact-change-county", start.isoformat(), days.later(start, -2),
        "By e-mail to the plan’s responsible person.",
    )  # fmt: skip
    yield days.at(days.later(start, 40))
    await mou.name_position(
        pair.county.responsible, pair.agreement, organization=pair.county.id, position=Position.IHSS_LIAISON,
        person=pair.county_liaison.id, from_date=days.later(start, 42), note="Back from leave",
    )  # fmt: skip
    yield days.at(days.later(start, 41))
    await mou.record_told(
        pair.county.responsible, pair.agreement, "contact-change-county", days.later(start, 42).isoformat(),
        days.later(start, 41), "By telephone and e-mail.",
    )  # fmt: skip
