"""Passwords to read out, keys for plans' systems, and the file that keeps them."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

_FIRST, _THEN = "bdfgklmnprstvz", "aeiou"
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


@dataclass(frozen=True, slots=True)
class Key:
    """A system's key as a private JWK, with its key id and algorithm."""

    private: dict[str, Any]

    @property
    def public(self) -> dict[str, Any]:
        return {name: value for name, value in self.private.items() if name not in _PRIVATE} | {"key_ops": ["verify"]}

    @property
    def public_set(self) -> dict[str, Any]:
        return {"keys": [self.public]}


def make_key(name: str, algorithm: str = "ES384") -> Key:
    if algorithm == "ES384":
        jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    else:
        jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    kid = f"{name}-{secrets.token_hex(4)}"
    return Key({**jwk, "kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["sign"]})


def password() -> str:
    """About 49 bits that one can read out: `tamo-kivu-reba-soli`."""
    return "-".join("".join(secrets.choice(_FIRST) + secrets.choice(_THEN) for _ in "12") for _ in "1234")


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for nobody else to read."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
