"""Passwords: argon2id, in a thread, so that one sign-in does not stop everybody else's pages."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

_hasher = PasswordHash((Argon2Hasher(),))


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """What an unknown name is checked against: the same work as for a known one."""
    return _hasher.hash("the password of nobody at all")


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_hasher.hash, password)


async def password_is_right(password: str, stored: str | None) -> bool:
    """Whether it is the stored password; with no stored one the same work, and no."""

    def check() -> bool:
        return _hasher.verify(password, stored or _nobodys_hash()) and stored is not None

    return await asyncio.to_thread(check)
