"""Plans' and counties' systems that write at once, and what they were told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from hub.kernel import clock
from hub.kernel.jsontext import encode
from hub.referrals import document
from hub.referrals.rules import Service
from tests.faults.hubs import Ground, until
from tests.story import adapt

IDENTIFIER = "urn:ihss-hub:test:sent"  # by it a referral of which nothing was heard is found
JSON = {"Content-Type": "application/fhir+json"}


@dataclass(frozen=True)
class Acknowledged:
    """A version of a resource that a client was told is stored; `text` where it was sent back."""

    resource_type: str
    id: str
    version: int
    text: str | None = None


@dataclass
class Ledger:
    """What all clients together were told."""

    stored: list[Acknowledged] = field(default_factory=list)
    bundles: list[list[Acknowledged]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    cut_off: int = 0  # requests of which nothing was heard
    refusals: list[httpx.Response] = field(default_factory=list)
    moment: int = 0
    strike: Callable[[], object] = lambda: None

    @property
    def count(self) -> int:
        """Acknowledged requests."""
        return self.statuses[200] + self.statuses[201]

    def at(self, moment: int, strike: Callable[[], object]) -> None:
        """At that acknowledgement, before anybody does anything else."""
        self.moment, self.strike = moment, strike

    def hear(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 300:
            self.refusals.append(answer)
            raise Refused(answer.text)
        if self.count == self.moment:
            self.strike()


@dataclass
class Client:
    """One connection of a system. `choice` makes its way the same in every run."""

    http: httpx.AsyncClient
    ground: Ground
    ledger: Ledger
    number: int
    choice: random.Random = field(default_factory=random.Random)
    sent: int = 0

    async def work(self, go_on: Callable[[], bool]) -> None:
        steps: list[Callable[[], Awaitable[Any]]] = [
            self.in_two_requests, self.in_one_bundle, self.about_a_newcomer, self.answered, self.withdrawn,
        ]  # fmt: skip
        while go_on():
            try:
                await self.choice.choice(steps)()
            except Refused:
                await asyncio.sleep(0.05)
            except httpx.TransportError:
                self.ledger.cut_off += 1
                return

    async def in_two_requests(self) -> dict[str, Any]:
        """A ServiceRequest, then its Task."""
        request, task = self.documents()
        stored = await self.send("POST", "/ServiceRequest", request)
        task["focus"] = {"reference": f"ServiceRequest/{stored['id']}"}
        return await self.send("POST", "/Task", task)

    async def in_one_bundle(self) -> None:
        request, task = self.documents()
        urn = f"urn:uuid:{uuid4()}"
        task["focus"] = {"reference": urn}
        await self.send_bundle([(None, task), (urn, request)])

    async def about_a_newcomer(self) -> None:
        """Patient, Consent, ServiceRequest and Task at once."""
        cin = f"9{self.number:02}{self.sent:05}C"
        bundle = adapt.adapt(adapt.load("ours"), cin=cin, plan=self.ground.plan, county=self.ground.county)
        mark = self._mark()
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] in ("ServiceRequest", "Task"):
                entry["resource"]["identifier"] = mark
        await self._keep_bundle(await self._answer("POST", "", bundle))

    async def answered(self) -> None:
        """The county's system accepts, and works on it."""
        task = await self.in_two_requests()
        for status in ("accepted", "in-progress"):
            task = await self.send(
                "PUT", f"/Task/{task['id']}", {**task, "status": status}, token=self.ground.county_token
            )

    async def withdrawn(self) -> None:
        task = await self.in_two_requests()
        reason = {"text": "Asked twice."}
        await self.send("PUT", f"/Task/{task['id']}", {**task, "status": "cancelled", "statusReason": reason})

    async def send(self, method: str, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        answer = await self._answer(method, path, body, token)
        found: dict[str, Any] = answer.json()
        told = Acknowledged(found["resourceType"], found["id"], int(found["meta"]["versionId"]), answer.text)
        self.ledger.stored.append(told)
        return found

    async def send_bundle(self, entries: list[tuple[str | None, dict[str, Any]]]) -> None:
        body = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    **({"fullUrl": urn} if urn else {}),
                    "resource": resource,
                    "request": {"method": "POST", "url": resource["resourceType"]},
                }
                for urn, resource in entries
            ],
        }
        await self._keep_bundle(await self._answer("POST", "", body))

    async def _keep_bundle(self, answer: httpx.Response) -> None:
        told = []
        for entry in answer.json()["entry"]:
            kind, row_id, _, version = entry["response"]["location"].split("/")[-4:]
            told.append(Acknowledged(kind, row_id, int(version)))
        self.ledger.stored += told
        self.ledger.bundles.append(told)

    async def _answer(self, method: str, path: str, body: Any, token: str | None = None) -> httpx.Response:
        headers = {**JSON, "Authorization": f"Bearer {token or self.ground.plan_token}"}
        answer = await self.http.request(method, f"/fhir{path}", content=encode(body), headers=headers)
        self.ledger.hear(answer)
        return answer

    def _mark(self) -> list[dict[str, str]]:
        self.sent += 1
        return [{"system": IDENTIFIER, "value": f"{self.number}-{self.sent}"}]

    def documents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        ground, at, mark = self.ground, clock.now(), self._mark()
        request = document.service_request(
            member=ground.member, service=Service.IHSS_APPLICATION, requester=ground.plan, performer=ground.county,
            at=at, need="Cannot bathe or cook alone since a fall.",
        )  # fmt: skip
        task = document.task(
            service_request="", member=ground.member, requester=ground.plan, owner=ground.county, at=at
        )
        return {**request, "identifier": mark}, {**task, "identifier": mark}


class Refused(Exception):
    """An answer that is no success; the ledger has it."""


async def reach(ledger: Ledger, count: int, *, calm: bool = False) -> None:
    """Wait until so many were acknowledged; where all is well (`calm`), no refusal is waited through."""

    def reached() -> bool:
        assert not calm or not ledger.refusals, ledger.refusals[0].text
        return ledger.count >= count

    await until(reached)


@asynccontextmanager
async def writing(base: str, ground: Ground, seed: int, *, clients: int = 8) -> AsyncIterator[Ledger]:
    """Clients that write until they are cut off, or the block ends; then all have stopped."""
    ledger, chance, stopped = Ledger(), random.Random(seed), False
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=httpx.Limits(max_connections=clients)) as http:
        working = []
        for number in range(clients):
            client = Client(http, ground, ledger, seed * 10 + number, random.Random(chance.random()))
            working.append(asyncio.create_task(client.work(lambda: not stopped)))
        try:
            yield ledger
        finally:
            stopped = True
            await asyncio.gather(*working)
