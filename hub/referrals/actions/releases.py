"""Asking the decision function before a referral is stored: what goes to the one who is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from hub.consent.actions import refusal
from hub.consent.queries import may_release, visible
from hub.consent.rules import Decision, Facts
from hub.db.lists import marks, padded
from hub.db.together import Asked, Rows, ask_together
from hub.kernel.actor import Actor
from hub.referrals.document import consents_of

Document = Mapping[str, Any] | str  # as it came, or the text as it is stored


def asked_consents(actor: Actor, member: str, documents: Iterable[Mapping[str, Any]]) -> Asked[Rows]:
    """Of the Consents that these documents point at, those of the member that the actor's organization may see."""
    named = padded([one for document in documents for one in consents_of(document)]) or [""]
    seen, args = visible(actor)
    return Asked(
        f"SELECT r.id, r.recorder, r.document FROM consent r WHERE r.id IN ({marks(named)})"
        f" AND r.member = {{}} AND {seen}",
        [*named, member, *args],
        _by_id,
    )


def asked_consents_of(actor: Actor, request: str) -> Asked[Rows]:
    """Those of them that a ServiceRequest on file points at."""
    seen, args = visible(actor)
    return Asked(
        "SELECT r.id, r.recorder, r.document FROM request_consent rc JOIN consent r ON r.id = rc.consent"
        f" JOIN service_request s ON s.id = rc.service_request AND s.member = r.member WHERE s.id = {{}} AND {seen}",
        [request, *args],
        _by_id,
    )


def _by_id(rows: Rows) -> Rows:
    return sorted(rows, key=itemgetter("id"))


def brought(actor: Actor, consents: Iterable[Mapping[str, Any]]) -> list[str]:
    """The texts of those that go along because they are the actor's own records."""
    return [row["document"] for row in consents if row["recorder"] == actor.home]


async def with_what_they_bring(actor: Actor, member: str, documents: list[dict[str, Any]]) -> list[Document]:
    """These documents, the Patient where it is the actor's own record, and the Consents that a ServiceRequest names."""
    mine = "SELECT document FROM member WHERE id = {} AND source = {}"
    own, consents = await ask_together(
        Asked(mine, [member, actor.home], lambda rows: [row["document"] for row in rows]),
        asked_consents(actor, member, documents),
    )
    return [*documents, *own, *brought(actor, consents)]


async def require_release(
    actor: Actor,
    resource_type: str,
    member: str,
    recipient: str,
    documents: Iterable[Document],
    known: Facts | None = None,
) -> Decision:
    """Raise `Forbidden` (403, audited) unless these documents may go to the recipient. `known`: the facts, if read."""
    decision = await may_release(member, actor.home, recipient, documents, known=known)
    if not decision.permitted:
        raise refusal(actor, decision, resource_type, member=member, counterpart=recipient)
    return decision
