"""Builders of referrals, as a plan's system sends them. References are to the cast."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.consent.actions import record_consent
from hub.consent.document import consent
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.referrals import document
from hub.referrals.actions.desk import NewReferral, send_referral
from hub.referrals.actions.requests import receive_request
from hub.referrals.actions.tasks import receive_task
from hub.referrals.rules import Service
from tests.cast import Cast

SINCE = date(2026, 1, 1)


async def agree(
    actor: Actor, member: str, discloser: str, recipient: str, *, two_way: bool = True, **changes: Any
) -> str:
    """The member agrees, and the actor records it. Returns the Consent's id."""
    said = {"given_on": SINCE, "from_date": SINCE, "until_date": None, **changes}
    stored = await record_consent(
        actor,
        consent(member=member, organizations=(discloser, recipient), two_way=two_way, form="ASCMI AB 133", **said),
    )
    return stored.id


async def referral_from_plan(cast: Cast, service: Service = Service.IHSS_APPLICATION) -> str:
    """Golden Poppy refers Rosa to Alameda County over the API; a consent has to be there. Returns the Task's id."""
    at = clock.now()
    request = await receive_request(
        cast.poppy_system,
        document.service_request(
            member=cast.rosa,
            service=service,
            requester=cast.poppy,
            performer=cast.alameda,
            at=at,
            need="Cannot bathe or cook alone since a fall.",
        ),
    )
    task = await receive_task(
        cast.poppy_system,
        document.task(service_request=request.id, member=cast.rosa, requester=cast.poppy, owner=cast.alameda, at=at),
    )
    return task.id


async def referral_from_county(cast: Cast, service: Service = Service.COMMUNITY_SUPPORTS) -> str:
    """Marisol refers Rosa to Golden Poppy from the page. Returns the Task's id."""
    return await send_referral(
        cast.marisol, NewReferral(cast.rosa, cast.poppy, service, "Needs meals at home after discharge.")
    )
