"""Web sessions: Litestar's server-side sessions on our own table, so that they are revocable and shared by workers.

Only a hash of the cookie is stored. A session is written when it changed, and now and then to renew it; never for a
visitor who has not signed in. What a browser presents is never adopted as the id of a new session.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.middleware import ASGIMiddleware
from litestar.middleware.session.server_side import ServerSideSessionBackend, ServerSideSessionConfig
from litestar.stores.base import Store
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from hub.auth.actions import LoadUser, end_session, save_session
from hub.auth.queries import SessionRow, session_of
from hub.auth.rules import SESSION_COOKIE
from hub.kernel import clock
from hub.web.page import WebRequest, current_scope, request_id_of, state_of

RENEW_AFTER = 1 / 20  # of the session's life: an active session costs a write every half hour, not every page
STORE = "web_sessions"


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class SessionStore(Store):
    """Litestar's interface to the table. The account stands in a column of its own, to end all its sessions at once."""

    async def row(self, key: str) -> SessionRow | None:
        return await session_of(token_hash(key), clock.now())

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        text = value.decode() if isinstance(value, bytes) else value
        account = msgspec.json.decode(text).get("account")
        new = await self.row(key) is None
        await save_session(token_hash(key), account, text, _end(expires_in), new=new)

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> bytes | None:
        found = await self.row(key)
        if found is None:
            return None
        if renew_for is not None:
            await save_session(token_hash(key), found.account, found.data, _end(renew_for), new=False)
        return found.data.encode()

    async def delete(self, key: str) -> None:
        await end_session(token_hash(key))

    async def delete_all(self) -> None:
        raise NotImplementedError("sessions end one by one, or with their account")

    async def exists(self, key: str) -> bool:
        return await self.row(key) is not None

    async def expires_in(self, key: str) -> int | None:
        found = await self.row(key)
        return int((found.expires_at - clock.now()).total_seconds()) if found else None


def _end(expires_in: int | timedelta | None) -> datetime:
    life = expires_in if isinstance(expires_in, timedelta) else timedelta(seconds=expires_in or 0)
    return clock.now() + life


class SessionBackend(ServerSideSessionBackend):
    async def load_from_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> dict[str, Any]:
        token = connection.cookies.get(self.config.key)
        store = self.config.get_store_from_app(connection.scope["app"])
        row = await store.row(token) if token and isinstance(store, SessionStore) else None
        state_of(connection.scope)["session"] = (token, row)
        return msgspec.json.decode(row.data, type=dict[str, Any]) if row else {}

    def get_session_id(self, connection: ASGIConnection[Any, Any, Any, Any]) -> str:
        token, row = state_of(connection.scope).get("session", (None, None))
        return token if token and row else self.generate_session_id()

    async def store_in_message(
        self, scope_session: Any, message: Message, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> None:
        state = state_of(connection.scope)
        token, row = state.get("session", (None, None))
        session = scope_session if isinstance(scope_session, dict) else {}
        fresh = bool(state.get("new_session"))
        if not session or fresh:
            if row is not None:
                await end_session(token_hash(token))
            if not session:
                if token:
                    self._set_cookie(message, "null", max_age=0)
                return
            row = None
        if row is None and "account" not in session:
            return  # nobody has signed in: nothing to keep
        data = msgspec.json.encode(session).decode()
        life = timedelta(seconds=self.config.max_age)
        if row is not None and data == row.data and row.expires_at - clock.now() > life * (1 - RENEW_AFTER):
            return
        token = token if row is not None else self.generate_session_id()
        await save_session(token_hash(token), session.get("account"), data, clock.now() + life, new=row is None)
        self._set_cookie(message, token, max_age=None)

    def _set_cookie(self, message: Message, value: str, max_age: int | None) -> None:
        """Without an age: the cookie goes with the browser, and the row with the idle time."""
        config = self.config
        cookie = Cookie(
            key=config.key, value=value, max_age=max_age, path="/",
            secure=config.secure, httponly=True, samesite="lax",
        )  # fmt: skip
        MutableScopeHeaders.from_message(message).add("Set-Cookie", cookie.to_header(header=""))


@dataclass
class SessionConfig(ServerSideSessionConfig):
    _backend_class = SessionBackend


def session_config(*, hours: int, secure: bool) -> SessionConfig:
    return SessionConfig(
        key=SESSION_COOKIE,
        max_age=hours * 3600,
        secure=secure,
        store=STORE,
        exclude=["^/static(/|$)", "^/health$"],
    )


def begin(request: WebRequest, account: str, person: str) -> None:
    """A new session under a new id; the old one, if any, ends."""
    request.scope["session"] = {"account": account, "person": person}
    state_of(request.scope)["new_session"] = True


class WhoAsks(ASGIMiddleware):
    """Puts the signed-in person, as the directory knows them today, into the request."""

    def __init__(self, load_user: LoadUser) -> None:
        self.load_user = load_user

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        current_scope.set(scope)
        session = scope.get("session")
        person = session.get("person") if isinstance(session, dict) else None
        if person:
            actor = await self.load_user(person)
            if actor is None:
                scope["session"] = {}  # no longer with us: the session ends with this answer
            else:
                client = scope.get("client")
                origin = client[0] if client else ""
                state_of(scope)["actor"] = actor.in_request(request_id_of(scope), origin)
        await next_app(scope, receive, send)
