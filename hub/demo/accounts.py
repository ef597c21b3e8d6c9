"""The ways in: passwords of the demonstration users and keys of the plans' systems. Random on every set-up."""

from __future__ import annotations

from typing import Any

from hub.auth.actions import create_account
from hub.demo.keys import Key, make_key, password
from hub.demo.people import DEMONSTRATION_USERS, PLANS, local_part
from hub.demo.world import World, client_of
from hub.kernel.actor import HUB


def make_keys() -> dict[str, Key]:
    """One for each plan with a system, by the plan's key."""
    return {plan.key: make_key(plan.key, plan.algorithm) for plan in PLANS if plan.system}


def public_sets(keys: dict[str, Key]) -> dict[str, dict[str, Any]]:
    return {name: key.public_set for name, key in keys.items()}


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
