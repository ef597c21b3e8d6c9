"""Asking the decision function before a referral is stored: what goes to the one who is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.consent.actions import refusal
from hub.consent.queries import may_release, visible
from hub.consent.rules import Decision
from hub.db.engine import look_up
from hub.kernel.actor import Actor
from hub.kernel.jsontext import decode
from hub.referrals.document import consents_of


async def named_consents(actor: Actor, member: str, documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of the Consents that these documents point at, those of the member that the actor's organization may see."""
    named = list(dict.fromkeys(one for document in documents for one in consents_of(document)))
    if not named:
        return []
    marks, (seen, args) = ", ".join("{}" for _ in named), visible(actor)
    return await look_up(
        f"SELECT r.id, r.recorder, r.document FROM consent r WHERE r.id IN ({marks}) AND r.member = {{}} AND {seen}"
        " ORDER BY r.id",
        *named,
        member,
        *args,
    )


def brought(actor: Actor, consents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those that go along because they are the actor's own records."""
    return [decode(row["document"]) for row in consents if row["recorder"] == actor.home]


async def with_what_they_bring(actor: Actor, member: str, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These documents, the Patient where it is the actor's own record, and the Consents that a ServiceRequest names."""
    rows = await look_up("SELECT document FROM member WHERE id = {} AND source = {}", member, actor.home)
    own = [decode(row["document"]) for row in rows]
    return [*documents, *own, *brought(actor, await named_consents(actor, member, documents))]


async def require_release(
    actor: Actor, resource_type: str, member: str, recipient: str, documents: Iterable[Mapping[str, Any]]
) -> Decision:
    """Raise `Forbidden` (403, audited) unless these documents may go to the recipient."""
    decision = await may_release(member, actor.home, recipient, documents)
    if not decision.permitted:
        raise refusal(actor, decision, resource_type, member=member, counterpart=recipient)
    return decision
