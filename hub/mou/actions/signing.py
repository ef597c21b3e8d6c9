"""Signatures and the steps of an MOU: negotiation, signature, execution, review, amendment, end."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.directory.rules import RESPONSIBLE_OF
from hub.duties import actions as duties
from hub.kernel import clock
from hub.kernel.actor import HUB, Actor
from hub.kernel.calendar import add_months, long_date
from hub.kernel.errors import Invalid, Issue, Problems, WrongStep
from hub.mou.actions.common import leave, load, refused, save
from hub.mou.actions.terms import end_terms, put_in_force
from hub.mou.queries import AgreementView, agreement_in_force
from hub.mou.rules import (
    BEFORE_EXECUTION,
    EVENT_WORDS,
    IN_FORCE,
    STATE_WORDS,
    STEPS,
    Event,
    Renewal,
    State,
    guard,
)
from hub.mou.tables import AgreementParty

_YEAR = 12  # months by which an MOU renews itself (domain.md 1.1 fact 13: yearly)
REVIEWS = (
    ("mou-annual-review", "Review the MOU with {other}"),
    ("exhibit-c-review", "Review the data elements of Exhibit C with {other}"),
)


@unit_of_work
async def name_signatory(
    actor: Actor,
    agreement_id: str,
    party: str,
    signatory: str,
    title: str | None = None,
    version: int | None = None,
) -> None:
    """Who signs for a party."""
    action = "mou:signatory:name"
    view = await load(
        actor, agreement_id, action=action, capability="mou.write", version=version, states=BEFORE_EXECUTION
    )
    found = _party(view, party)
    if not signatory.strip():
        raise Invalid(
            "The signatory was not recorded.", issues=[Issue("signatory", "Enter the signatory’s name.", "required")]
        )
    await save(view)
    await AgreementParty.update(
        {"signatory": signatory.strip(), "signatory_title": (title or "").strip() or None}
    ).where(AgreementParty.id == party)
    note = f"{signatory.strip()} signs for {found.name}"
    await leave(actor, view, "signatory_named", note=note, action=action, detail={"party": party})


@unit_of_work
async def sign_party(
    actor: Actor,
    agreement_id: str,
    party: str,
    *,
    signatory: str,
    title: str | None = None,
    signed_on: date,
    version: int | None = None,
) -> None:
    """Record that a party signed, as the signed document says. The history tells who recorded it."""
    action = "mou:agreement:sign"
    view = await load(
        actor, agreement_id, action=action, capability="mou.sign", version=version, states={State.IN_SIGNATURE}
    )
    found, problems = _party(view, party), Problems()
    if not signatory.strip():
        problems.add("signatory", "Enter the signatory’s name.", "required")
    if signed_on > clock.today():
        problems.add("signed_on", "A signature is not dated in the future.")
    problems.refuse("The signature was not recorded.")
    await save(view)
    await AgreementParty.update(
        {
            "signatory": signatory.strip(),
            "signatory_title": (title or "").strip() or None,
            "signed_on": signed_on,
        }
    ).where(AgreementParty.id == party)
    note = f"{signatory.strip()} signed for {found.name} on {long_date(signed_on)}"
    await leave(actor, view, "signed", on=signed_on, note=note, action=action, detail={"party": party})


def _party(view: AgreementView, party: str) -> Any:
    found = next((one for one in view.parties if one.id == party), None)
    if found is None:
        raise Invalid("There is no such party.", issues=[Issue("party", "Choose a party of this MOU.")])
    return found


@unit_of_work
async def record_document(actor: Actor, agreement_id: str, name: str, sha256: str, version: int | None = None) -> None:
    """The signed document by its name and hash: whoever holds the file can show that it is the one."""
    action = "mou:document:record"
    states = {State.IN_SIGNATURE, *IN_FORCE}
    view = await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=states)
    await save(view, {"document_name": name, "document_hash": sha256})
    await leave(actor, view, "document_recorded", note=name, action=action, detail={"sha256": sha256})


@unit_of_work
async def move(
    actor: Actor,
    agreement_id: str,
    event: Event | str,
    version: int | None = None,
    on: date | None = None,
    note: str | None = None,
) -> State:
    """Take a step of the MOU's life on a day. The refusal names everything that stands in its way."""
    event, on = Event(event), on or clock.today()
    action = f"mou:agreement:{event.value.replace('_', '-')}"
    view = await load(actor, agreement_id, action=action, capability="mou.read", version=version, on=on)
    step = STEPS.get((view.state, event))
    missing = guard(event, view.contents) if view.state in BEFORE_EXECUTION else []
    if step is None and not missing:
        words = f"“{EVENT_WORDS[event]}” is not possible in the state “{STATE_WORDS[view.state]}”."
        raise WrongStep(words)
    if step is not None and not _may(actor, view, step.capability, step.sides):
        raise refused(actor, action, agreement_id, f"Your role does not allow “{EVENT_WORDS[event]}”.")
    if event is Event.EXECUTE:
        missing += await _standing_in_the_way(view, on)
    if missing:
        words = f"“{EVENT_WORDS[event]}” is not possible yet: {len(missing)} things are missing."
        raise Invalid(words.replace("1 things are", "1 thing is"), issues=missing)
    if step is None:
        raise WrongStep(f"“{EVENT_WORDS[event]}” is not possible now.")
    if step.note_required and not (note or "").strip():
        raise Invalid("This step needs a reason.", issues=[Issue("note", "Enter the reason.", "required")])
    if on > clock.today():
        raise Invalid("This step is recorded when it happened.", issues=[Issue("on", "Choose today or earlier.")])
    await save(view, {"state": step.to.value, **_columns(view, event, on)})
    await leave(
        actor,
        view,
        event.value,
        on=on,
        to=step.to,
        note=(note or "").strip() or None,
        action=action,
        detail={"from": view.state.value, "to": step.to.value, "on": on.isoformat()},
    )
    await _consequences(actor, view, event, on, note)
    return step.to


def _may(actor: Actor, view: AgreementView, capability: str | None, sides: frozenset[str]) -> bool:
    if actor.is_hub:
        return True
    return capability is not None and actor.can(capability) and view.side_of(actor) in sides


async def _standing_in_the_way(view: AgreementView, on: date) -> list[Issue]:
    """What the document itself does not say: an earlier MOU in force, signatures later than the execution."""
    found = []
    start = view.row.effective_date
    earlier = await agreement_in_force(view.row.county, view.row.plan, max(on, start) if start else on)
    if earlier is not None:
        words = f"Another MOU of these parties is in force (“{earlier.title}”). End it first."
        found.append(Issue("parties", words, "conflict"))
    late = [p for p in view.parties if p.signed_on is not None and p.signed_on > on]
    found += [
        Issue("on", f"{p.name} signed on {long_date(p.signed_on)}, after the date of execution.")
        for p in late
        if p.signed_on
    ]
    return found


def _columns(view: AgreementView, event: Event, on: date) -> dict[str, Any]:
    if event is Event.EXECUTE:
        return {"executed_on": on}
    if event is Event.TERMINATE and view.state in IN_FORCE:
        return {"end_date": on}
    if event is Event.RENEW and view.row.end_date is not None:
        return {"end_date": add_months(view.row.end_date, _YEAR)}
    return {}


async def _consequences(actor: Actor, view: AgreementView, event: Event, on: date, note: str | None) -> None:
    if event is Event.EXECUTE:
        await put_in_force(view)
        await _open_execution_duties(actor, view, on)
    elif event is Event.REOPEN:
        await AgreementParty.update({"signed_on": None}).where(AgreementParty.agreement == view.id)
    elif event is Event.COMPLETE_REVIEW:
        for rule, _ in REVIEWS:
            await duties.settle(actor, rule, ("Agreement", view.id), on=on, how=note or "Annual review completed")
        await _open_reviews(actor, view, on)
    elif event in (Event.TERMINATE, Event.EXPIRE) and view.state in IN_FORCE:
        last = on if event is Event.TERMINATE else view.row.end_date or on
        await end_terms(view.id, last)
        await duties.cancel(actor, None, ("Agreement", view.id), on=on, how=f"MOU: {EVENT_WORDS[event].lower()}")


async def _open_execution_duties(actor: Actor, view: AgreementView, on: date) -> None:
    row = view.row
    await duties.open_duty(
        actor,
        "mou-published",
        subject=("Agreement", view.id),
        organization=row.plan,
        counterpart=row.county,
        position=RESPONSIBLE_OF["plan"],
        title=f"Post the executed MOU with {row.county_name} on the plan’s website",
        why=f"The MOU was executed on {long_date(on)}; an executed MOU is posted.",
        start=on,
    )
    await _open_reviews(actor, view, max(on, row.effective_date or on))


async def _open_reviews(actor: Actor, view: AgreementView, start: date) -> None:
    """Both sides owe the next annual review, one duty each."""
    row = view.row
    sides = (
        ("county", row.county, row.plan, row.plan_name),
        ("plan", row.plan, row.county, row.county_name),
    )
    for rule, title in REVIEWS:
        for kind, organization, counterpart, other in sides:
            await duties.open_duty(
                actor,
                rule,
                subject=("Agreement", view.id),
                organization=organization,
                counterpart=counterpart,
                position=RESPONSIBLE_OF[kind],
                title=title.format(other=other),
                why=f"Each year of an executed MOU; the last one began on {long_date(start)}.",
                start=start,
                period=start.isoformat(),
            )


@unit_of_work
async def record_publication(
    actor: Actor, agreement_id: str, address: str, on: date, version: int | None = None
) -> None:
    """Where and when the executed MOU was posted: settles the duty to post it."""
    action = "mou:agreement:publish"
    view = await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=IN_FORCE)
    problems = Problems()
    if not address.strip().startswith(("https://", "http://")):
        problems.add("address", "Enter the web address at which the MOU is posted, beginning with https://.")
    if on > clock.today():
        problems.add("on", "A posting that has happened is not in the future.")
    elif view.row.executed_on and on < view.row.executed_on:
        problems.add("on", "An MOU is posted after its execution.")
    problems.refuse("The posting was not recorded.")
    await save(view, {"published_at": address.strip(), "published_on": on})
    await duties.settle(actor, "mou-published", ("Agreement", agreement_id), on=on, how="Posted")
    await leave(actor, view, "published", on=on, note=address.strip(), action=action)


async def end_or_renew(today: date) -> int:
    """The job: an MOU past its end date renews itself where it says so, and expires otherwise."""
    rows = await fetch(
        "SELECT id, renewal FROM agreement WHERE end_date < {} AND state IN ('executed', 'in_annual_review',"
        " 'amended') ORDER BY id",
        today,
    )
    for row in rows:
        event = Event.RENEW if row["renewal"] == Renewal.AUTOMATIC else Event.EXPIRE
        await move(HUB, row["id"], event, on=today)
    return len(rows)
