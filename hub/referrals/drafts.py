"""A referral that somebody is still filling in: kept piece by piece, left and taken up again any time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.audit.actions import Entry, record
from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid, Issue, NotFound, Stale
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode, encode
from hub.members import queries as members
from hub.referrals.actions.desk import NewReferral
from hub.referrals.rules import OF_THE_COUNTY, OF_THE_PLAN, SERVICE_WORDS, Service
from hub.referrals.tables import ReferralDraft

PARTS = ("member", "to", "need", "consent")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is filled in so far. `version` grows with every save."""

    id: str
    version: int
    updated_at: datetime
    member: str = ""
    partner: str = ""
    service: Service | None = None
    priority: str = "routine"
    need: str = ""
    consents: tuple[str, ...] = ()  # those whose record goes along
    done: frozenset[str] = field(default=frozenset())

    @property
    def service_words(self) -> str:
        return SERVICE_WORDS[self.service] if self.service else ""

    @property
    def missing(self) -> list[str]:
        """The parts that are not complete; the consent is judged by the decision function, not here."""
        return [part for part in PARTS[:3] if part not in self.done]

    def as_new(self) -> NewReferral:
        """Raises `Invalid` while a part is missing."""
        if self.missing or self.service is None:
            raise Invalid("The referral is not complete.", issues=[Issue("", "Complete every part first.", "required")])
        return NewReferral(
            self.member, self.partner, self.service, self.need, self.priority, self.consents, draft=self.id
        )


def services_to_ask(actor: Actor) -> tuple[Service, ...]:
    """A county asks for what plans do, a plan for what counties do."""
    return (*(OF_THE_PLAN if actor.is_county else OF_THE_COUNTY), Service.OTHER)


def _draft(row: dict[str, Any]) -> Draft:
    data = decode(row["data"])
    service = Service(data["service"]) if data.get("service") else None
    filled = {
        "member": bool(data.get("member")),
        "to": bool(data.get("partner") and service),
        "need": bool(data.get("need")),
    }
    return Draft(
        id=row["id"],
        version=int(data.get("version", 1)),
        updated_at=row["updated_at"],
        member=data.get("member", ""),
        partner=data.get("partner", ""),
        service=service,
        priority=data.get("priority", "routine"),
        need=data.get("need", ""),
        consents=tuple(data.get("consents") or ()),
        done=frozenset(part for part, is_there in filled.items() if is_there),
    )


async def drafts_of(actor: Actor) -> list[Draft]:
    """The actor's own unfinished ones, last touched first."""
    actor.require("referral.write")
    rows = await fetch(
        "SELECT id, data, updated_at FROM referral_draft WHERE person = {} AND organization = {} AND done = {} "
        "ORDER BY updated_at DESC, id DESC",
        actor.id,
        actor.home,
        False,
    )
    return [_draft(row) for row in rows]


async def draft(actor: Actor, draft_id: str) -> Draft:
    """Raises `NotFound` for anybody else's, and for one that was sent."""
    actor.require("referral.write")
    return _draft(await _load(actor, draft_id))


async def _load(actor: Actor, draft_id: str) -> dict[str, Any]:
    rows = await fetch(
        "SELECT id, data, updated_at FROM referral_draft WHERE id = {} AND person = {} AND organization = {} "
        "AND done = {}",
        draft_id,
        actor.id,
        actor.home,
        False,
    )
    if not rows:
        raise NotFound("There is no such unfinished referral of yours. It may have been sent or discarded.")
    return rows[0]


@unit_of_work
async def start(actor: Actor, member: str | None = None) -> str:
    """A new draft, for a member where that is known already. Returns its id."""
    actor.require("referral.write")
    data: dict[str, Any] = {"version": 1}
    if member:
        data["member"] = (await members.member(actor, member)).id
    draft_id = new_id()
    await ReferralDraft.insert(
        ReferralDraft(id=draft_id, person=actor.id, organization=actor.home, data=encode(data), updated_at=clock.now())
    )
    await record(actor, Entry("referrals:draft:start", "ReferralDraft", draft_id, member=data.get("member")))
    return draft_id


@unit_of_work
async def save(actor: Actor, draft_id: str, version: int, **changes: Any) -> None:
    """Keep one part. Raises `Stale` where the same draft was saved meanwhile, in another window."""
    actor.require("referral.write")
    row = await _load(actor, draft_id)
    data = decode(row["data"])
    if data.get("version", 1) != version:
        raise _stale()
    if member := changes.get("member"):
        await members.member(actor, member)
    if data.get("member") != changes.get("member", data.get("member")):
        data.pop("consents", None)  # another member's consents are no longer meant
    saved = encode({**data, **changes, "version": version + 1})
    changed = await (
        ReferralDraft.update({"data": saved, "updated_at": clock.now()})
        .where((ReferralDraft.id == draft_id) & (ReferralDraft.data == row["data"]))
        .returning(ReferralDraft.id)
    )
    if not changed:
        raise _stale()


def _stale() -> Stale:
    return Stale("You changed this referral meanwhile, in another window. Check what stands here and save it again.")


@unit_of_work
async def discard(actor: Actor, draft_id: str) -> None:
    """Nothing was sent, so nothing needs to be kept."""
    await _load(actor, draft_id)
    await ReferralDraft.delete().where((ReferralDraft.id == draft_id) & (ReferralDraft.person == actor.id))
    await record(actor, Entry("referrals:draft:discard", "ReferralDraft", draft_id))
