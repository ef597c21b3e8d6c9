"""The ways into a simulated State: one password for its people, a key for each plan's system. They are random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hub.auth.accounts import hash_password
from hub.demo.keys import Key, make_key, password, write_private
from hub.simulate.stage import SCOPES
from hub.simulate.world import Side, Staff, World


@dataclass(frozen=True)
class Ways:
    """What `accounts.json` holds."""

    told: dict[str, Any]

    @property
    def password(self) -> str:
        return str(self.told["users"][0]["password"])

    @property
    def keys(self) -> dict[str, dict[str, Any]]:
        """The public key sets, by client id."""
        return {one["client_id"]: Key(one["private_jwk"]).public_set for one in self.told["systems"]}

    async def password_hash(self) -> str:
        return await hash_password(self.password)


def ways(world: World, base: str, folder: Path | None, *, make: bool) -> Ways | None:
    """Those that the folder keeps, or, to `make`, new ones, which it then keeps. None where there are none."""
    path = folder / "accounts.json" if folder else None
    if path is not None and path.exists():
        kept = Ways(msgspec.json.decode(path.read_bytes()))
        if [user["username"] for user in kept.told["users"]] == [one.username for one in world.people]:
            return kept
    if not make:
        return None
    word = password()
    found = Ways(
        {
            "base": base,
            "users": [_user(side, one, word) for side in world.sides for one in side.people],
            "systems": [_system(side) for side in world.plans if side.system],
        }
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, found.told)
    return found


def _user(side: Side, person: Staff, word: str) -> dict[str, str]:
    return {
        "username": person.username, "password": word, "role": person.role, "organization": side.name,
        "organization_id": side.id, "name": person.name,
    }  # fmt: skip


def _system(side: Side) -> dict[str, Any]:
    return {
        "client_id": side.client_id, "organization": side.name, "organization_id": side.id, "scopes": SCOPES,
        "private_jwk": make_key(side.key).private,
    }  # fmt: skip
