"""SMART Backend Services: what makes a signed assertion acceptable. Pure; the time comes in as an argument.

fhir.md, section 4 and checklist C: the signature by exactly one registered key; issuer and subject the client; audience
the token address; expiry at most five minutes ahead and not past; an id that is used once (the caller keeps those).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE = timedelta(minutes=5)
MAX_ASSERTION = 16_000
MAX_JTI = 256
_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 8192
_OURS_TO_CHECK = [f"verify_{name}" for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")]
_KEY_TYPES = {"RS384": "RSA", "ES384": "EC"}


class Rejected(Exception):
    """`invalid_client`; the words say which check failed, for the client's developer."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """What an assertion claims before its signature was looked at: only to find the client's keys."""

    text: str
    algorithm: str
    key_id: str
    issuer: str
    jku: str | None


@dataclass(frozen=True, slots=True)
class Assertion:
    client_id: str
    jti: str
    expires_at: datetime


def look(text: str) -> Unverified:
    """Raises Rejected for what is no assertion with a key id and a known algorithm."""
    if len(text) > MAX_ASSERTION:
        raise Rejected("the assertion is too long")
    try:
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, algorithms=list(_KEY_TYPES), options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Rejected("the assertion is not a signed JWT") from None
    algorithm, key_id, jku, issuer = header.get("alg"), header.get("kid"), header.get("jku"), claims.get("iss")
    if algorithm not in _KEY_TYPES:
        raise Rejected("the assertion must be signed with RS384 or ES384")
    if not isinstance(key_id, str) or not key_id:
        raise Rejected("the assertion's header has no kid")
    if not isinstance(issuer, str) or not issuer or "\x00" in issuer:
        raise Rejected("the assertion has no iss")
    if jku is not None and not isinstance(jku, str):
        raise Rejected("the assertion's jku is not the registered one")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise Rejected("the assertion's typ must be JWT")
    return Unverified(text, algorithm, key_id, issuer, jku)


def keys_of(text: str | bytes) -> Sequence[Mapping[str, Any]]:
    """The keys of a JWKS. Raises Rejected."""
    try:
        keys = json.loads(text)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Rejected("the registered key set cannot be read") from None
    if not isinstance(keys, list):
        raise Rejected("the registered key set cannot be read")
    return [one for one in keys if isinstance(one, dict)]


def key_for(assertion: Unverified, keys: Sequence[Mapping[str, Any]]) -> Any:
    """The one key with this id, of the kind that the algorithm needs. None or several: rejected."""
    named = [one for one in keys if one.get("kid") == assertion.key_id]
    if len(named) != 1:
        raise Rejected("not exactly one registered key has the assertion's kid")
    key = named[0]
    if key.get("kty") != _KEY_TYPES[assertion.algorithm] or key.get("use", "sig") != "sig":
        raise Rejected("the registered key is not of the kind that the algorithm needs")
    public = {name: value for name, value in key.items() if name in ("kty", "kid", "n", "e", "crv", "x", "y")}
    try:
        found = jwt.PyJWK.from_dict(public, assertion.algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Rejected("the registered key cannot be used") from None
    if isinstance(found, RSAPublicKey) and not _MIN_RSA_BITS <= found.key_size <= _MAX_RSA_BITS:
        raise Rejected("the registered key is too weak")
    if isinstance(found, EllipticCurvePublicKey) and found.curve.name != "secp384r1":
        raise Rejected("ES384 needs a key on the curve P-384")
    return found


def verify(assertion: Unverified, key: Any, client_id: str, token_url: str, now: datetime) -> Assertion:
    """Raises Rejected. The library's own clock is not asked: the hub has one."""
    options: Any = dict.fromkeys(_OURS_TO_CHECK, False)
    try:
        claims = jwt.decode(assertion.text, key, algorithms=[assertion.algorithm], options=options)
    except (jwt.PyJWTError, ValueError):
        raise Rejected("the assertion's signature does not fit the registered key") from None
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise Rejected("iss and sub must both be the client id")
    audience = claims.get("aud")
    if token_url not in (audience if isinstance(audience, list) else [audience]):
        raise Rejected(f"aud must be {token_url}")
    expires = _time(claims.get("exp"))
    if expires is None:
        raise Rejected("the assertion has no exp")
    if expires <= now:
        raise Rejected("the assertion has expired")
    if expires > now + LONGEST_LIFE:
        raise Rejected("exp lies more than five minutes ahead")
    if "nbf" in claims and ((start := _time(claims["nbf"])) is None or start > now + timedelta(minutes=1)):
        raise Rejected("the assertion is not valid yet")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI:
        raise Rejected("the assertion has no jti")
    return Assertion(client_id, jti, expires)


def _time(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
