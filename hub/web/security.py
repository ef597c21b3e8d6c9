"""What every answer says to the browser, and the secret that signs the forms' tokens."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from litestar.config.csrf import CSRFConfig
from litestar.datastructures import MutableScopeHeaders

from hub.web.page import request_id_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


async def add_headers(message: Any, scope: Any) -> None:
    """Litestar's `before_send` hook: for pages, files and errors alike, the router's own 404 included."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers["x-request-id"] = request_id_of(scope)
    headers.setdefault("cache-control", "no-store")


def csrf(secret: str, *, secure: bool) -> CSRFConfig:
    """Litestar's double submit, signed. The API is left out: it takes no cookies."""
    return CSRFConfig(
        secret=secret,
        cookie_name="hub_csrf",
        cookie_httponly=True,
        cookie_secure=secure,
        cookie_samesite="lax",
        exclude=["^/fhir(/|$)", "^/oauth(/|$)"],
    )


def secret_of(file: Path) -> str:
    """The secret kept in this file, made on first use; workers that start at once agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32), "ascii")
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text("ascii").strip()
