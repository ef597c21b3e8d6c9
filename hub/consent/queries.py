"""The facts that a decision needs, and consents as the actor may see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.consent.elements import elements_of, labels_of
from hub.consent.rules import CARE, SENSITIVE, Decision, Facts, Grant, Question, decide
from hub.db.engine import fetch
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import NotFound
from hub.kernel.jsontext import decode
from hub.mou import queries as mou
from hub.mou.rules import DataElement


def granted(member: str, discloser: str, element: DataElement, recipient: str) -> tuple[str, list[Any]]:
    """A condition for searches: today a term and a grant let this data element of the member go to the recipient.

    `member` and `discloser` are SQL expressions. It may let through more than `decide` permits, never less: what
    leaves is filtered by the decision function.
    """
    on = clock.today()
    sql = f"""(EXISTS (SELECT 1 FROM consent_grant g WHERE g.member = {member} AND g.discloser = {discloser}
        AND g.recipient = {{}} AND g.purpose = {{}} AND g.from_date <= {{}}
        AND (g.until_date IS NULL OR g.until_date >= {{}}))
        AND EXISTS (SELECT 1 FROM mou_term t WHERE t.discloser = {discloser} AND t.recipient = {{}}
        AND t.element = {{}} AND t.from_date <= {{}} AND (t.until_date IS NULL OR t.until_date >= {{}})))"""
    return sql, [recipient, CARE, on, on, recipient, element.value, on, on]


async def grants(member: str, discloser: str, recipient: str) -> tuple[Grant, ...]:
    rows = await fetch(
        "SELECT consent, discloser, recipient, purpose, labels, from_date, until_date FROM consent_grant "
        "WHERE member = {} AND discloser = {} AND recipient = {}",
        member,
        discloser,
        recipient,
    )
    return tuple(Grant(**{**row, "labels": frozenset(row["labels"].split())}) for row in rows)


async def facts(member: str, discloser: str, recipient: str, on: date) -> Facts:
    agreement = await mou.agreement_in_force(discloser, recipient, on)
    if agreement is None:
        return Facts(None, frozenset(), ())
    return Facts(
        agreement.id,
        await mou.terms(discloser, recipient, on),
        await grants(member, discloser, recipient),
    )


def question(
    discloser: str,
    recipient: str,
    documents: Iterable[Mapping[str, Any]],
    *,
    on: date,
    loop: bool = False,
    purpose: str = CARE,
) -> Question:
    """What releasing these documents asks."""
    documents = list(documents)
    paths: dict[str, Any] = {}
    unmapped: list[str] = []
    for document in documents:
        more, none = elements_of(document)
        paths |= more
        unmapped += none
    return Question(
        discloser,
        recipient,
        purpose,
        on,
        frozenset(paths.values()),
        tuple(unmapped),
        paths,
        labels_of(documents, SENSITIVE),
        loop,
    )


async def may_release(
    member: str,
    discloser: str,
    recipient: str,
    documents: Iterable[Mapping[str, Any]],
    *,
    loop: bool = False,
    on: date | None = None,
) -> Decision:
    """Ask the one decision function about these documents of a member, today unless `on` says else."""
    on = on or clock.today()
    asked = question(discloser, recipient, documents, on=on, loop=loop)
    if discloser == recipient:
        return decide(asked, Facts(None, frozenset(), ()))
    return decide(asked, await facts(member, discloser, recipient, on))


def visible_patients(actor: Actor) -> tuple[str, list[Any]]:
    """Condition on alias `r` of `member`: the organization's own records, and what it may have of others'."""
    sql, args = granted("r.id", "r.source", DataElement.IDENTITY, actor.home)
    return f"(r.source = {{}} OR {sql})", [actor.home, *args]


async def permit(actor: Actor, rows: Iterable[dict[str, Any]], asks: Iterable[Ask]) -> list[dict[str, Any]]:
    """The rows that the decision function lets out to the actor's organization, each with its `basis`."""
    let_through = []
    for row, ask in zip(rows, asks, strict=True):
        decision = await may_release(
            ask.member, ask.discloser, actor.home, [decode(row["document"])], loop=ask.loop, on=ask.on
        )
        if decision.permitted:
            let_through.append({**row, "basis": decision.basis})
    return let_through


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose data a row holds, who discloses them, and whether they go back to the referrer to close the loop."""

    member: str
    discloser: str
    loop: bool = False
    on: date | None = None


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A consent as the member's page shows it."""

    id: str
    member: str
    status: str
    recorder: str
    recorder_name: str
    given_on: date
    from_date: date
    until_date: date | None
    revoked: bool
    version: int
    parties: tuple[tuple[str, str], ...]  # (discloser, recipient) names, while it grants anything
    labels: tuple[str, ...]


_VISIBLE = """(r.recorder = {} OR EXISTS (SELECT 1 FROM consent_party cp WHERE cp.consent = r.id
    AND cp.organization = {}))"""


def visible(actor: Actor) -> tuple[str, list[Any]]:
    """Condition on alias `r`: consents that the actor's organization recorded, or that name it."""
    return _VISIBLE, [actor.home, actor.home]


async def consents_of(actor: Actor, member: str) -> list[ConsentRow]:
    """Newest first."""
    actor.require("consent.read")
    condition, args = visible(actor)
    rows = await fetch(
        "SELECT r.id, r.member, r.status, r.recorder, o.name AS recorder_name, r.given_on, r.from_date, r.until_date, "
        f"r.revoked_at, r.version FROM consent r JOIN organization o ON o.id = r.recorder WHERE {condition} "
        "AND r.member = {} ORDER BY r.given_on DESC, r.id DESC",
        *args,
        member,
    )
    found = []
    for row in rows:
        granted = await fetch(
            "SELECT d.name AS discloser, p.name AS recipient, g.labels FROM consent_grant g "
            "JOIN organization d ON d.id = g.discloser JOIN organization p ON p.id = g.recipient "
            "WHERE g.consent = {} ORDER BY d.name, p.name",
            row["id"],
        )
        revoked = row.pop("revoked_at") is not None
        found.append(
            ConsentRow(
                **row,
                revoked=revoked,
                parties=tuple(dict.fromkeys((g["discloser"], g["recipient"]) for g in granted)),
                labels=tuple(sorted({label for g in granted for label in g["labels"].split()})),
            )
        )
    return found


async def consent(actor: Actor, consent_id: str) -> dict[str, Any]:
    """The stored row. Raises `NotFound` also for a consent that the asker may not know of."""
    actor.require("consent.read")
    condition, args = visible(actor)
    rows = await fetch(
        f"SELECT r.id, r.version, r.member, r.status, r.recorder, r.document FROM consent r WHERE r.id = {{}} "
        f"AND {condition}",
        consent_id,
        *args,
    )
    if not rows:
        raise NotFound("There is no such consent on file for your organization.")
    return rows[0]
