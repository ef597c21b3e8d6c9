"""A registered system with a token, without a socket: `poppy = await system_of(web, cast.poppy)`."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx

from hub.auth.tables import AccessToken
from hub.directory.actions import add_system
from hub.kernel import clock
from hub.kernel.actor import HUB
from tests.story.system import SCOPES


@dataclass
class Api:
    http: httpx.AsyncClient
    token: str
    system: str = ""

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {"Content-Type": "application/fhir+json"} if content is not None else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(
            method,
            f"/fhir{path}",
            content=content,
            headers={"Authorization": f"Bearer {self.token}", **kind, **named},
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.send("POST", path, body, **headers)

    async def put(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.send("PUT", path, body, **headers)


async def system_of(web: Any, organization: str, scopes: str = SCOPES) -> Api:
    """The sign-in by assertion has tests of its own; here the token is there already."""
    system = await add_system(HUB, organization, "Care management", f"client-{secrets.token_hex(4)}", scopes, "{}")
    return Api(web.http, await token_for(system, scopes), system)


async def token_for(system: str, scopes: str = SCOPES) -> str:
    token, now = secrets.token_urlsafe(16), clock.now()
    await AccessToken.insert(
        AccessToken(
            token_hash=sha256(token.encode()).hexdigest(),
            system=system,
            scopes=scopes,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
        )
    )
    return token
