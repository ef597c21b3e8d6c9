"""Recording members. The same CIN is the same person; an organization that begins to serve one is noted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.audit.actions import Entry, Pending, record, record_many
from hub.db.documents import Stored, insert, replace
from hub.db.engine import add, look_up, write
from hub.db.together import Asked, Rows, ask_together
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor, OrganizationKind
from hub.kernel.errors import Invalid, Issue, NotFound
from hub.kernel.ids import new_id
from hub.members.document import check, cin_of, project
from hub.members.rules import CLAIMED, fold
from hub.members.tables import Member


def asked_on_file(actor: Actor, document: Mapping[str, Any]) -> Asked[Rows]:
    """Whoever is on file with the Patient's CIN, and how the actor's organization serves them."""
    return Asked(
        "SELECT m.id, m.version, m.updated_at, m.document, m.family, m.birth_date, mo.id AS serving, mo.relation "
        "FROM member m LEFT JOIN member_organization mo ON mo.member = m.id AND mo.organization = {} "
        "AND mo.until_date IS NULL WHERE m.cin = {}",
        [actor.home, cin_of(document) or ""],
        list,
    )


@unit_of_work
async def record_member(
    actor: Actor, document: Mapping[str, Any], case_number: str | None = None, *, found: Rows | None = None
) -> Stored:
    """Store a Patient, or find the one with the same CIN (`found`: the answer to `asked_on_file`, if asked already).

    Raises `Invalid` where the CIN is on file for somebody with another name or birth date: a person must look.
    """
    actor.require("member.write")
    issues = check(document)
    if issues:
        raise Invalid("The Patient cannot be taken.", issues=issues)
    columns = project(document)
    if found is None:
        (found,) = await ask_together(asked_on_file(actor, document))
    if not found:
        stored = await insert(Member, document, {**columns, "case_number": case_number}, organization=actor.home)
        told = await begin_to_serve(stored.id, actor.home, relation_of(actor), None)
        await record_many(actor, [*told, Entry("members:member:record", "Patient", stored.id, member=stored.id)])
        return stored
    row = found[0]
    if row["birth_date"] != columns["birth_date"] or fold(row["family"]) != fold(columns["family"]):
        refused = Entry("members:member:record", "Patient", row["id"], member=row["id"], basis="not the same person")
        raise Invalid(
            "The CIN does not go with this name and birth date. Check the card; if it is right, ask the county's "
            "IHSS liaison to look at the record.",
            issues=[Issue("Patient.identifier", "The CIN does not go with this name and birth date.", "conflict")],
            audit=Pending(actor, refused),
        )
    told = await begin_to_serve(row["id"], actor.home, CLAIMED, Serving.of(row["serving"], row["relation"]))
    await record_many(actor, [*told, Entry("members:member:find", "Patient", row["id"], member=row["id"])])
    return Stored("Patient", row["id"], row["version"], row["updated_at"], row["document"], created=False)


def relation_of(actor: Actor) -> str:
    return relation_of_kind(actor.organization_kind)


def relation_of_kind(kind: str | None) -> str:
    return "county" if kind == OrganizationKind.COUNTY else "plan"


@dataclass(frozen=True, slots=True)
class Serving:
    """That an organization serves a member now, as it was read."""

    id: str
    relation: str

    @classmethod
    def of(cls, row_id: str | None, relation: str | None) -> Serving | None:
        return cls(row_id, relation) if row_id and relation else None


async def begin_to_serve(
    member: str, organization: str, relation: str, now: Serving | None, since: date | None = None
) -> list[Entry]:
    """From now on this organization serves the member (residence, membership, a referral): it may know of them.

    Who only knew the CIN, name and birth date of somebody on file has CLAIMED to serve them: it may write a consent or
    a referral, and only that makes it one that serves them. Returns what the caller records, nothing where they served
    the member before.
    """
    if now is not None and (now.relation != CLAIMED or relation == CLAIMED):
        return []
    today = clock.today()
    if now is not None:
        await write("UPDATE member_organization SET until_date = {} WHERE id = {}", today, now.id)
    await add(
        "member_organization",
        {
            "id": new_id(),
            "member": member,
            "organization": organization,
            "relation": relation,
            "from_date": since or today,
        },
    )
    detail = {"organization": organization, "relation": relation}
    return [Entry("members:member:serve", "Patient", member, member=member, detail=detail)]


def asked_claims(member: str) -> Asked[Rows]:
    """Those that only claim to serve the member."""
    return Asked(
        "SELECT mo.id, mo.relation, mo.organization, o.kind FROM member_organization mo "
        "JOIN organization o ON o.id = mo.organization "
        "WHERE mo.member = {} AND mo.relation = {} AND mo.until_date IS NULL",
        [member, CLAIMED],
        list,
    )


async def settle_claims(member: str, organizations: Collection[str], claims: Rows) -> list[Entry]:
    """Those of the organizations that claimed to serve the member do: the member's own consent names them.

    Returns what the caller records.
    """
    told: list[Entry] = []
    for row in claims:
        if row["organization"] in organizations:
            now = Serving(row["id"], row["relation"])
            told += await begin_to_serve(member, row["organization"], relation_of_kind(row["kind"]), now)
    return told


@unit_of_work
async def change_member(
    actor: Actor, member_id: str, document: Mapping[str, Any], expected: int | None = None
) -> Stored:
    """Store the next version of a Patient: by the organization whose record it is; the CIN stays."""
    actor.require("member.write")
    rows = await look_up("SELECT version, cin FROM member WHERE id = {} AND source = {}", member_id, actor.home)
    if not rows:
        raise NotFound("There is no such Patient that your organization recorded.")
    issues = check(document)
    if not issues and project(document)["cin"] != rows[0]["cin"]:
        issues = [Issue("Patient.identifier", "The CIN of a recorded member does not change.", "business-rule")]
    if issues:
        raise Invalid("The Patient cannot be taken.", issues=issues)
    stored = await replace(
        Member,
        member_id,
        rows[0]["version"],
        document,
        project(document),
        organization=actor.home,
        expected=expected,
    )
    await record(actor, Entry("members:member:change", "Patient", member_id, member=member_id))
    return stored
