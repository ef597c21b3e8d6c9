"""Accounts, web sessions, login attempts; access tokens and used assertions of plans' systems."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import code, code_or_none, flag, instant, instant_or_none, key, number, text


class Account(Table, tablename="account"):
    """A person's way in. `person` is an id of the directory."""

    id = key()
    username = code(unique=True)  # lower case
    password_hash = text()  # argon2id
    person = code(unique=True)
    active = flag(default=True)
    created_at = instant()
    last_login_at = instant_or_none()


class WebSession(Table, tablename="web_session"):
    """A server-side session; only the hash of its cookie is stored."""

    id = key()
    token_hash = code(unique=True)
    account = code_or_none(index=True)
    data = text()
    expires_at = instant(index=True)


class LoginAttempt(Table, tablename="login_attempt"):
    """Failed sign-ins in a window, per name and per network address."""

    id = key()
    subject = code(unique=True)  # hash of `name:…` or `origin:…`
    failures = number(default=0)
    window_from = instant()
    locked_until = instant_or_none()


class AccessToken(Table, tablename="access_token"):
    """An opaque bearer token; only its hash is stored. A revocation holds at once."""

    id = key()
    token_hash = code(unique=True)
    system = code(index=True)  # id of the directory's system
    scopes = text()
    issued_at = instant()
    expires_at = instant()
    revoked_at = instant_or_none()


class UsedAssertion(Table, tablename="used_assertion"):
    """A jti that was seen, until it would have expired."""

    id = key()
    client_jti = code(unique=True)  # SHA-256 of client id and jti
    expires_at = instant(index=True)
