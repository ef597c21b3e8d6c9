"""The token endpoint of SMART Backend Services, and what a token stands for on each request.

Tokens are opaque and only their hash is stored, so that a revocation holds with the next request. The clients belong to
the directory: `hub.app` hands in how one is found.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qsl

import structlog
from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from hub.audit.actions import Entry, record
from hub.auth import smart_rules
from hub.auth.actions import count_attempt
from hub.auth.rules import BY_CLIENT
from hub.auth.smart_rules import ASSERTION_TYPE, Assertion, Rejected
from hub.auth.tables import AccessToken
from hub.db.engine import fetch, look_up
from hub.db.transaction import unit_of_work
from hub.fhir.headers import header
from hub.fhir.scopes import narrow
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.errors import Unauthenticated
from hub.kernel.ids import new_id

log = structlog.get_logger("hub.auth")

_MAX_FORM = 40_000
_MAX_KEY_SET = 100_000
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=\-]{1,512})", re.IGNORECASE)
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class System(Protocol):
    """What the directory knows of an API client; `scopes` are separated by spaces, `jwks` is the text of a key set."""

    @property
    def id(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def scopes(self) -> str: ...
    @property
    def jwks(self) -> str | None: ...
    @property
    def jwks_url(self) -> str | None: ...
    @property
    def active(self) -> bool: ...


@dataclass(frozen=True)
class Smart:
    """What the application hands in. `fetch_keys` gets the body of a registered JWKS URL; it is asked every time.

    `actor_of_token`: of the hash of a token, if the token holds at that time; in one query what `actor_of_system` tells
    after the token itself was looked up.
    """

    token_url: str
    token_seconds: int
    system_by_client_id: Callable[[str], Awaitable[System | None]]
    actor_of_system: Callable[[str], Awaitable[Actor | None]]
    fetch_keys: Callable[[str], Awaitable[bytes]] | None = None
    actor_of_token: Callable[[str, datetime], Awaitable[Actor | None]] | None = None


class OAuthError(Exception):
    """RFC 6749, section 5.2."""

    def __init__(self, error: str, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.error, self.words, self.status = error, words, status


def routes(smart: Smart) -> list[ControllerRouterHandler]:
    @post("/oauth/token", status_code=200, opt={"api": True}, include_in_schema=False)
    async def token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        try:
            body = await issue(smart, _form(request.headers.get("content-type"), await request.body()))
        except OAuthError as error:
            log.info("token_refused", error=error.error, reason=error.words)
            refusal = {"error": error.error, "error_description": error.words}
            return Response(refusal, status_code=error.status, media_type="application/json", headers=_NO_STORE)
        return Response(body, media_type="application/json", headers=_NO_STORE)

    return [token]


def _form(content_type: str | None, body: bytes) -> dict[str, str]:
    if (content_type or "").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "send application/x-www-form-urlencoded")
    if len(body) > _MAX_FORM:
        raise OAuthError("invalid_request", "the request is too long")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise OAuthError("invalid_request", "the form cannot be read") from None
    if len(dict(pairs)) != len(pairs):
        raise OAuthError("invalid_request", "a parameter stands twice")
    return dict(pairs)


async def issue(smart: Smart, form: dict[str, str]) -> dict[str, Any]:
    """A token for a good assertion. Raises OAuthError."""
    grant = form.get("grant_type")
    if not grant:
        raise OAuthError("invalid_request", "grant_type is missing")
    if grant != "client_credentials":
        raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")
    try:
        system, assertion = await _authenticated(smart, form)
    except Rejected as error:
        await _record_refusal(smart, form, str(error))
        raise OAuthError("invalid_client", str(error), 401) from None
    actor = await smart.actor_of_system(system.id)
    if actor is None:
        raise OAuthError("invalid_client", "the client's organization is not active", 401)
    allowed = system.scopes.split()
    scopes = list(dict.fromkeys(one for wanted in form.get("scope", "").split() for one in narrow(allowed, wanted)))
    if not scopes:
        words = "none of the scopes asked for is registered" if form.get("scope") else "scope is missing"
        raise OAuthError("invalid_scope", words)
    token = await _granted(smart, system, assertion, actor, " ".join(scopes))
    if token is None:
        raise OAuthError("invalid_client", "the assertion's jti was used before", 401)
    return {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": smart.token_seconds,
        "scope": " ".join(scopes),
    }


async def _record_refusal(smart: Smart, form: dict[str, str], words: str) -> None:
    """In the trail of the organization whose client somebody tries to be. A client that nobody knows is only logged,
    and of many refusals in a row the first are kept: the trail must not grow with what strangers send."""
    try:
        system = await smart.system_by_client_id(smart_rules.look(form.get("client_assertion", "")).issuer)
    except Rejected:
        return
    actor = await smart.actor_of_system(system.id) if system is not None else None
    if system is None or actor is None:
        return
    if await count_attempt("client", system.id, BY_CLIENT) <= BY_CLIENT.attempts:
        await record(actor, Entry("auth:token:refuse", "System", system.id, outcome="refused", basis=words))


async def _authenticated(smart: Smart, form: dict[str, str]) -> tuple[System, Assertion]:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Rejected(f"client_assertion_type must be {ASSERTION_TYPE}")
    claimed = smart_rules.look(form.get("client_assertion", ""))
    if form.get("client_id", claimed.issuer) != claimed.issuer:
        raise Rejected("client_id is not the assertion's iss")
    system = await smart.system_by_client_id(claimed.issuer)
    if system is None or not system.active:
        raise Rejected("the client is not known")
    if claimed.jku is not None and claimed.jku != system.jwks_url:
        raise Rejected("the assertion's jku is not the registered one")
    key = smart_rules.key_for(claimed, smart_rules.keys_of(await _keys(smart, system)))
    return system, smart_rules.verify(claimed, key, system.client_id, smart.token_url, clock.now())


async def _keys(smart: Smart, system: System) -> str | bytes:
    if system.jwks_url is None:
        return system.jwks or "{}"
    if smart.fetch_keys is None:
        raise Rejected("key sets by address are not switched on")
    try:
        found = await smart.fetch_keys(system.jwks_url)
    except Exception as error:
        log.warning("jwks_unreachable", system=system.id, error=type(error).__name__)
        raise Rejected("the registered key set cannot be fetched") from None
    if len(found) > _MAX_KEY_SET:
        raise Rejected("the registered key set is too long")
    return found


@unit_of_work
async def _granted(smart: Smart, system: System, assertion: Assertion, actor: Actor, scopes: str) -> str | None:
    """A new token, or None where the assertion was used before; of two at once, exactly one gets it."""
    now = clock.now()
    used = sha256(f"{assertion.client_id}\n{assertion.jti}".encode()).hexdigest()
    fresh = await fetch(
        "INSERT INTO used_assertion (id, client_jti, expires_at) VALUES ({}, {}, {})"
        " ON CONFLICT (client_jti) DO NOTHING RETURNING id",
        new_id(),
        used,
        assertion.expires_at,
    )
    if not fresh:
        return None
    token = secrets.token_urlsafe(32)
    await AccessToken.insert(
        AccessToken(
            token_hash=_hash(token),
            system=system.id,
            scopes=scopes,
            issued_at=now,
            expires_at=now + timedelta(seconds=smart.token_seconds),
        )
    )
    await record(actor, Entry("auth:token:issue", "System", system.id, detail={"scope": scopes}))
    return token


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _unauthenticated(words: str, error: str | None = "invalid_token") -> Unauthenticated:
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    return Unauthenticated(words, headers={"WWW-Authenticate": challenge})


def authenticator(smart: Smart) -> Callable[[Request[Any, Any, Any]], Awaitable[Actor]]:
    """Who sends a request, by its bearer token; looked up each time, so that a revocation holds at once."""

    async def authenticate(request: Request[Any, Any, Any]) -> Actor:
        sent = header(request.scope["headers"], b"authorization")
        if sent is None:
            raise _unauthenticated("An access token is needed.", None)
        match = _BEARER.fullmatch(sent.strip())
        if match is None:
            raise _unauthenticated("Authorization is written: Bearer and the access token.")
        return await actor_of_token(smart, match[1], clock.now())

    return authenticate


async def actor_of_token(smart: Smart, token: str, now: datetime) -> Actor:
    find = smart.actor_of_token or _in_two_steps(smart)
    actor = await find(_hash(token), now)
    if actor is None:
        raise _unauthenticated("The access token is not valid, or no longer.")
    return actor


def _in_two_steps(smart: Smart) -> Callable[[str, datetime], Awaitable[Actor | None]]:
    async def find(token_hash: str, now: datetime) -> Actor | None:
        rows = await look_up(
            "SELECT t.system, t.scopes FROM access_token t"
            " WHERE t.token_hash = {} AND t.revoked_at IS NULL AND t.expires_at > {}",
            token_hash,
            now,
        )
        actor = await smart.actor_of_system(rows[0]["system"]) if rows else None
        return replace(actor, scopes=tuple(rows[0]["scopes"].split())) if actor else None

    return find


@unit_of_work
async def revoke(actor: Actor, system_id: str) -> int:
    """End all tokens of a system, with its next request. Returns how many there were."""
    ended = await (
        AccessToken.update({AccessToken.revoked_at: clock.now()})
        .where(AccessToken.system == system_id, AccessToken.revoked_at.is_null())
        .returning(AccessToken.id)
    )
    await record(actor, Entry("auth:token:revoke", "System", system_id, detail={"tokens": len(ended)}))
    return len(ended)


@unit_of_work
async def forget_expired(now: datetime) -> None:
    """For a job: assertions that can no longer come again, and tokens long past."""
    await fetch("DELETE FROM used_assertion WHERE expires_at < {}", now - timedelta(minutes=1))
    await fetch("DELETE FROM access_token WHERE expires_at < {}", now - timedelta(days=1))
