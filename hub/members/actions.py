"""Recording members. The same CIN is the same person; an organization that begins to serve one is noted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from hub.audit.actions import Entry, Pending, record
from hub.db.documents import Stored, insert, replace
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue, NotFound
from hub.members.document import check, project
from hub.members.rules import CLAIMED, fold
from hub.members.tables import Member, MemberOrganization


@unit_of_work
async def record_member(actor: Actor, document: Mapping[str, Any], case_number: str | None = None) -> Stored:
    """Store a Patient, or find the one with the same CIN.

    Raises `Invalid` where the CIN is on file for somebody with another name or birth date: a person must look.
    """
    actor.require("member.write")
    issues = check(document)
    if issues:
        raise Invalid("The Patient cannot be taken.", issues=issues)
    columns = project(document)
    found = await fetch(
        "SELECT id, version, updated_at, document, family, birth_date FROM member WHERE cin = {}", columns["cin"]
    )
    if found:
        row = found[0]
        if row["birth_date"] != columns["birth_date"] or fold(row["family"]) != fold(columns["family"]):
            told = Entry("members:member:record", "Patient", row["id"], member=row["id"], basis="not the same person")
            raise Invalid(
                "The CIN does not go with this name and birth date. Check the card; if it is right, ask the county's "
                "IHSS liaison to look at the record.",
                issues=[Issue("Patient.identifier", "The CIN does not go with this name and birth date.", "conflict")],
                audit=Pending(actor, told),
            )
        await serve(actor, row["id"], actor.home, CLAIMED)
        await record(actor, Entry("members:member:find", "Patient", row["id"], member=row["id"]))
        return Stored("Patient", row["id"], row["version"], row["updated_at"], row["document"], created=False)
    stored = await insert(Member, document, {**columns, "case_number": case_number}, organization=actor.home)
    await serve(actor, stored.id, actor.home, relation_of(actor))
    await record(actor, Entry("members:member:record", "Patient", stored.id, member=stored.id))
    return stored


def relation_of(actor: Actor) -> str:
    return "county" if actor.is_county else "plan"


@unit_of_work
async def serve(actor: Actor, member: str, organization: str, relation: str, since: date | None = None) -> None:
    """From now on this organization serves the member (residence, membership, a referral): it may know of them.

    Who only knew the CIN, name and birth date of somebody on file has CLAIMED to serve them: it may write a consent or
    a referral, and only that makes it one that serves them.
    """
    known = await fetch(
        "SELECT id, relation FROM member_organization WHERE member = {} AND organization = {} AND until_date IS NULL",
        member,
        organization,
    )
    if known and (known[0]["relation"] != CLAIMED or relation == CLAIMED):
        return
    if known:
        await MemberOrganization.update({"until_date": clock.today()}).where(MemberOrganization.id == known[0]["id"])
    await MemberOrganization.insert(
        MemberOrganization(
            member=member, organization=organization, relation=relation, from_date=since or clock.today()
        )
    )
    await record(
        actor,
        Entry(
            "members:member:serve",
            "Patient",
            member,
            member=member,
            detail={"organization": organization, "relation": relation},
        ),
    )


@unit_of_work
async def settle_claims(actor: Actor, member: str, organizations: Collection[str]) -> None:
    """Those of the organizations that claimed to serve the member do: the member's own consent names them."""
    for row in await fetch(
        "SELECT mo.organization, o.kind FROM member_organization mo JOIN organization o ON o.id = mo.organization "
        "WHERE mo.member = {} AND mo.relation = {} AND mo.until_date IS NULL",
        member,
        CLAIMED,
    ):
        if row["organization"] in organizations:
            await serve(actor, member, row["organization"], "county" if row["kind"] == "county" else "plan")


@unit_of_work
async def change_member(
    actor: Actor, member_id: str, document: Mapping[str, Any], expected: int | None = None
) -> Stored:
    """Store the next version of a Patient: by the organization whose record it is; the CIN stays."""
    actor.require("member.write")
    rows = await fetch("SELECT version, cin FROM member WHERE id = {} AND source = {}", member_id, actor.home)
    if not rows:
        raise NotFound("There is no such Patient that your organization recorded.")
    issues = check(document)
    if not issues and project(document)["cin"] != rows[0]["cin"]:
        issues = [Issue("Patient.identifier", "The CIN of a recorded member does not change.", "business-rule")]
    if issues:
        raise Invalid("The Patient cannot be taken.", issues=issues)
    version = rows[0]["version"] if expected is None else expected
    stored = await replace(Member, member_id, version, document, project(document), organization=actor.home)
    await record(actor, Entry("members:member:change", "Patient", member_id, member=member_id))
    return stored
