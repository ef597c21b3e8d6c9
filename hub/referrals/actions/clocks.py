"""Which duties a step of a referral opens and settles (domain.md section 9). The limits are rule rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.db.engine import fetch
from hub.directory.rules import LIAISON_OF
from hub.duties import actions as duties
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.referrals.rules import ENDED, SERVICE_WORDS, WORDS, Service, Status

ANSWER, PROGRESS, CLOSE = "referral-answer", "referral-progress", "referral-close-own"


async def after_step(actor: Actor, task: Mapping[str, Any], before: Status, after: Status) -> None:
    """Open and settle what this step is about. `task` is the row as it now is."""
    subject, today = ("Task", str(task["id"])), clock.today()
    words = WORDS[after].lower()
    if before is Status.REQUESTED:
        if after in (Status.ACCEPTED, Status.REJECTED):
            await duties.settle(actor, ANSWER, subject, on=today, how=f"Answered: {words}.")
        else:
            await duties.cancel(actor, ANSWER, subject, on=today, how=f"No answer is owed any more: {words}.")
    elif before is not Status.DRAFT:
        await duties.settle(actor, PROGRESS, subject, on=today, how=f"It moved on: {words}.")
    if after is Status.REQUESTED:
        await _open(
            actor,
            task,
            ANSWER,
            "Answer the referral for {service}",
            "{other} waits for the answer of {owes}.",
            owner=True,
        )
    elif after in (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD):
        await _open_progress(actor, task)
    elif after is Status.VOID:
        await duties.cancel(actor, None, subject, on=today, how="The referral was entered in error.")
    elif after in ENDED:
        await _open(
            actor,
            task,
            CLOSE,
            "Close the loop on the referral for {service}",
            "{other} ended it: " + words + ". {owes} closes its request.",
            owner=False,
        )


async def after_update(actor: Actor, task: Mapping[str, Any]) -> None:
    """Something was added within the same status: the clock of progress starts again."""
    if Status(task["status"]) in (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD):
        await duties.settle(actor, PROGRESS, ("Task", str(task["id"])), on=clock.today(), how="It was worked on.")
        await _open_progress(actor, task)


async def _open_progress(actor: Actor, task: Mapping[str, Any]) -> None:
    await _open(
        actor,
        task,
        PROGRESS,
        "Work on the referral for {service}",
        "{owes} accepted it; nothing recorded since.",
        owner=True,
        period=f"v{task['version']}",
    )


async def _open(
    actor: Actor, task: Mapping[str, Any], rule: str, title: str, why: str, *, owner: bool, period: str | None = None
) -> None:
    owes, other = (task["owner"], task["requester"]) if owner else (task["requester"], task["owner"])
    rows = await fetch("SELECT id, kind, short_name FROM organization WHERE id IN ({}, {})", owes, other)
    by_id = {row["id"]: row for row in rows}
    service = SERVICE_WORDS[Service(task["service"])]
    await duties.open_duty(
        actor,
        rule,
        subject=("Task", str(task["id"])),
        organization=str(owes),
        counterpart=str(other),
        position=LIAISON_OF[by_id[owes]["kind"]].value,
        title=title.format(service=service),
        why=why.format(other=by_id[other]["short_name"], owes=by_id[owes]["short_name"]),
        start=clock.today(),
        period=period,
        member=str(task["member"]),
    )
