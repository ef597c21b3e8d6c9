"""Reads of accounts and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.auth.rules import normal_name, subject_of
from hub.auth.tables import Account, LoginAttempt, WebSession


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: str
    username: str
    person: str
    active: bool
    password_hash: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    account: str | None
    data: str
    expires_at: datetime


async def account_named(username: str) -> AccountRow | None:
    found = await (
        Account.select(Account.id, Account.username, Account.person, Account.active, Account.password_hash)
        .where(Account.username == normal_name(username)[:128])
        .first()
    )
    return AccountRow(**found) if found else None


async def account_of(person: str) -> AccountRow | None:
    found = await (
        Account.select(Account.id, Account.username, Account.person, Account.active, Account.password_hash)
        .where(Account.person == person)
        .first()
    )
    return AccountRow(**found) if found else None


async def session_of(token_hash: str, now: datetime) -> SessionRow | None:
    """A session that has not ended. Ending an account's access deletes its sessions."""
    found = await (
        WebSession.select(WebSession.account, WebSession.data, WebSession.expires_at)
        .where(WebSession.token_hash == token_hash, WebSession.expires_at > now)
        .first()
    )
    return SessionRow(**found) if found else None


async def locked_until(kind: str, value: str) -> datetime | None:
    found = await (
        LoginAttempt.select(LoginAttempt.locked_until).where(LoginAttempt.subject == subject_of(kind, value)).first()
    )
    return found["locked_until"] if found else None
