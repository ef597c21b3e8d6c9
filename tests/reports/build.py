"""Referrals with a dated history, written as rows: what the report reads, without the way through consent and FHIR."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import pairwise

from hub.db.documents import insert
from hub.kernel import clock
from hub.referrals.tables import ReferralEvent, ServiceRequest, Task

ENDED = ("completed", "failed", "cancelled", "rejected", "entered-in-error")


def noon(day: date) -> datetime:
    return datetime.combine(day, time(20), UTC)


async def referral(
    *,
    member: str,
    requester: str,
    owner: str,
    steps: list[tuple[str, date]],
    service: str = "community-supports",
    reason: str | None = None,
    loop_closed_on: date | None = None,
) -> str:
    """Returns the Task's id. `steps`: (status, effective date), the first one its sending."""
    request = await insert(
        ServiceRequest,
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order"},
        {
            "status": "active", "intent": "order", "member": member, "requester": requester, "performer": owner,
            "service": service, "code_text": service,
        },
        organization=requester,
    )  # fmt: skip
    status, last = steps[-1]
    when = dict(steps)
    task = await insert(
        Task,
        {"resourceType": "Task", "status": status, "intent": "order"},
        {
            "status": status, "service_request": request.id, "member": member, "requester": requester,
            "owner": owner, "service": service, "authored_at": noon(steps[0][1]),
            "sent_on": when.get("requested"), "accepted_on": when.get("accepted"),
            "ended_on": last if status in ENDED else None, "closure_reason": reason,
            "loop_closed_on": loop_closed_on,
        },
        organization=requester,
    )  # fmt: skip
    for (before, _), (after, day) in pairwise([("", steps[0][1]), *steps]):
        await event(task.id, before or None, after, day)
    return task.id


async def event(task: str, before: str | None, after: str, day: date) -> None:
    await ReferralEvent.insert(
        ReferralEvent(
            task=task,
            event=after,
            from_status=before,
            to_status=after,
            actor_id="x",
            actor_name="Somebody",
            channel="page",
            effective_date=day,
            recorded_at=clock.now(),
            task_version=1,
        )
    )
