"""Opening what holds a member's data: the read and its entry in the trail go together."""

from __future__ import annotations

from hub.audit.actions import Entry, record, record_for_each, record_many
from hub.consent.queries import Found, SeenMember, member_seen, members_found
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden
from hub.members.queries import member as member_row
from hub.referrals.queries import Referral, ReferralRow, referral
from hub.referrals.queries.lists import Filter, referral_list


async def open_referral(actor: Actor, task_id: str) -> Referral:
    """One referral with all that its page shows."""
    found = await referral(actor, task_id)
    row = found.row
    await record(
        actor,
        Entry(
            "referrals:task:read",
            "Task",
            task_id,
            member=row.member,
            counterpart=row.requester if row.owner == actor.home else row.owner,
            basis=found.basis,
            detail={"withheld": bool(found.withheld)},
        ),
    )
    return found


async def open_list(actor: Actor, filter: Filter) -> list[ReferralRow]:
    """A page of referrals. One entry, with each member whom it showed."""
    rows, _ = await referral_list(actor, filter)
    shown = sorted({row.member for row in rows if row.member_name})
    detail = {"state": filter.state, "side": filter.side, "page": filter.page}
    entry = Entry("referrals:task:list", "Task", detail=detail)
    await record_for_each(actor, entry, dict.fromkeys(shown, (None, None)))
    return rows


async def open_member(actor: Actor, member_id: str) -> SeenMember:
    """One member, as far as the organization may know them now."""
    seen = await member_seen(actor, member_id)
    await record(
        actor,
        Entry(
            "members:member:read",
            "Patient",
            member_id,
            member=member_id,
            basis=seen.basis,
            detail={"withheld": seen.row is None},
        ),
    )
    return seen


async def reveal_cin(actor: Actor, member_id: str) -> str:
    """The whole CIN, which pages mask: a read of its own in the trail."""
    seen = await member_seen(actor, member_id)
    if seen.row is None:
        raise Forbidden("The member's details are withheld: no active consent lets them out to your organization.")
    await record(actor, Entry("members:member:reveal", "Patient", member_id, member=member_id, basis=seen.basis))
    return (await member_row(actor, member_id)).cin


async def search_members(actor: Actor, words: str) -> list[Found]:
    """The trail keeps whom the search showed, not what was typed."""
    found = await members_found(actor, words)
    entries = [
        Entry("members:member:search", "Patient", one.id, member=one.id, detail={"withheld": not one.row})
        for one in found
    ]
    await record_many(actor, entries or [Entry("members:member:search", "Patient")])
    return found
