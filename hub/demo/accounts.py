"""The ways in: passwords of the demonstration users and keys of the plans' systems. Random on every set-up."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.auth.actions import create_account
from hub.demo.people import DEMONSTRATION_USERS, PLANS, local_part
from hub.demo.world import World, client_of
from hub.kernel.actor import HUB

_FIRST, _THEN = "bdfgklmnprstvz", "aeiou"
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


@dataclass(frozen=True, slots=True)
class Key:
    """A system's key as a private JWK, with its key id and algorithm."""

    private: dict[str, Any]

    @property
    def public(self) -> dict[str, Any]:
        return {name: value for name, value in self.private.items() if name not in _PRIVATE} | {"key_ops": ["verify"]}


def make_keys() -> dict[str, Key]:
    """One for each plan with a system, by the plan's key."""
    return {plan.key: _key(plan.key, plan.algorithm) for plan in PLANS if plan.system}


def _key(name: str, algorithm: str) -> Key:
    if algorithm == "ES384":
        jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    else:
        jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    kid = f"{name}-{secrets.token_hex(4)}"
    return Key({**jwk, "kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["sign"]})


def public_sets(keys: dict[str, Key]) -> dict[str, dict[str, Any]]:
    return {name: {"keys": [key.public]} for name, key in keys.items()}


def password() -> str:
    """About 49 bits that one can read out: `tamo-kivu-reba-soli`."""
    return "-".join("".join(secrets.choice(_FIRST) + secrets.choice(_THEN) for _ in "12") for _ in "1234")


async def open_accounts(world: World) -> list[dict[str, str]]:
    """Accounts of the demonstration users, as `accounts.json` lists them."""
    users = []
    for name, role in DEMONSTRATION_USERS:
        person, secret = world.person(name), password()
        username = local_part(name)
        await create_account(HUB, person.id, username, secret)
        users.append(
            {"username": username, "password": secret, "role": role, "organization": person.organization_name,
             "organization_id": person.home, "name": name}
        )  # fmt: skip
    return users


def systems(world: World, keys: dict[str, Key]) -> list[dict[str, Any]]:
    return [
        {
            "client_id": client_of(plan),
            "organization": plan.name,
            "organization_id": world.sides[plan.key].id,
            "scopes": plan.scopes,
            "private_jwk": keys[plan.key].private,
        }
        for plan in PLANS
        if plan.system
    ]


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for nobody else to read."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
