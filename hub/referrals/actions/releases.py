"""Asking the decision function before a referral is stored: what goes to the one who is asked."""

from __future__ import annotations

from typing import Any

from hub.consent.actions import refusal
from hub.consent.queries import may_release
from hub.consent.rules import Decision
from hub.db.engine import fetch
from hub.kernel.actor import Actor
from hub.kernel.jsontext import decode
from hub.referrals.document import id_of


async def with_what_they_bring(actor: Actor, member: str, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These documents, the Patient where it is the actor's own record, and the Consents that a ServiceRequest names."""
    asked = [*documents]
    rows = await fetch("SELECT document FROM member WHERE id = {} AND source = {}", member, actor.home)
    asked += [decode(row["document"]) for row in rows]
    for document in documents:
        for info in document.get("supportingInfo") or []:
            consent = id_of(str(info.get("reference", "")), "Consent")
            found = await fetch(
                "SELECT document FROM consent WHERE id = {} AND member = {} AND recorder = {}",
                consent or "",
                member,
                actor.home,
            )
            asked += [decode(row["document"]) for row in found]
    return asked


async def require_release(
    actor: Actor, resource_type: str, member: str, recipient: str, documents: list[dict[str, Any]]
) -> Decision:
    """Raise `Forbidden` (403, audited) unless these documents, with what they bring along, may go to the recipient."""
    asked = await with_what_they_bring(actor, member, documents)
    decision = await may_release(member, actor.home, recipient, asked)
    if not decision.permitted:
        raise refusal(actor, decision, resource_type, member=member, counterpart=recipient)
    return decision
