"""Signing in: how often one may try, and what a password and a user name must be. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

SESSION_COOKIE = "hub_session"
PASSWORD_MIN, PASSWORD_MAX = 15, 200  # NIST SP 800-63B-4, 3.1.1.2: 15 characters where it is the only factor
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}\Z")


@dataclass(frozen=True, slots=True)
class Lockout:
    """So many attempts in a window that begins with the first; then none until the lock ends."""

    attempts: int
    window: timedelta
    locked: timedelta


# NIST SP 800-63B-4, 3.2.2 allows at most 100 consecutive failures on an account. An office shares one address.
BY_NAME = Lockout(attempts=5, window=timedelta(minutes=15), locked=timedelta(minutes=15))
BY_ADDRESS = Lockout(attempts=50, window=timedelta(minutes=15), locked=timedelta(minutes=15))
BY_CLIENT = Lockout(attempts=20, window=timedelta(minutes=15), locked=timedelta(minutes=15))
"""How many refused assertions of one client the trail keeps in that time; nobody is locked out by a stranger's."""


def subject_of(kind: str, value: str) -> str:
    """The counter's key: a hash, so that what somebody typed for a name is not kept."""
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "replace")).hexdigest()


def normal_name(typed: str) -> str:
    return typed.strip().lower()


def name_problem(username: str) -> str | None:
    if _USERNAME.match(username):
        return None
    return "A user name has 2 to 100 letters, digits or . _ @ + - and begins with a letter or digit"


def password_problem(password: str, username: str) -> str | None:
    if len(password) < PASSWORD_MIN:
        return f"A password has {PASSWORD_MIN} characters or more"
    if len(password) > PASSWORD_MAX:
        return f"A password has {PASSWORD_MAX} characters or fewer"
    if username in password.lower() or len(set(password)) < 5:
        return "This password is too easy to guess"
    return None


def minutes_left(until: datetime, now: datetime) -> int:
    return max(1, -(-int((until - now).total_seconds()) // 60))
