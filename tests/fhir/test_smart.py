"""The token endpoint: fhir.md, sections 4 and 6 C."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from litestar import Litestar, Request, get

from hub.auth.smart import Smart, authenticator, forget_expired, revoke, routes
from hub.auth.smart_rules import ASSERTION_TYPE
from hub.db.engine import fetch_value
from hub.fhir.outcome import handle
from hub.kernel import clock
from hub.kernel.actor import HUB, Actor
from tests.conftest import NOW

TOKEN_URL = "http://hub.test/oauth/token"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
OTHER_KEY = ec.generate_private_key(ec.SECP384R1())
KEYS: dict[str, Any] = {"RS384": RSA_KEY, "ES384": EC_KEY}


def public(key: Any, algorithm: str, kid: str, **more: str) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, **more}  # type: ignore[dict-item]


JWKS = json.dumps({"keys": [
    public(RSA_KEY, "RS384", "RS384"), public(EC_KEY, "ES384", "ES384", use="sig"),
    public(EC_KEY, "ES384", "twice"), public(OTHER_KEY, "ES384", "twice"), public(EC_KEY, "ES384", "enc", use="enc"),
    {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"}, {"kty": "EC", "kid": "broken"},
]})  # fmt: skip


@dataclass
class Client:
    id: str = "system-1"
    client_id: str = "plan-client"
    scopes: str = "system/Task.cruds system/Patient.rs"
    jwks: str | None = JWKS
    jwks_url: str | None = None
    active: bool = True


@dataclass
class Tokens:
    http: httpx.AsyncClient
    client: Client
    actor: Actor
    known: bool = True
    fetched: list[str] = field(default_factory=list)
    jtis: int = 0

    def claims(self, **changes: Any) -> dict[str, Any]:
        self.jtis += 1
        found = {
            "iss": "plan-client", "sub": "plan-client", "aud": TOKEN_URL, "jti": f"jti-{self.jtis}",
            "exp": int((clock.now() + timedelta(minutes=5)).timestamp()), **changes,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    def sign(self, claims: dict[str, Any], algorithm: str = "ES384", key: Any = None, **headers: Any) -> str:
        return jwt.encode(claims, key or KEYS[algorithm], algorithm, headers={"kid": algorithm, **headers})

    async def ask(self, assertion: str, **changes: Any) -> httpx.Response:
        form = {
            "grant_type": "client_credentials", "scope": "system/Task.rs", "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion, **changes,
        }  # fmt: skip
        return await self.http.post("/oauth/token", data={k: v for k, v in form.items() if v is not None})

    async def token(self, **changes: Any) -> str:
        return str((await self.ask(self.sign(self.claims()), **changes)).json()["access_token"])

    async def whoami(self, token: str) -> httpx.Response:
        return await self.http.get("/whoami", headers={"Authorization": f"Bearer {token}"})


@pytest_asyncio.fixture
async def tokens(cast: Any) -> AsyncIterator[Tokens]:
    async def by_client_id(client_id: str) -> Client | None:
        return tokens.client if client_id == tokens.client.client_id else None

    async def actor_of(system_id: str) -> Actor | None:
        return tokens.actor if tokens.known else None

    async def fetch_keys(url: str) -> bytes:
        tokens.fetched.append(url)
        if "down" in url:
            raise OSError
        return JWKS.encode()

    smart = Smart(TOKEN_URL, 300, by_client_id, actor_of, fetch_keys)
    authenticate = authenticator(smart)

    @get("/whoami")
    async def whoami(request: Request[Any, Any, Any]) -> list[str]:
        return list((await authenticate(request)).scopes)

    app = Litestar([*routes(smart), whoami], exception_handlers={Exception: handle}, openapi_config=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub.test") as http:
        tokens = Tokens(http, Client(), cast.poppy_system)
        yield tokens


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_a_good_assertion_gets_a_token_for_five_minutes(tokens: Tokens, algorithm: str) -> None:
    answer = await tokens.ask(tokens.sign(tokens.claims(), algorithm, typ="JWT"))
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 300, "system/Task.rs")
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (await tokens.whoami(body["access_token"])).json() == ["system/Task.rs"]
    assert await fetch_value("SELECT count(*) FROM access_token WHERE token_hash = {}", body["access_token"]) == 0


async def test_each_check_of_an_assertion_holds(tokens: Tokens) -> None:
    def at(seconds: float) -> int:
        return int((clock.now() + timedelta(seconds=seconds)).timestamp())

    c, s = tokens.claims, tokens.sign
    bad = {
        "wrong aud": s(c(aud="http://hub.test/fhir")),
        "no aud": s(c(aud=None)),
        "iss is not sub": s(c(sub="somebody")),
        "no sub": s(c(sub=None)),
        "expired": s(c(exp=at(0))),
        "too far ahead": s(c(exp=at(301))),
        "no exp": s(c(exp=None)),
        "exp is no number": s(c(exp=True)),
        "not yet": s(c(nbf=at(200))),
        "no jti": s(c(jti=None)),
        "empty jti": s(c(jti="")),
        "unknown kid": s(c(), kid="nobody"),
        "two keys with one kid": s(c(), kid="twice"),
        "no kid": jwt.encode(c(), EC_KEY, "ES384"),
        "a key for encryption": s(c(), kid="enc"),
        "kid of another kind": s(c(), kid="RS384"),
        "kid of a broken key": s(c(), kid="broken"),
        "another's key": s(c(), key=OTHER_KEY),
        "alg none": jwt.encode(c(), None, "none", headers={"kid": "ES384"}),
        "HS256": jwt.encode(c(), "x" * 64, "HS256", headers={"kid": "oct"}),
        "HS384 with the public key": jwt.encode(c(), JWKS[:64], "HS384", headers={"kid": "RS384"}),
        "RS256": s(c(), "RS256", RSA_KEY, kid="RS384"),
        "unknown client": s(c(iss="nobody", sub="nobody")),
        "foreign jku": s(c(), jku="https://elsewhere.example/jwks"),
        "changed after signing": s(c())[:-6] + "AAAAAA",
        "garbage": "a.b.c",
        "nothing": "",
        "endless": "x" * 17_000,
    }
    for what, assertion in bad.items():
        answer = await tokens.ask(assertion)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), what
        assert answer.headers["cache-control"] == "no-store"
    assert await fetch_value("SELECT count(*) FROM access_token") == 0


async def test_an_assertion_is_good_once(tokens: Tokens) -> None:
    assertion = tokens.sign(tokens.claims())
    answers = await asyncio.gather(*(tokens.ask(assertion) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401, 401]
    await forget_expired(clock.now())
    assert (await tokens.ask(assertion)).status_code == 401


async def test_a_wrong_request_says_what_is_wrong(tokens: Tokens) -> None:
    for changes, status, error in (
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"scope": "system/Organization.rs"}, 400, "invalid_scope"),
        ({"scope": None}, 400, "invalid_scope"),
        ({"scope": "system/Task.sr"}, 400, "invalid_scope"),
        ({"client_assertion_type": "x"}, 401, "invalid_client"),
        ({"client_id": "another"}, 401, "invalid_client"),
    ):
        answer = await tokens.ask(tokens.sign(tokens.claims()), **changes)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]) == (status, error), changes
    assert (await tokens.http.post("/oauth/token", json={})).json()["error"] == "invalid_request"
    twice = "grant_type=client_credentials&grant_type=client_credentials"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await tokens.http.post("/oauth/token", content=twice, headers=kind)).json()["error"] == "invalid_request"


async def test_a_wish_for_more_gets_what_is_registered(tokens: Tokens) -> None:
    answer = await tokens.ask(tokens.sign(tokens.claims()), scope="system/*.rs system/Task.u system/Organization.rs")
    assert answer.json()["scope"] == "system/Task.rs system/Patient.rs system/Task.u"


async def test_a_revocation_holds_with_the_next_request(tokens: Tokens) -> None:
    token = await tokens.token()
    assert (await tokens.whoami(token)).status_code == 200
    assert await revoke(HUB, "system-1") == 1
    refused = await tokens.whoami(token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_ends_with_its_time_or_its_client(tokens: Tokens) -> None:
    token = await tokens.token()
    with clock.set_to(NOW + timedelta(seconds=299)):
        assert (await tokens.whoami(token)).status_code == 200
    with clock.set_to(NOW + timedelta(seconds=300)):
        assert (await tokens.whoami(token)).status_code == 401
    tokens.known = False
    assert (await tokens.whoami(token)).status_code == 401
    assert (await tokens.ask(tokens.sign(tokens.claims()))).status_code == 401
    for header in ("Bearer", "Basic abc", "Bearer a b", "Bearer nonsense"):
        assert (await tokens.http.get("/whoami", headers={"Authorization": header})).status_code == 401
    assert (await tokens.http.get("/whoami")).headers["www-authenticate"] == "Bearer"


async def test_an_inactive_client_gets_nothing(tokens: Tokens) -> None:
    tokens.client.active = False
    assert (await tokens.ask(tokens.sign(tokens.claims()))).json()["error"] == "invalid_client"


async def test_keys_may_lie_at_the_registered_address(tokens: Tokens) -> None:
    tokens.client.jwks, tokens.client.jwks_url = None, "https://plan.example/jwks"
    assert (await tokens.ask(tokens.sign(tokens.claims(), jku="https://plan.example/jwks"))).status_code == 200
    assert (await tokens.ask(tokens.sign(tokens.claims()))).status_code == 200
    assert tokens.fetched == ["https://plan.example/jwks"] * 2  # never cached
    tokens.client.jwks_url = "https://down.example/jwks"
    assert (await tokens.ask(tokens.sign(tokens.claims()))).json()["error"] == "invalid_client"


async def test_each_token_is_in_the_audit_trail(tokens: Tokens) -> None:
    await tokens.token()
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE action = {}", "auth:token:issue") == 1


async def test_the_trail_keeps_the_first_refusals_of_a_client_and_none_of_strangers(tokens: Tokens) -> None:
    for _ in range(25):
        assert (await tokens.ask(tokens.sign(tokens.claims(aud="https://elsewhere.example")))).status_code == 401
    counted = "SELECT count(*) FROM audit_entry WHERE action = 'auth:token:refuse'"
    assert await fetch_value(counted) == 20
    tokens.known = False
    assert (await tokens.ask(tokens.sign(tokens.claims()))).status_code == 401
    assert await fetch_value(counted) == 20
