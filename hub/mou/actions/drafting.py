"""Recording an MOU and filling it in: dates, parties, sections, data elements, the efforts made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from hub.db.transaction import unit_of_work
from hub.directory import queries as directory
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue, Problems, Stale
from hub.kernel.ids import new_id
from hub.mou.actions.common import STALE, leave, load, refused, save
from hub.mou.queries import view_of, visible_row
from hub.mou.rules import (
    BEFORE_EXECUTION,
    EDITABLE,
    ELEMENT_WORDS,
    SECTION_NAMES,
    DataElement,
    Kind,
    NewAgreement,
    Renewal,
    Section,
    State,
    Template,
)
from hub.mou.tables import Agreement, AgreementElement, AgreementParty, AgreementSection


@unit_of_work
async def record_agreement(actor: Actor, new: NewAgreement) -> str:
    """Begin the record of an MOU between a county and a plan, one of which is the actor's own organization."""
    if not (actor.is_hub or actor.can("mou.write")):
        raise refused(actor, "mou:agreement:record", None, "Your role does not record MOUs.")
    problems = Problems()
    known = {one.id: one for one in await directory.organizations()}
    for field, kind, words in (("county", "county", "a county"), ("plan", "plan", "a managed care plan")):
        chosen = known.get(getattr(new, field))
        if chosen is None or chosen.kind != kind:
            problems.add(field, f"Choose {words} from the list.", "required")
    if not actor.is_hub and actor.organization not in (new.county, new.plan):
        problems.add("county" if actor.is_county else "plan", "Your own organization must be a party.")
    if new.kind is not Kind.COUNTY_MCP_IHSS:
        problems.add("kind", "The hub does not yet keep this kind of MOU.", "not-supported")
    if new.effective_date and new.end_date and new.end_date <= new.effective_date:
        problems.add("end_date", "The end date must come after the date on which the MOU takes effect.")
    problems.refuse("The MOU was not recorded.")
    county, plan = known[new.county], known[new.plan]
    agreement_id = new_id()
    await Agreement.insert(
        Agreement(
            id=agreement_id,
            kind=new.kind.value,
            title=new.title.strip() or f"IHSS MOU of {county.name} and {plan.name}",
            county=new.county,
            plan=new.plan,
            state=State.DRAFT.value,
            effective_date=new.effective_date,
            end_date=new.end_date,
            renewal=new.renewal.value,
            template=new.template.value,
            collects_consent_for_both=new.collects_consent_for_both,
            created_at=clock.now(),
        )
    )
    await AgreementParty.insert(
        AgreementParty(agreement=agreement_id, organization=new.county, role="county"),
        AgreementParty(agreement=agreement_id, organization=new.plan, role="plan"),
    )
    await AgreementSection.insert(
        *[AgreementSection(agreement=agreement_id, section=section.value) for section in Section]
    )
    view = await view_of(await visible_row(actor, agreement_id), clock.today())
    await leave(actor, view, "recorded", to=State.DRAFT, action="mou:agreement:record")
    return agreement_id


@unit_of_work
async def change_details(
    actor: Actor,
    agreement_id: str,
    *,
    title: str,
    effective_date: date | None,
    end_date: date | None,
    renewal: Renewal,
    template: Template,
    collects_consent_for_both: bool,
    version: int | None = None,
) -> None:
    """Title, dates, renewal, template: until it is sent for signature."""
    action = "mou:agreement:change"
    view = await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=EDITABLE)
    problems = Problems()
    if not title.strip():
        problems.add("title", "Enter a title.", "required")
    if effective_date and end_date and end_date <= effective_date:
        problems.add("end_date", "The end date must come after the date on which the MOU takes effect.")
    problems.refuse("The MOU was not changed.")
    new = {
        "title": title.strip(),
        "effective_date": effective_date,
        "end_date": end_date,
        "renewal": renewal.value,
        "template": template.value,
        "collects_consent_for_both": collects_consent_for_both,
    }
    changed = sorted(name for name, value in new.items() if value != getattr(view.row, name))
    if not changed:
        return
    await save(view, new)
    named = ", ".join(name.replace("_", " ") for name in changed)
    await leave(actor, view, "details_changed", note=f"Changed: {named}", action=action, detail={"changed": changed})


@unit_of_work
async def add_party(actor: Actor, agreement_id: str, organization: str, role: str, version: int | None = None) -> str:
    """Another plan, or a delegated subcontractor plan that must sign too (domain.md 1.3)."""
    action = "mou:party:add"
    view = await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=EDITABLE)
    problems = Problems()
    known = {one.id: one for one in await directory.organizations("plan")}
    if organization not in known:
        problems.add("organization", "Choose a managed care plan from the list.", "required")
    if view.party_of(organization) is not None:
        problems.add("organization", "This organization is a party already.", "duplicate")
    if role not in ("plan", "subcontractor"):
        problems.add("role", "Choose whether it signs as a plan or as a subcontractor.")
    problems.refuse("The party was not added.")
    await save(view)
    party_id = new_id()
    await AgreementParty.insert(
        AgreementParty(id=party_id, agreement=agreement_id, organization=organization, role=role)
    )
    note = f"{known[organization].name}, as a {role}"
    await leave(
        actor,
        view,
        "party_added",
        note=note,
        action=action,
        detail={"organization": organization, "role": role},
    )
    return party_id


@unit_of_work
async def remove_party(actor: Actor, agreement_id: str, party: str, version: int | None = None) -> None:
    """Take a party out again; the county and the plan that lead stay."""
    action = "mou:party:remove"
    view = await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=EDITABLE)
    found = next((one for one in view.parties if one.id == party), None)
    if found is None or found.organization in (view.row.county, view.row.plan):
        raise Invalid("The county and the plan that lead the MOU stay parties.")
    await save(view)
    await AgreementElement.delete().where(
        AgreementElement.agreement == agreement_id,
        (AgreementElement.discloser == found.organization) | (AgreementElement.recipient == found.organization),
    )
    await AgreementParty.delete().where(AgreementParty.id == party)
    detail = {"organization": found.organization}
    await leave(actor, view, "party_removed", note=found.name, action=action, detail=detail)


@unit_of_work
async def fill_section(
    actor: Actor,
    agreement_id: str,
    section: Section | str,
    terms: str,
    complete: bool = False,
    version: int | None = None,
) -> None:
    """Write what the parties agreed for one section. Sections have versions of their own.

    Two people may fill in two sections at once; the MOU must only not be sent for signature meanwhile.
    """
    action, section = "mou:section:fill", Section(section)
    view = await load(actor, agreement_id, action=action, capability="mou.write", states=EDITABLE)
    before, terms = view.sections[section], terms.strip()
    if version is not None and version != before.version:
        raise Stale(STALE)
    if complete and not terms:
        words = "Enter what you agreed before you mark the section complete."
        raise Invalid("The section was not saved.", issues=[Issue("terms", words, "required")])
    if (terms, complete) == (before.terms, before.complete):
        return
    # Takes the MOU's row without a new version: a step to signature waits, or was first.
    here = await (
        Agreement.update({"state": view.state.value})
        .where(Agreement.id == agreement_id, Agreement.state == view.state.value)
        .returning(Agreement.id)
    )
    changed = await (
        AgreementSection.update({"terms": terms, "complete": complete, "version": before.version + 1})
        .where(
            AgreementSection.agreement == agreement_id,
            AgreementSection.section == section.value,
            AgreementSection.version == before.version,
        )
        .returning(AgreementSection.id)
    )
    if not here or not changed:
        raise Stale(STALE)
    state = "complete" if complete else "not yet complete"
    await leave(
        actor,
        view,
        "section_filled",
        note=f"{SECTION_NAMES[section]}: {state}",
        action=action,
        detail={"section": section.value, "complete": complete, "version": before.version + 1},
    )


@unit_of_work
async def agree_elements(
    actor: Actor,
    agreement_id: str,
    discloser: str,
    recipient: str,
    elements: Collection[DataElement | str],
    version: int | None = None,
) -> None:
    """What one party shares with the other (Exhibit C). It binds the exchange from the day the MOU takes
    effect.
    """
    action = "mou:elements:agree"
    view = await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=EDITABLE)
    chosen = {DataElement(element) for element in elements}
    direction = next((one for one in view.directions if (one.discloser, one.recipient) == (discloser, recipient)), None)
    if direction is None:
        raise Invalid("Data elements are agreed between the county and another party.")
    if chosen == direction.elements:
        return
    await save(view)
    await AgreementElement.delete().where(
        AgreementElement.agreement == agreement_id,
        AgreementElement.discloser == discloser,
        AgreementElement.recipient == recipient,
    )
    if chosen:
        await AgreementElement.insert(
            *[
                AgreementElement(
                    agreement=agreement_id, discloser=discloser, recipient=recipient, element=element.value
                )
                for element in sorted(chosen)
            ]
        )
    named = ", ".join(ELEMENT_WORDS[one][0].lower() for one in DataElement if one in chosen) or "nothing"
    await leave(
        actor,
        view,
        "elements_agreed",
        note=f"{direction.discloser_name} shares with {direction.recipient_name}: {named}",
        action=action,
        detail={"discloser": discloser, "recipient": recipient, "elements": sorted(chosen)},
    )


@unit_of_work
async def agree_exhibit(
    actor: Actor,
    agreement_id: str,
    agreed: Mapping[tuple[str, str], Collection[DataElement | str]],
    version: int | None = None,
) -> None:
    """The whole of Exhibit C at once: (discloser, recipient) → data elements. What is not named stays as it
    is.
    """
    action = "mou:elements:agree"
    await load(actor, agreement_id, action=action, capability="mou.write", version=version, states=EDITABLE)
    for (discloser, recipient), elements in agreed.items():
        await agree_elements(actor, agreement_id, discloser, recipient, elements)


@unit_of_work
async def log_effort(actor: Actor, agreement_id: str, on: date, note: str) -> None:
    """A good-faith effort on the way to execution: what was done, and when (domain.md 1.1 fact 11)."""
    action = "mou:effort:log"
    view = await load(actor, agreement_id, action=action, capability="mou.write", states=BEFORE_EXECUTION)
    problems = Problems()
    if not note.strip():
        problems.add("note", "Enter what was done, with whom and with what result.", "required")
    if on > clock.today():
        problems.add("on", "An effort that has been made is not in the future.")
    problems.refuse("The effort was not recorded.")
    await leave(actor, view, "effort", on=on, note=note.strip(), action=action)
