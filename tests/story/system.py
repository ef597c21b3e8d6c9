"""A plan's system: registered with its key, it gets a token by a signed assertion and uses a public FHIR client."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fhirpy import AsyncFHIRClient
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.directory.actions import add_system
from hub.kernel import clock
from hub.kernel.actor import HUB

SCOPES = "system/Patient.crus system/Consent.crus system/ServiceRequest.crus system/Task.crus system/Procedure.crus"


@dataclass
class PlanSystem:
    """One API client of one organization."""

    base: str
    client_id: str
    algorithm: str
    key: Any
    kid: str = "key-1"
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def assertion(self, **changes: Any) -> str:
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": f"{self.base}/oauth/token",
            "exp": now + 240,
            "jti": str(uuid4()),
        }
        return jwt.encode({**claims, **changes}, self.key, algorithm=self.algorithm, headers={"kid": self.kid})

    async def ask_token(self, scope: str = SCOPES, **changes: Any) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.post(
                f"{self.base}/oauth/token",
                data={
                    "grant_type": "client_credentials",
                    "scope": scope,
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "client_assertion": self.assertion(**changes),
                },
            )

    async def sign_in(self) -> PlanSystem:
        answer = await self.ask_token()
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}
        return self

    @property
    def fhir(self) -> AsyncFHIRClient:
        return AsyncFHIRClient(f"{self.base}/fhir", authorization=f"Bearer {self.token}")

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Plain HTTP, for looking at status, headers and OperationOutcome."""
        async with httpx.AsyncClient() as http:
            return await http.post(
                f"{self.base}/fhir{path}",
                content=json.dumps(body),
                headers={**self.headers, "Content-Type": "application/fhir+json", **headers},
            )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.get(f"{self.base}/fhir{path}", headers={**self.headers, **headers})


async def register(
    base: str, organization: str, algorithm: str = "ES384", client_id: str = "golden-poppy-care"
) -> PlanSystem:
    """Make a key, register its public half, and sign in."""
    key: Any
    if algorithm == "ES384":
        key = ec.generate_private_key(ec.SECP384R1())
        public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    jwks = json.dumps({"keys": [{**public, "kid": "key-1", "alg": algorithm, "use": "sig"}]})
    await add_system(HUB, organization, "Care management", client_id, SCOPES, jwks)
    return await PlanSystem(base, client_id, algorithm, key).sign_in()
