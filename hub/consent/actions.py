"""Recording, changing and revoking consents; the grants follow in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.audit.actions import Entry, Pending, record, record_for_each, record_many
from hub.consent.document import Read, check, read, with_status
from hub.consent.queries import consent as consent_row
from hub.consent.queries import names_shown
from hub.consent.rules import Decision, Ground, may_record
from hub.consent.tables import Consent
from hub.db.documents import Stored, bare, insert, replace
from hub.db.engine import add_many, write
from hub.db.lists import marks, padded
from hub.db.together import Asked, ask_together
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode
from hub.members import queries as members
from hub.members.actions import asked_claims, asked_on_file, record_member, settle_claims
from hub.members.rules import CLAIMED
from hub.mou import queries as mou

_ENDED = ("inactive", "entered-in-error", "rejected")


@unit_of_work
async def record_consent(actor: Actor, document: Mapping[str, Any]) -> Stored:
    """Store a Consent and open its grants. Only by one who may record it (architecture, Grants)."""
    actor.require("consent.write")
    issues = check(document)
    if issues:
        raise Invalid("The Consent cannot be taken.", issues=issues)
    said = read(document)
    patient = said.patient.removeprefix("Patient/")
    found, known, claims = await ask_together(
        members.asked_member(actor, patient), _asked_organizations(said), asked_claims(patient)
    )
    if found is None:  # also for one whom the actor's organization does not serve
        raise Invalid(
            "The Consent's patient is not on file.",
            issues=[Issue("Consent.patient", "There is no such Patient here; create it first.", "not-found")],
        )
    member, disclosers, recipients = found.id, _named(said.disclosers, known), _named(said.recipients, known)
    await _may_record(actor, member, disclosers, recipients)
    columns = {
        "member": member,
        "status": said.status,
        "given_on": said.given_on,
        "from_date": said.from_date,
        "until_date": said.until_date,
        "revoked_at": None,
    }
    told = await settle_claims(member, disclosers | recipients, claims) if said.status == "active" else []
    stored = await insert(Consent, document, {**columns, "recorder": actor.home}, organization=actor.home)
    parties = sorted(disclosers | recipients)
    await add_many("consent_party", [{"id": new_id(), "consent": stored.id, "organization": one} for one in parties])
    await add_many("consent_grant", _grants(stored.id, member, said, disclosers, recipients))
    entry = Entry(
        "consent:consent:record",
        "Consent",
        stored.id,
        member=member,
        basis="recorded by a party that may record it",
        detail={"status": said.status, "disclosers": sorted(disclosers), "recipients": sorted(recipients)},
    )
    await record_many(actor, [*told, entry])
    return stored


@unit_of_work
async def change_consent(
    actor: Actor, consent_id: str, document: Mapping[str, Any], expected: int | None = None
) -> Stored:
    """Store the next version. A status that ends it ends its grants at once; nothing else but the status may change.

    Each organization that it names may take it back for the member; the rest is for the one who recorded it.
    """
    actor.require("consent.write")
    row = await consent_row(actor, consent_id)
    before = decode(row["document"])
    if _content(document) != _content(before):
        raise Invalid(
            "Only the status of a Consent can change: revoke it, and record a new one.",
            issues=[Issue("Consent", "Only status can change.", "business-rule")],
        )
    status = str(document.get("status"))
    if before["status"] != "active" or status not in ("active", *_ENDED):
        raise Invalid(
            f"A Consent cannot go from {before['status']} to {status}.",
            issues=[Issue("Consent.status", "Only an active consent can be ended; record a new one.", "business-rule")],
        )
    if row["recorder"] != actor.home and status != "inactive":
        raise Forbidden(
            "Only the one who recorded a Consent may do more than take it back (status inactive).",
            issues=[Issue("Consent.status", "Must be inactive.", "forbidden")],
        )
    stored = await replace(
        Consent,
        consent_id,
        row["version"],
        document,
        {"status": status, "revoked_at": None if status == "active" else clock.now()},
        organization=actor.home,
        expected=expected,
    )
    if status in _ENDED:
        await write("DELETE FROM consent_grant WHERE consent = {}", consent_id)
    await record(
        actor,
        Entry(
            "consent:consent:revoke" if status in _ENDED else "consent:consent:change",
            "Consent",
            consent_id,
            member=row["member"],
            detail={"from": before["status"], "to": status},
        ),
    )
    return stored


async def revoke(actor: Actor, consent_id: str, expected: int) -> Stored:
    """The member takes it back: from the next request on nothing more goes out under it."""
    row = await consent_row(actor, consent_id)
    return await change_consent(actor, consent_id, with_status(decode(row["document"]), "inactive"), expected)


def _content(document: Mapping[str, Any]) -> dict[str, Any]:
    """All that does not change when the status does: labels and narrative too."""
    return {k: v for k, v in bare(document).items() if k != "status"}


def _ids(references: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one.removeprefix("Organization/") for one in references)


def _asked_organizations(said: Read) -> Asked[frozenset[str]]:
    """Of the organizations that it names, those that the hub knows."""
    named = padded(sorted(_ids(said.disclosers + said.recipients))) or [""]
    return Asked(
        f"SELECT id FROM organization WHERE id IN ({marks(named)})",
        named,
        lambda rows: frozenset(r["id"] for r in rows),
    )


def _named(references: tuple[str, ...], known: frozenset[str]) -> frozenset[str]:
    ids = _ids(references)
    if not ids <= known:
        raise Invalid(
            "The Consent names an organization that the hub does not know.",
            issues=[Issue("Consent.provision.actor", "Name organizations of this hub: Organization/id.", "not-found")],
        )
    return ids


async def _may_record(actor: Actor, member: str, disclosers: frozenset[str], recipients: frozenset[str]) -> None:
    if may_record(actor.home, disclosers, recipients, frozenset()):
        return
    today = clock.today()
    collects_for = frozenset(
        [one for one in disclosers if one == actor.home or await mou.collects_for_both(actor.home, one, today)]
    )
    if may_record(actor.home, disclosers, recipients, collects_for):
        return
    decision = Decision(
        False,
        "Your organization may not record this consent: a discloser that it names records it, or the other side where "
        "the MOU says that it collects for both; and it may not let only the one who records it receive.",
        Ground.CONSENT,
    )
    raise refusal(actor, decision, "Consent", member=member)


def _grants(
    consent: str,
    member: str,
    said: Read,
    disclosers: frozenset[str],
    recipients: frozenset[str],
) -> list[dict[str, Any]]:
    """The rows of what it lets through: none unless it is active."""
    if said.status != "active":
        return []
    return [
        {
            "id": new_id(),
            "consent": consent,
            "member": member,
            "discloser": discloser,
            "recipient": recipient,
            "purpose": purpose,
            "labels": " ".join(said.labels),
            "from_date": said.from_date,
            "until_date": said.until_date,
            "data_from": said.data_from,
            "data_until": said.data_until,
        }
        for discloser in sorted(disclosers)
        for recipient in sorted(recipients)
        for purpose in dict.fromkeys(said.purposes)
        if discloser != recipient
    ]


@unit_of_work
async def receive_patient(actor: Actor, document: Mapping[str, Any]) -> Stored:
    """A Patient that a partner's system sends: only from one with an executed MOU in force."""
    agreed, found = await ask_together(mou.asked_any(actor.home, clock.today()), asked_on_file(actor, document))
    if not agreed:
        raise _no_agreement(actor, "Patient")
    stored = await record_member(actor, document, found=found)
    if not stored.created and found[0]["relation"] in (None, CLAIMED):
        named, claims = await ask_together(_asked_grants(stored.id, actor.home), asked_claims(stored.id))
        if named:
            await record_many(actor, await settle_claims(stored.id, {actor.home}, claims))
    return stored


def _asked_grants(member: str, organization: str) -> Asked[bool]:
    """Whether any consent of the member's names the organization."""
    sql = "SELECT id FROM consent_grant WHERE member = {} AND (discloser = {} OR recipient = {}) LIMIT 1"
    return Asked(sql, [member, organization, organization], bool)


async def require_some_agreement(actor: Actor, resource_type: str) -> None:
    """Raise `Forbidden` unless the actor's organization has any executed MOU in force today."""
    if not await mou.any_in_force(actor.home, clock.today()):
        raise _no_agreement(actor, resource_type)


def _no_agreement(actor: Actor, resource_type: str) -> Forbidden:
    decision = Decision(False, "Your organization has no executed MOU in force today.", Ground.AUTHORITY)
    return refusal(actor, decision, resource_type)


def refusal(
    actor: Actor,
    decision: Decision,
    resource_type: str,
    *,
    member: str | None = None,
    counterpart: str | None = None,
) -> Forbidden:
    """A 403 that says which of the three failed, with the audit entry that outlives the rollback."""
    ground = decision.failed.value if decision.failed else "consent"
    where = list(decision.excess) or [resource_type]
    return Forbidden(
        f"{ground}: {decision.basis}",
        issues=[Issue(name, f"{ground}: {decision.basis}", "forbidden") for name in where],
        audit=Pending(
            actor,
            Entry(
                "consent:release:decide",
                resource_type,
                outcome="refused",
                member=member,
                counterpart=counterpart,
                basis=f"{ground}: {decision.basis}",
                detail={"failed": ground, "excess": list(decision.excess)},
            ),
        ),
    )


async def show_names(actor: Actor, members: list[str]) -> dict[str, str]:
    """`Rosa M.` for each of these members whose name the organization may see now; each is a read in the trail."""
    if not actor.can("member.read"):
        return {}
    shown = await names_shown(actor, members)
    entry = Entry("members:member:list", "Patient", detail={"name": "short"})
    await record_for_each(actor, entry, dict.fromkeys(shown, (None, None)))
    return shown
