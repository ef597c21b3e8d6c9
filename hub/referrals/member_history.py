"""The timeline of a member: their referrals and consents, as far as the organization is a party to them."""

from __future__ import annotations

from hub.consent.queries import consents_of, granted
from hub.db.engine import fetch
from hub.kernel.actor import Actor
from hub.mou.rules import DataElement
from hub.referrals.queries import EVENT_WORDS, Happened
from hub.referrals.rules import SERVICE_WORDS, Service

_LATEST = 50


async def history_of(actor: Actor, member: str) -> list[Happened]:
    """Newest first; the latest of a long history."""
    found = []
    if actor.can("referral.read"):
        found += await _referrals(actor, member)
    if actor.can("consent.read"):
        found += await _consents(actor, member)
    return sorted(found, key=lambda one: one.when, reverse=True)[:_LATEST]


async def _referrals(actor: Actor, member: str) -> list[Happened]:
    told, args = granted("r.member", "r.requester", DataElement.REFERRAL, actor.home)
    rows = await fetch(
        f"SELECT CASE WHEN r.requester = {{}} OR e.organization = {{}} OR {told} THEN e.note END AS note, "
        "e.id, e.event, e.actor_name, o.short_name, e.effective_date, e.recorded_at, r.service "
        "FROM referral_event e JOIN task r ON r.id = e.task LEFT JOIN organization o ON o.id = e.organization "
        "WHERE r.member = {} AND (r.requester = {} OR (r.owner = {} AND r.status <> 'draft')) "
        f"ORDER BY e.recorded_at DESC, e.task_version DESC LIMIT {_LATEST}",
        actor.home,
        actor.home,
        *args,
        member,
        actor.home,
        actor.home,
    )
    return [
        Happened(
            anchor=f"event-{row['id']}",
            when=row["recorded_at"],
            title=f"{SERVICE_WORDS[Service(row['service'])]}: {EVENT_WORDS.get(row['event'], row['event']).lower()}",
            who=f"{row['actor_name']}, {row['short_name']}" if row["short_name"] else row["actor_name"],
            note=row["note"] or "",
            effective_date=row["effective_date"],
        )
        for row in rows
    ]


async def _consents(actor: Actor, member: str) -> list[Happened]:
    """Each version of a consent that the organization may see is an event: recorded, or ended."""
    shown = {one.id: one for one in await consents_of(actor, member)}
    if not shown:
        return []
    marks = ", ".join("{}" for _ in shown)
    rows = await fetch(
        "SELECT v.id, v.resource_id, v.version, v.updated_at, o.short_name FROM resource_version v "
        "LEFT JOIN organization o ON o.id = v.organization "
        f"WHERE v.resource_type = 'Consent' AND v.resource_id IN ({marks})",
        *shown,
    )
    found = []
    for row in rows:
        consent = shown[row["resource_id"]]
        first = row["version"] == 1
        refused = consent.status == "rejected"
        title = ("Refusal recorded" if refused else "Consent recorded") if first else "Consent ended"
        day = consent.given_on if first else consent.revoked_on or consent.given_on
        found.append(
            Happened(
                anchor=f"event-{row['id']}",
                when=row["updated_at"],
                title=title,
                who=row["short_name"] or "The hub",
                note="; ".join(consent.directions),
                effective_date=day,
            )
        )
    return found
