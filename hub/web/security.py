"""What every answer says to the browser, and the secret that signs the forms' tokens."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from litestar.config.csrf import CSRFConfig
from litestar.middleware import DefineMiddleware
from litestar.middleware.csrf import CSRFMiddleware

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
_ALWAYS = [(name.encode(), value.encode()) for name, value in {**HEADERS, "cache-control": "no-store"}.items()]


async def add_headers(message: Any, scope: Any) -> None:
    """Litestar's `before_send` hook: for pages, files and errors alike, the router's own 404 included.

    Only adds what an answer does not say itself. Works on the raw list: this runs for every answer.
    """
    if message["type"] != "http.response.start":
        return
    headers = [one for one in message["headers"] if one[0] != b"x-request-id"]
    said = {name for name, _ in headers}
    headers += [one for one in _ALWAYS if one[0] not in said]
    headers.append((b"x-request-id", request_id_of(scope).encode()))
    message["headers"] = headers


def csrf(secret: str, *, secure: bool) -> DefineMiddleware:
    """Litestar's double submit, signed. For the pages alone: the API takes no cookies."""
    config = CSRFConfig(
        secret=secret,
        cookie_name="hub_csrf",
        cookie_httponly=True,
        cookie_secure=secure,
        cookie_samesite="lax",
    )
    return DefineMiddleware(CSRFMiddleware, config=config)


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
