"""The exchange, composed: the FHIR endpoint and the token endpoint, with what each needs of the features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from litestar import Request, Response
from litestar.types import ControllerRouterHandler

from hub import __version__
from hub.audit.actions import Entry, record, record_for_each
from hub.auth.smart import Smart, authenticator, forget_expired, routes
from hub.consent import fhir as consent
from hub.directory import fhir as directory
from hub.directory.queries import load_system, system_actor, system_actor_of_token
from hub.fhir.outcome import handle
from hub.fhir.router import router
from hub.fhir.wiring import Side, Wiring
from hub.jobs.rules import Scheduled
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Invalid
from hub.referrals import fhir as referrals
from hub.settings import Settings

FORGET = "exchange:tokens:forget"


async def _forget(_: dict[str, Any]) -> None:
    await forget_expired(clock.now())


JOBS = {FORGET: _forget}
SCHEDULE = [Scheduled(FORGET, timedelta(hours=1))]

RESOURCES = (*directory.RESOURCES, *consent.RESOURCES, *referrals.RESOURCES)
PREFIXES = ("/fhir", "/oauth")
_KEY_SET_BYTES = 100_000


async def record_read(
    actor: Actor,
    interaction: str,
    resource_type: str,
    ids: Sequence[str],
    members: Mapping[str, Side],
    request_id: str,
    query: str | None,
    outcome: str,
    basis: str | None,
) -> None:
    """One entry for the call, with each member whose data went out, so that a member's trail is complete."""
    action = f"fhir:{resource_type.lower()}:{interaction}"
    detail: dict[str, Any] = {"query": query} if query else {}
    if len(members) <= 1:
        only = ids[0] if len(ids) == 1 else None
        member, side = next(iter(members.items()), (None, None))
        if len(ids) > 1:
            detail["ids"] = list(ids)
        entry = Entry(action, resource_type, only, outcome=outcome, member=member, basis=basis,
                      counterpart=side.counterpart if side else None,
                      detail=detail or None)  # fmt: skip
        await record(actor, entry)
    else:
        entry = Entry(action, resource_type, outcome=outcome, detail=detail or None)
        await record_for_each(actor, entry, members)


async def fetch_keys(url: str) -> bytes:
    """The body of a registered JWKS URL: https only, small, and not long waited for."""
    if not url.startswith("https://"):
        raise Invalid("A JWKS URL has to be https.")
    import httpx2  # few systems have their keys behind a URL: loaded for the first, not at each start

    async with httpx2.AsyncClient(timeout=5, follow_redirects=False) as http:
        answer = await http.get(url, headers={"Accept": "application/json"})
        answer.raise_for_status()
        return answer.content[:_KEY_SET_BYTES]


def exchange(settings: Settings) -> list[ControllerRouterHandler]:
    """The handlers under /fhir and /oauth."""
    smart = Smart(
        token_url=f"{settings.base}/oauth/token",
        token_seconds=settings.token_seconds,
        system_by_client_id=load_system,
        actor_of_system=system_actor,
        fetch_keys=fetch_keys,
        actor_of_token=system_actor_of_token,
    )
    wiring = Wiring(
        resources=RESOURCES,
        base=settings.base,
        authenticate=authenticator(smart),
        record=record_read,
        max_body_bytes=settings.max_body_bytes,
        software_version=__version__,
    )
    return [*router(wiring), *routes(smart)]


def faces() -> Mapping[str, Callable[[Request[Any, Any, Any], Exception], Response[Any]]]:
    """How errors under these prefixes are said."""
    return dict.fromkeys(PREFIXES, handle)
