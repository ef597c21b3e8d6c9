"""The exchange, composed: the FHIR endpoint and the token endpoint, with what each needs of the features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx2
from litestar import Request, Response
from litestar.types import ControllerRouterHandler

from hub import __version__
from hub.audit.actions import Entry, record_many
from hub.auth.smart import Smart, authenticator, forget_expired, routes
from hub.consent import fhir as consent
from hub.db.engine import fetch
from hub.directory import fhir as directory
from hub.directory.queries import load_system, system_actor
from hub.fhir.outcome import handle
from hub.fhir.router import router
from hub.fhir.wiring import Wiring
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


# Where each type says whose record it is, and who else is in it: the other side of a read, for the member's trail.
_PARTIES = {
    "Patient": ("member", "id", ("source",)),
    "Consent": ("consent", "member", ("recorder",)),
    "ServiceRequest": ("service_request", "member", ("requester", "performer")),
    "Task": ("task", "member", ("requester", "owner")),
    "Procedure": ("procedure", "member", ("performer",)),
}


async def _counterparts(actor: Actor, ids: Sequence[str]) -> dict[str, str]:
    """For each member of these resources the other organization that the data came from or belongs to."""
    by_type: dict[str, list[str]] = {}
    for one in ids:
        kind, _, rest = one.partition("/")
        by_type.setdefault(kind, []).append(rest.partition("/")[0])
    found: dict[str, str] = {}
    for kind, row_ids in by_type.items():
        if kind not in _PARTIES:
            continue
        table, member, columns = _PARTIES[kind]
        marks = ", ".join("{}" for _ in row_ids)
        rows = await fetch(
            f"SELECT {member} AS whose, {', '.join(columns)} FROM {table} WHERE id IN ({marks})", *row_ids
        )
        for row in rows:
            others = [row[column] for column in columns if row[column] not in (None, actor.organization)]
            if others:
                found.setdefault(row["whose"], others[0])
    return found


async def record_read(
    actor: Actor,
    interaction: str,
    resource_type: str,
    ids: Sequence[str],
    members: Sequence[str],
    request_id: str,
    query: str | None,
    outcome: str,
    basis: str | None,
) -> None:
    """One entry for the call, and one for each member whose data went out, so that a member's trail is complete."""
    action = f"fhir:{resource_type.lower()}:{interaction}"
    detail: dict[str, Any] = {"query": query} if query else {}
    told = list(dict.fromkeys(members))
    others = await _counterparts(actor, ids) if told and outcome == "permitted" else {}
    if len(told) <= 1:
        only, member = ids[0] if len(ids) == 1 else None, told[0] if told else None
        entries = [
            Entry(action, resource_type, only, outcome=outcome, member=member, basis=basis,
                  counterpart=others.get(member or ""),
                  detail={**detail, "ids": list(ids)} if len(ids) > 1 else detail or None)
        ]  # fmt: skip
    else:
        entries = [
            Entry(action, resource_type, outcome=outcome, member=member, basis=basis,
                  counterpart=others.get(member), detail=detail or None)
            for member in told
        ]  # fmt: skip
    await record_many(actor, entries)


async def fetch_keys(url: str) -> bytes:
    """The body of a registered JWKS URL: https only, small, and not long waited for."""
    if not url.startswith("https://"):
        raise Invalid("A JWKS URL has to be https.")
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
