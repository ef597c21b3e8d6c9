"""Naming people for the positions of an MOU, and telling the other side when they change."""

from __future__ import annotations

from datetime import date

from hub.db.transaction import unit_of_work
from hub.directory import actions as directory_actions
from hub.directory import queries as directory
from hub.directory.rules import LIAISON_OF, NAMES, REQUIRED_FOR_MOU, RESPONSIBLE_OF, SIDE, Position
from hub.duties import actions as duties
from hub.duties.queries import duties_of
from hub.kernel.actor import Actor
from hub.kernel.calendar import long_date
from hub.kernel.errors import Invalid, Issue, NotFound
from hub.mou.actions.common import leave, load, refused
from hub.mou.queries import AgreementView
from hub.mou.rules import BEFORE_EXECUTION, IN_FORCE, NewPerson, Seat

# Which rules begin to run when a side's liaison changes (domain.md section 9), and what is to be done.
CHANGE_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "plan": (
        ("contact-change-plan-county", "Tell {other} of the change of {position}"),
        ("contact-change-plan-dhcs", "Tell DHCS of the change of {position}"),
    ),
    "county": (("contact-change-county", "Tell {other} of the change of {position}"),),
}
VACANCY = "vacancy"
_OPEN = BEFORE_EXECUTION | IN_FORCE


def _seat(view: AgreementView, organization: str, counterpart: str, position: Position) -> Seat:
    for one in view.seats:
        if (one.seat.organization, one.seat.counterpart, one.seat.position) == (
            organization,
            counterpart,
            position,
        ):
            return one.seat
    raise NotFound("This MOU has no such position.")


@unit_of_work
async def name_position(
    actor: Actor,
    agreement_id: str,
    *,
    organization: str,
    position: Position | str,
    from_date: date,
    person: str | None = None,
    new_person: NewPerson | None = None,
    deputy: str | None = None,
    counterpart: str | None = None,
    note: str | None = None,
) -> str:
    """Name who holds a position of this MOU from a day on.

    Until the MOU is executed either party records what the document says, the other side's people included.
    Afterwards each side names its own, and a change of a liaison starts the clocks for telling the others.
    """
    action, position = "mou:position:name", Position(position)
    view = await load(actor, agreement_id, action=action, capability="mou.write", states=_OPEN)
    if position not in REQUIRED_FOR_MOU:
        raise Invalid("An MOU names two positions of each side.", issues=[Issue("position", "Choose one of the four.")])
    other = counterpart or (view.row.plan if SIDE[position] == "county" else view.row.county)
    seat = _seat(view, organization, other, position)
    for_partner = organization != actor.organization and not actor.is_hub
    if for_partner and view.state not in BEFORE_EXECUTION:
        words = f"Since the MOU is executed, {seat.organization_name} names its people itself."
        raise refused(actor, action, agreement_id, words)
    if (person is None) == (new_person is None):
        raise Invalid("Nobody was named.", issues=[Issue("person", "Choose a person, or enter a new one.", "required")])
    if new_person is not None:
        person = await directory_actions.add_person(
            actor,
            organization,
            new_person.given,
            new_person.family,
            new_person.email,
            new_person.phone,
            new_person.title,
            for_partner=for_partner,
        )
    had = await directory.tenures(organization, other, position)
    appointment = await directory_actions.appoint(
        actor,
        organization=organization,
        counterpart=other,
        position=position,
        person=person or "",
        deputy=deputy,
        from_date=from_date,
        note=note,
        for_partner=for_partner,
    )
    named = await directory.person(person or "")
    words = f"{NAMES[position]} of {seat.organization_name}: {named.name} from {long_date(from_date)}"
    await leave(
        actor,
        view,
        "position_named",
        on=from_date,
        note=f"{words}. {note}" if note else words,
        action=action,
        detail={"position": position.value, "organization": organization, "appointment": appointment},
    )
    if had:
        await _open_change_duties(actor, view, seat, from_date)
    await _fill_vacancy(actor, view, seat, from_date)
    return appointment


@unit_of_work
async def end_position(
    actor: Actor, agreement_id: str, appointment: str, until_date: date, note: str | None = None
) -> None:
    """Somebody leaves a position on a day and nobody follows yet: from then on it is vacant, and the clocks
    run.
    """
    action = "mou:position:end"
    view = await load(actor, agreement_id, action=action, capability="mou.write", states=_OPEN)
    held = next((one for one in view.seats if one.holder and one.holder.appointment == appointment), None)
    if held is None or held.holder is None:
        raise NotFound("This MOU has no such appointment.")
    await directory_actions.end_appointment(actor, appointment, until_date, note)
    seat = held.seat
    words = f"{NAMES[seat.position]} of {seat.organization_name}: {held.holder.name} until {long_date(until_date)}"
    await leave(
        actor,
        view,
        "position_ended",
        on=until_date,
        note=f"{words}. {note}" if note else words,
        action=action,
        detail={
            "position": seat.position.value,
            "organization": seat.organization,
            "appointment": appointment,
        },
    )
    await _open_change_duties(actor, view, seat, until_date)
    await _open_vacancy(actor, view, seat, until_date)


async def _open_vacancy(actor: Actor, view: AgreementView, seat: Seat, on: date) -> None:
    """A named position without a holder is to be filled by the responsible person, and theirs by the liaison."""
    if view.state not in IN_FORCE:
        return
    name, side = NAMES[seat.position], SIDE[seat.position]
    responsible = RESPONSIBLE_OF[side]
    await duties.open_duty(
        actor,
        VACANCY,
        subject=("Agreement", view.id),
        organization=seat.organization,
        counterpart=seat.counterpart,
        position=LIAISON_OF[side] if seat.position is responsible else responsible,
        title=f"Name a new {name}",
        why=f"The position of {name} is vacant since {long_date(on)}.",
        start=on,
        period=_vacancy_period(seat, on),
    )


def _vacancy_period(seat: Seat, on: date) -> str:
    return f"{seat.position.value}/{on.isoformat()}"


async def _fill_vacancy(actor: Actor, view: AgreementView, seat: Seat, on: date) -> None:
    """Whatever vacancy of this position is open has ended."""
    for duty in await duties_of(("Agreement", view.id)):
        if (
            duty.rule == VACANCY
            and duty.state == "open"
            and duty.organization == seat.organization
            and (duty.period or "").startswith(f"{seat.position.value}/")
        ):
            await duties.settle(
                actor, VACANCY, ("Agreement", view.id), on=on, how="Somebody was named.",
                organization=seat.organization, period=duty.period,
            )  # fmt: skip


async def _open_change_duties(actor: Actor, view: AgreementView, seat: Seat, on: date) -> None:
    """Only in force, and only for liaisons, does the template give a limit."""
    side = SIDE[seat.position]
    if view.state not in IN_FORCE or seat.position is not LIAISON_OF[side]:
        return
    for rule, title in CHANGE_RULES[side]:
        await duties.open_duty(
            actor,
            rule,
            subject=("Agreement", view.id),
            organization=seat.organization,
            counterpart=seat.counterpart,
            position=RESPONSIBLE_OF[side],
            title=title.format(other=seat.counterpart_name, position=NAMES[seat.position]),
            why=f"The {NAMES[seat.position]} changes on {long_date(on)}; the MOU asks that the others are told.",
            start=on,
            period=on.isoformat(),
        )


@unit_of_work
async def record_told(actor: Actor, agreement_id: str, rule: str, period: str, on: date, how: str) -> None:
    """The other side (or DHCS) was told of a change of people: on which day, and how."""
    action = "mou:change:tell"
    view = await load(actor, agreement_id, action=action, capability="mou.write")
    if rule not in {name for rules in CHANGE_RULES.values() for name, _ in rules}:
        raise NotFound("There is no such duty.")
    if not how.strip():
        raise Invalid("Nothing was recorded.", issues=[Issue("how", "Enter how they were told.", "required")])
    ended = await duties.settle(
        actor,
        rule,
        ("Agreement", agreement_id),
        on=on,
        how=how.strip(),
        organization=None if actor.is_hub else actor.organization,
        period=period,
    )
    if not ended:
        raise NotFound("There is no such open duty of your organization.")
    await leave(actor, view, "change_told", on=on, note=how.strip(), action=action, detail={"rule": rule})
