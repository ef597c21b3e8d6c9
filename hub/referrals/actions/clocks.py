"""Which duties a step of a referral opens and settles (domain.md section 9). The limits are rule rows. Pure.

A task is its row as it is after the step, with the kind and name of both sides (`requester_kind`, `owner_name`, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.db.together import Asked
from hub.directory.rules import LIAISON_OF
from hub.duties.actions import Ended, Event, Owed
from hub.duties.queries import Terms
from hub.referrals.rules import ENDED, SERVICE_WORDS, WORDS, Service, Status

ANSWER, PROGRESS, CLOSE = "referral-answer", "referral-progress", "referral-close-own"

Clocks = tuple[list[Ended], list[Owed]]


def of_step(task: Mapping[str, Any], before: Status, after: Status, today: date) -> Clocks:
    """What ends and what opens with a step."""
    subject, words = ("Task", str(task["id"])), WORDS[after].lower()
    ended: list[Ended] = []
    if before is Status.REQUESTED:
        if after in (Status.ACCEPTED, Status.REJECTED):
            ended.append(Ended(ANSWER, subject, today, f"Answered: {words}."))
        else:
            ended.append(Ended(ANSWER, subject, today, f"No answer is owed any more: {words}.", Event.CANCELLED))
    elif before is not Status.DRAFT:
        ended.append(Ended(PROGRESS, subject, today, f"It moved on: {words}."))
    if after is Status.REQUESTED:
        title, why = "Answer the referral for {service}", "{other} waits for the answer of {owes}."
        return ended, [_owed(task, ANSWER, title, why, today, owner=True)]
    if after in (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD):
        return ended, [_progress(task, today)]
    if after is Status.VOID:
        return [*ended, Ended(None, subject, today, "The referral was entered in error.", Event.CANCELLED)], []
    if after in ENDED:
        why = "{other} ended it: " + words + ". {owes} closes its request."
        return ended, [_owed(task, CLOSE, "Close the loop on the referral for {service}", why, today, owner=False)]
    return ended, []


def asked_answer(task: str, owner: str, today: date) -> Asked[Terms | None]:
    """What opening the duty to answer asks, before more of the Task is known than its id and its owner."""
    return Owed(ANSWER, ("Task", task), owner, None, "", "", "", today).asked


def of_update(task: Mapping[str, Any], today: date) -> Clocks:
    """Something was added within the same status: the clock of progress starts again."""
    if Status(task["status"]) not in (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD):
        return [], []
    return [Ended(PROGRESS, ("Task", str(task["id"])), today, "It was worked on.")], [_progress(task, today)]


def of_closing(tasks: list[str], today: date) -> list[Ended]:
    """The requester has closed its ServiceRequest."""
    return [Ended(CLOSE, ("Task", task), today, "The requester closed its ServiceRequest.") for task in tasks]


def _progress(task: Mapping[str, Any], today: date) -> Owed:
    title, why = "Work on the referral for {service}", "{owes} accepted it; nothing recorded since."
    return _owed(task, PROGRESS, title, why, today, owner=True, period=f"v{task['version']}")


def _owed(
    task: Mapping[str, Any], rule: str, title: str, why: str, today: date, *, owner: bool, period: str | None = None
) -> Owed:
    owes, other = ("owner", "requester") if owner else ("requester", "owner")
    return Owed(
        rule,
        ("Task", str(task["id"])),
        str(task[owes]),
        str(task[other]),
        LIAISON_OF[task[f"{owes}_kind"]].value,
        title.format(service=SERVICE_WORDS[Service(task["service"])]),
        why.format(other=task[f"{other}_name"], owes=task[f"{owes}_name"]),
        today,
        period=period,
        member=str(task["member"]),
    )
