"""A small hub for the kit's own tests: three described types over real tables, with actions that only store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx
from litestar import Litestar, Request

from hub.db.documents import Stored, insert
from hub.db.documents import replace as replace_document
from hub.db.engine import fetch
from hub.fhir.description import Date, Document, Reference, Resource, Row, String, Token, WriteContext
from hub.fhir.outcome import handle
from hub.fhir.router import router
from hub.fhir.wiring import Wiring
from hub.kernel.actor import Actor
from hub.kernel.errors import Forbidden, Invalid, Issue, NotFound, Stale, Unauthenticated
from hub.members.tables import Member
from hub.referrals.tables import ServiceRequest, Task

BASE = "http://hub.test"
CIN = "urn:ihss-hub:cin"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"


def mine(actor: Actor) -> tuple[str, list[Any]]:
    return "r.source = {}", [actor.organization]


def id_in(document: Document, element: str) -> str:
    return str(document[element]["reference"]).rpartition("/")[2]


async def _member_columns(document: Document) -> dict[str, Any]:
    name = document["name"][0]
    return {
        "cin": document["identifier"][0]["value"],
        "given": name["given"][0],
        "family": name["family"],
        "given_key": name["given"][0].casefold(),
        "family_key": name["family"].casefold(),
        "birth_date": datetime.fromisoformat(document["birthDate"]).date(),
    }


async def create_patient(actor: Actor, document: Document, context: WriteContext) -> Stored:
    """The same CIN is found, not doubled."""
    columns = await _member_columns(document)
    rows = await fetch("SELECT * FROM member WHERE cin = {}", columns["cin"])
    if rows:
        row = rows[0]
        return Stored("Patient", row["id"], row["version"], row["updated_at"], row["document"], created=False)
    return await insert(Member, document, columns, organization=actor.organization)


async def create_request(actor: Actor, document: Document, context: WriteContext) -> Stored:
    columns = {
        "status": document["status"], "intent": document["intent"], "member": id_in(document, "subject"),
        "requester": actor.organization, "service": "other", "code_text": document["code"].get("text", ""),
    }  # fmt: skip
    return await insert(ServiceRequest, document, columns, organization=actor.organization)


def _task_columns(actor: Actor, document: Document) -> dict[str, Any]:
    return {
        "status": document["status"],
        "service_request": id_in(document, "focus"),
        "member": id_in(document, "for"),
        "requester": actor.organization,
        "owner": actor.organization,
        "service": "other",
        "authored_at": datetime.fromisoformat(document["authoredOn"]),
        "sent_on": datetime.fromisoformat(document["authoredOn"]).date(),
    }


async def create_task(actor: Actor, document: Document, context: WriteContext) -> Stored:
    if document.get("description") == "forbidden":
        raise Forbidden("No MOU covers this.", audit="what the feature recorded")
    if document.get("description") == "broken":
        raise RuntimeError("Rosa Mendoza")
    return await insert(Task, document, _task_columns(actor, document), organization=actor.organization)


async def update_task(
    actor: Actor, row_id: str, document: Document, expected: int | None, context: WriteContext
) -> Stored:
    rows = await fetch("SELECT version FROM task WHERE id = {} AND source = {}", row_id, actor.organization)
    if not rows:
        raise NotFound("No such task.")
    if expected is not None and rows[0]["version"] != expected:
        raise Stale("Somebody else changed this meanwhile.")
    if document["status"] == "ready":
        raise Invalid("No such step.", issues=[Issue("Task.status", "There is no such step.", "business-rule")])
    return await replace_document(
        Task, row_id, rows[0]["version"], document, _task_columns(actor, document), organization=actor.organization
    )


def permit(actor: Actor, rows: list[Row], context: WriteContext) -> list[Row]:
    """What is called secret goes nowhere."""
    return [{**row, "basis": "toy"} for row in rows if '"description":"secret"' not in row["document"]]


def task_rules(document: Document) -> list[Issue]:
    return [] if "for" in document else [Issue("Task.for", "This element is required.", "required")]


PATIENT = Resource(
    "Patient",
    table=Member,
    search=(
        Token("identifier", systems={CIN: "cin", "urn:ihss-hub:case": "case_number"}),
        String("family"),
        String("name", columns=("given", "family")),
        Date("birthdate", column="birth_date"),
    ),
    member="id",
    visible=mine,
    create=create_patient,
)
REQUEST = Resource(
    "ServiceRequest",
    table=ServiceRequest,
    search=(
        Token("status"),
        Reference("patient", "Patient", column="member", include=True),
    ),
    member="member",
    visible=mine,
    create=create_request,
)
TASK = Resource(
    "Task",
    table=Task,
    profiles=("http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement",),
    search=(
        Token("status", system="http://hl7.org/fhir/task-status"),
        Token("code", column="'fulfill'", system=TASK_CODE),
        Token("business-status"),
        Token("intent", column="'order'"),
        Reference("patient", "Patient", column="member", include=True),
        Reference("focus", "ServiceRequest", column="service_request", include=True),
        Reference("owner", "Organization", "PractitionerRole"),
        Reference("subject", "Patient", column="q.member",
                  within="service_request q WHERE q.id = r.service_request", include=True),
        Date("authored-on", column="authored_at"),
        Date("sent", column="sent_on"),
    ),
    member="member",
    references={"Task.focus": ("ServiceRequest",)},
    checks=(task_rules,),
    visible=mine,
    permit=permit,
    create=create_task,
    update=update_task,
)  # fmt: skip


@dataclass
class Said:
    """What the kit handed to the audit trail."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    async def record(self, actor: Actor, interaction: str, resource_type: str, ids: Any, members: Any,
                     request_id: str, query: str | None, outcome: str, basis: str | None) -> None:  # fmt: skip
        self.entries.append(
            {"interaction": interaction, "type": resource_type, "ids": list(ids), "members": list(members),
             "query": query, "outcome": outcome, "basis": basis, "request_id": request_id}
        )  # fmt: skip

    @property
    def last(self) -> dict[str, Any]:
        return self.entries[-1]


class Toy:
    """A client; `as_actor` says who its next requests are from."""

    def __init__(self, client: httpx.AsyncClient, said: Said, actor: Actor) -> None:
        self.client, self.said, self.actor = client, said, actor
        self.resources = (PATIENT, REQUEST, TASK)

    def scoped(self, *scopes: str) -> None:
        self.actor = replace(self.actor, scopes=scopes)

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Any:
        headers = {"Authorization": "Bearer t", **kwargs.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **kwargs)

    async def get(self, path: str, **headers: str) -> Any:
        return await self("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def post(self, path: str, document: Any, **headers: str) -> Any:
        return await self("POST", path, json=document, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def put(self, path: str, document: Any, **headers: str) -> Any:
        return await self("PUT", path, json=document, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def ids(self, path: str) -> list[str]:
        """The ids of all matches, over all pages."""
        found: list[str] = []
        while path:
            body = (await self.get(path)).json()
            assert body.get("resourceType") == "Bundle", body
            found += [e["resource"]["id"] for e in body.get("entry", []) if e["search"]["mode"] == "match"]
            path = next((one["url"].removeprefix(BASE) for one in body["link"] if one["relation"] == "next"), "")
        return found


@asynccontextmanager
async def toy_hub(actor: Actor, resources: tuple[Resource, ...] = (PATIENT, REQUEST, TASK)) -> AsyncIterator[Toy]:
    said = Said()

    async def authenticate(request: Request[Any, Any, Any]) -> Actor:
        if "authorization" not in request.headers:
            raise Unauthenticated("An access token is needed.")
        return toy.actor

    wiring = Wiring(resources, BASE, authenticate, said.record, max_body_bytes=100_000)
    app = Litestar(list(router(wiring)), exception_handlers={Exception: handle}, openapi_config=None)
    # In the test's own event loop, where the database's connections are.
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        toy = Toy(client, said, actor)
        yield toy


def patient(cin: str = "91234567A", family: str = "Marsh", born: str = "1950-02-03") -> Document:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": CIN, "value": cin}],
        "name": [{"family": family, "given": ["June"]}],
        "birthDate": born,
    }


def request_for(subject: str, text: str = "Personal care") -> Document:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": text},
        "subject": {"reference": subject},
    }


def task_for(request: str, subject: str, /, **more: Any) -> Document:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": TASK_CODE, "code": "fulfill"}]},
        "focus": {"reference": request},
        "for": {"reference": subject},
        "authoredOn": "2026-11-17T09:30:00.500-08:00",
        **more,
    }
