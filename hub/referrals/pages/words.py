"""How the pages say things: headings, what needs attention, what a step leads to."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.duties.queries import DutyRow
from hub.referrals.queries import Referral, ReferralRow
from hub.referrals.rules import CLOSURE_WORDS, ClosureReason, Event, Service, Side, Status, Step

_TO = {
    Service.IHSS_APPLICATION: "to IHSS for an application",
    Service.IHSS_REASSESSMENT: "to IHSS for a reassessment",
    Service.IHSS_DISCHARGE: "to IHSS for hours after a hospital discharge",
    Service.ECM: "to Enhanced Care Management",
    Service.COMMUNITY_SUPPORTS: "to Community Supports",
    Service.BEHAVIORAL_HEALTH: "to behavioral health",
    Service.EQUIPMENT: "for durable medical equipment",
    Service.OTHER: "for another service",
}


def heading(row: ReferralRow) -> str:
    """`Referral for Rosa M. to Community Supports`."""
    who = f"Referral for {row.member_name}" if row.member_name else "Referral"
    return f"{who} {_TO[row.service]}"


def context(row: ReferralRow, duty: DutyRow | None) -> list[tuple[str, str]]:
    return [
        ("Member", row.member_name or "Withheld"),
        ("CIN", row.cin_end or ""),
        ("County", row.county),
        ("Plan", row.plan),
        ("State", row.status_words),
        ("Next", _next(row, duty)),
    ]


def _next(row: ReferralRow, duty: DutyRow | None) -> str:
    if duty is None:
        return ""
    return f"{duty.organization_name}: {act_of(duty)}, {duty.due_words}"


_ACTS = {"referral-answer": "answer", "referral-progress": "report progress", "referral-close-own": "close the loop"}


def act_of(duty: DutyRow) -> str:
    """What is owed, in a word or two: the list and the bar say the rest."""
    return _ACTS.get(duty.rule, duty.title[:1].lower() + duty.title[1:])


def attention(row: ReferralRow, duty: DutyRow | None, today: date, home: str) -> tuple[str, str] | None:
    """A tag, only where somebody has to do something."""
    if duty is not None and duty.due_on < today:
        return ("Overdue", "danger")
    if duty is not None and duty.organization != home:
        return None
    if row.side is Side.OWNER and row.status is Status.REQUESTED:
        return ("Answer", "warning")
    if row.side is Side.REQUESTER and row.waits_for_closing:
        return ("Close the loop", "warning")
    return None


PRIMARY = (Event.ACCEPT, Event.RESUME, Event.START, Event.COMPLETE, Event.SEND)
"""The usual act, where it is open; the others stand beside it."""
_LAST = (Event.CANCEL, Event.VOID)


def buttons(steps: tuple[Step, ...]) -> list[Step]:
    """The usual act first, what ends the referral against its purpose last."""
    rank = {event: at for at, event in enumerate(PRIMARY)}
    return sorted(steps, key=lambda step: (step.event in _LAST, rank.get(step.event, len(rank))))


def after(step: Step, found: Referral) -> str:
    """What happens next, said before the act."""
    other = found.row.partner_name
    seen = f"{other} sees it at once, in the page and over the API."
    return {
        Event.SEND: f"{other} gets the referral and owes an answer.",
        Event.ACCEPT: f"{seen} The next step is yours: start work, and record the outcome when it is done.",
        Event.DECLINE: f"The referral ends. {other} sees your reason, and closes the loop or asks somebody else.",
        Event.START: f"{seen} The clock for the next report of progress starts again.",
        Event.RESUME: f"{seen} The clock for the next report of progress starts again.",
        Event.HOLD: f"{other} sees that it waits, and why. You still owe progress; resume it, or end it.",
        Event.COMPLETE: f"The referral is completed. {other} sees the outcome and closes the loop.",
        Event.FAIL: f"The referral ends without the service. {other} sees why, and closes the loop.",
        Event.CANCEL: f"The referral ends. {other} sees why. Nothing more is owed for it.",
        Event.VOID: f"The referral stays on record as a mistake. {other} sees that, and counts it nowhere.",
    }[step.event]


def closure_options(event: Event) -> list[tuple[str, str]]:
    """What a loop that ends without the service may end with; the likely one first."""
    first = ClosureReason.PROVIDER_DECLINED if event is Event.DECLINE else ClosureReason.NOT_NEEDED
    left = [one for one in ClosureReason if one not in (first, ClosureReason.SERVICES_RECEIVED)]
    return [(one.value, CLOSURE_WORDS[one]) for one in (first, *left)]


def facts(found: Referral) -> list[tuple[str, Any]]:
    """What is asked."""
    row = found.row
    return [
        ("Service", found.asked),
        ("Reason and need", found.need or ("Withheld" if found.withheld else "Not given")),
        ("Urgency", (row.priority or "routine").capitalize()),
        ("From", row.requester_name),
        ("To", row.owner_name),
    ]
