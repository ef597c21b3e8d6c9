"""How a referral moves, and what must be said at each step (fhir.md 1.4; domain.md 3.2). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub.kernel.errors import Forbidden, Issue, WrongStep


class Status(StrEnum):
    """SDOHCC-ValueSetReferralTaskStatus: R4's, except `ready` and `received`."""

    DRAFT = "draft"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    FAILED = "failed"
    COMPLETED = "completed"
    VOID = "entered-in-error"


ENDED = frozenset({Status.REJECTED, Status.CANCELLED, Status.FAILED, Status.COMPLETED, Status.VOID})
OPEN = frozenset(set(Status) - ENDED - {Status.DRAFT})

WORDS = {
    Status.DRAFT: "Draft",
    Status.REQUESTED: "Sent, not answered",
    Status.ACCEPTED: "Accepted",
    Status.REJECTED: "Declined",
    Status.CANCELLED: "Cancelled",
    Status.IN_PROGRESS: "In progress",
    Status.ON_HOLD: "On hold",
    Status.FAILED: "Ended without the service",
    Status.COMPLETED: "Completed",
    Status.VOID: "Entered in error",
}


class Side(StrEnum):
    REQUESTER = "requester"
    OWNER = "owner"
    EITHER = "either"


class Event(StrEnum):
    SEND = "send"
    ACCEPT = "accept"
    DECLINE = "decline"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of the table. `label` is the words of its button."""

    event: Event
    before: Status
    after: Status
    side: Side
    label: str
    needs_reason: bool = False
    needs_outcome: bool = False


def _steps() -> tuple[Step, ...]:
    S, E, N = Status, Event, Side
    table = [
        Step(E.SEND, S.DRAFT, S.REQUESTED, N.REQUESTER, "Send referral"),
        Step(E.ACCEPT, S.REQUESTED, S.ACCEPTED, N.OWNER, "Accept referral"),
        Step(E.DECLINE, S.REQUESTED, S.REJECTED, N.OWNER, "Decline referral", needs_reason=True),
        Step(E.CANCEL, S.REQUESTED, S.CANCELLED, N.EITHER, "Cancel referral", needs_reason=True),
        Step(E.START, S.ACCEPTED, S.IN_PROGRESS, N.OWNER, "Start work"),
    ]
    for before in (S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD):
        if before is not S.ON_HOLD:
            table.append(Step(E.HOLD, before, S.ON_HOLD, N.OWNER, "Put on hold", needs_reason=True))
        table += [
            Step(E.COMPLETE, before, S.COMPLETED, N.OWNER, "Record outcome and complete", needs_outcome=True),
            Step(E.FAIL, before, S.FAILED, N.OWNER, "End without the service", needs_reason=True),
            Step(E.CANCEL, before, S.CANCELLED, N.EITHER, "Cancel referral", needs_reason=True),
        ]
    table.append(Step(E.RESUME, S.ON_HOLD, S.IN_PROGRESS, N.OWNER, "Resume work"))
    table += [Step(E.VOID, s, S.VOID, N.REQUESTER, "Entered in error") for s in S if s is not S.VOID]
    return tuple(table)


STEPS: tuple[Step, ...] = _steps()
BY_CHANGE = {(step.before, step.after): step for step in STEPS}
BY_EVENT = {(step.before, step.event): step for step in STEPS}


def _permitted(step: Step, side: Side) -> Step:
    if step.side in (side, Side.EITHER):
        return step
    raise Forbidden(
        f"Only the {step.side.value} of a referral may set it to {step.after.value}.",
        issues=[Issue("Task.status", f"Only the {step.side.value} may set {step.after.value}.", "forbidden")],
    )


def step_for_change(before: Status, after: Status, side: Side) -> Step:
    """The edge between two statuses. Raises `WrongStep` where there is none, `Forbidden` for the wrong side."""
    step = BY_CHANGE.get((before, after))
    if step is None:
        raise _wrong(before, f"be set to {after.value}")
    return _permitted(step, side)


def step_for_event(before: Status, event: Event, side: Side) -> Step:
    """The edge of a button. Raises as `step_for_change`."""
    step = BY_EVENT.get((before, event))
    if step is None:
        label = next(s.label for s in STEPS if s.event is event)
        raise _wrong(before, f"take the step “{label}”")
    return _permitted(step, side)


def _wrong(before: Status, what: str) -> WrongStep:
    words = f"A referral that is {before.value} cannot {what}."
    return WrongStep(words, issues=[Issue("Task.status", words, "business-rule")])


def steps_open_to(status: Status, side: Side) -> list[Step]:
    """What this side can do now, the usual act first; `entered-in-error` is left to its own page."""
    return [s for s in STEPS if s.before is status and s.side in (side, Side.EITHER) and s.event is not Event.VOID]


class ClosureReason(StrEnum):
    """Reason for Referral Loop Closure (domain.md 3.2; recalled, to be verified before go-live)."""

    SERVICES_RECEIVED = "services-received"
    PROVIDER_DECLINED = "service-provider-declined"
    UNABLE_TO_REACH = "unable-to-reach-member"
    NOT_ELIGIBLE = "member-no-longer-eligible"
    NOT_NEEDED = "member-no-longer-needs-or-declines"
    OTHER = "other"


CLOSURE_WORDS = {
    ClosureReason.SERVICES_RECEIVED: "Services received",
    ClosureReason.PROVIDER_DECLINED: "Service provider declined",
    ClosureReason.UNABLE_TO_REACH: "Unable to reach member",
    ClosureReason.NOT_ELIGIBLE: "Member no longer eligible for services",
    ClosureReason.NOT_NEEDED: "Member no longer needs services or declines services",
    ClosureReason.OTHER: "Other",
}
CLOSURE_SYSTEM = "urn:ihss-hub:closure-reason"


def closure_reason(after: Status, coded: str | None) -> ClosureReason | None:
    """The reason with which a loop ends in this status; None while it is open or was never real."""
    if after is Status.COMPLETED:
        return ClosureReason.SERVICES_RECEIVED
    if after not in (Status.REJECTED, Status.CANCELLED, Status.FAILED):
        return None
    if coded in set(ClosureReason) - {ClosureReason.SERVICES_RECEIVED}:
        return ClosureReason(coded)
    return ClosureReason.PROVIDER_DECLINED if after is Status.REJECTED else ClosureReason.OTHER


class Service(StrEnum):
    """What can be asked from the page; over FHIR any procedure code, which then is `other`."""

    IHSS_APPLICATION = "ihss-application"
    IHSS_REASSESSMENT = "ihss-reassessment"
    IHSS_DISCHARGE = "ihss-hours-after-discharge"
    ECM = "enhanced-care-management"
    COMMUNITY_SUPPORTS = "community-supports"
    BEHAVIORAL_HEALTH = "behavioral-health"
    EQUIPMENT = "durable-medical-equipment"
    OTHER = "other"


SERVICE_WORDS = {
    Service.IHSS_APPLICATION: "IHSS application",
    Service.IHSS_REASSESSMENT: "IHSS reassessment",
    Service.IHSS_DISCHARGE: "IHSS hours after a hospital discharge",
    Service.ECM: "Enhanced Care Management",
    Service.COMMUNITY_SUPPORTS: "Community Supports",
    Service.BEHAVIORAL_HEALTH: "Behavioral health",
    Service.EQUIPMENT: "Durable medical equipment",
    Service.OTHER: "Other service",
}
SERVICE_SYSTEM = "urn:ihss-hub:service"
OF_THE_COUNTY = (Service.IHSS_APPLICATION, Service.IHSS_REASSESSMENT, Service.IHSS_DISCHARGE)
OF_THE_PLAN = (Service.ECM, Service.COMMUNITY_SUPPORTS, Service.BEHAVIORAL_HEALTH, Service.EQUIPMENT)

# BSeR TaskBusinessStatusCS, kept consistent with the status where the hub sets it (fhir.md 6 F.33)
BUSINESS_SYSTEM = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
BUSINESS_STATUS = {
    Status.REQUESTED: ("2.0", "Created"),
    Status.ACCEPTED: ("3.0", "Accepted"),
    Status.REJECTED: ("4.0", "Declined"),
    Status.IN_PROGRESS: ("5.1.1", "Event Scheduled"),
    Status.CANCELLED: ("6.0", "Fulfillment Cancelled"),
    Status.COMPLETED: ("7.0", "Fulfillment Completed"),
}


REQUEST_STEPS: dict[str, frozenset[str]] = {
    "draft": frozenset({"active", "revoked", "entered-in-error"}),
    "active": frozenset({"on-hold", "completed", "revoked", "entered-in-error"}),
    "on-hold": frozenset({"active", "completed", "revoked", "entered-in-error"}),
    "completed": frozenset({"entered-in-error"}),
    "revoked": frozenset({"entered-in-error"}),
}
"""ServiceRequest.status, which is the requester's alone (fhir.md 6 G.34)."""

REQUEST_ENDED = frozenset({"completed", "revoked", "entered-in-error"})


def check_request_step(before: str, after: str) -> None:
    """Raises `WrongStep` for a change of ServiceRequest.status that the table does not have."""
    if before != after and after not in REQUEST_STEPS.get(before, frozenset()):
        words = f"A ServiceRequest that is {before} cannot be set to {after}."
        raise WrongStep(words, issues=[Issue("ServiceRequest.status", words, "business-rule")])
