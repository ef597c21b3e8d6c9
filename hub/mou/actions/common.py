"""What every action on an MOU begins and ends with: who may, at which version, and what stays on record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from hub.audit.actions import Entry, Pending, record
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Stale, WrongStep
from hub.mou.queries import AgreementView, view_of, visible_row
from hub.mou.rules import STATE_WORDS, State
from hub.mou.tables import Agreement, AgreementEvent

STALE = "Somebody else changed this MOU meanwhile. Nothing was saved; look at its current state and try again."


def refused(actor: Actor, action: str, agreement: str | None, words: str) -> Forbidden:
    """A refusal that leaves its entry in the trail."""
    return Forbidden(words, audit=Pending(actor, Entry(action, "Agreement", agreement, outcome="refused", basis=words)))


async def load(
    actor: Actor,
    agreement_id: str,
    *,
    action: str,
    capability: str,
    version: int | None = None,
    states: Collection[State] | None = None,
    on: date | None = None,
) -> AgreementView:
    """The MOU, if the actor's organization is a party, the actor may, nobody was faster and its state allows
    it.

    `version` is the one that the person saw; None for a caller that saw none (a script).
    """
    row = await visible_row(actor, agreement_id)
    if not (actor.is_hub or actor.can(capability)):
        raise refused(actor, action, agreement_id, "Your role does not allow this step.")
    if version is not None and version != row.version:
        raise Stale(STALE)
    if states is not None and row.state not in states:
        words = f"This is not possible while the MOU is in the state “{STATE_WORDS[row.state]}”."
        raise WrongStep(words)
    return await view_of(row, on or clock.today())


async def save(view: AgreementView, columns: dict[str, Any] | None = None) -> None:
    """Write the MOU's next version; `Stale` if somebody was faster. Also without a change of its own columns:

    what hangs on the MOU (parties, elements, signatures) changes under its version, one after another.
    """
    values: dict[Any, Any] = {**(columns or {}), "version": view.row.version + 1}
    changed = await (
        Agreement.update(values)
        .where(Agreement.id == view.id, Agreement.version == view.row.version)
        .returning(Agreement.id)
    )
    if not changed:
        raise Stale(STALE)


async def leave(
    actor: Actor,
    view: AgreementView,
    event: str,
    *,
    on: date | None = None,
    to: State | None = None,
    note: str | None = None,
    action: str,
    basis: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """The history row and the audit entry of a change. `note` may name people; `detail` never does."""
    await AgreementEvent.insert(
        AgreementEvent(
            agreement=view.id,
            event=event,
            from_state=view.state.value if to else None,
            to_state=to.value if to else None,
            actor_id=actor.id,
            actor_name=actor.name,
            effective_date=on or clock.today(),
            recorded_at=clock.now(),
            note=note,
        )
    )
    counterpart = view.row.plan if actor.organization == view.row.county else view.row.county
    await record(
        actor,
        Entry(action, "Agreement", view.id, counterpart=counterpart, basis=basis, detail=detail),
    )
