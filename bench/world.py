"""What the rows need of a filled database: found in whatever data is there, and a token and a session to ask with."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from hub.auth.tables import Account, WebSession
from hub.db.engine import add, fetch, fetch_value
from hub.db.transaction import unit_of_work
from hub.directory.actions import add_system
from hub.directory.queries import system_actor
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode
from hub.referrals import document
from hub.referrals.actions.requests import receive_request
from hub.referrals.rules import Service

SCOPES = "system/Patient.crus system/Consent.crus system/ServiceRequest.crus system/Task.crus system/Procedure.crus"
_DAYS = timedelta(days=30)
_NEED = "Cannot bathe or cook alone since a fall; lives on the second floor without a lift."


class Asking(msgspec.Struct):
    """A ServiceRequest of the plan that a Task may be about."""

    request: str
    member: str


class World(msgspec.Struct):
    plan: str
    county: str
    asked: str  # the county to which the plan writes: another one, whose work list nobody measures
    token: str
    tasks: int
    readable: list[str]  # Tasks that a county sent to the plan: its consent and terms are asked at each read
    askings: list[Asking]
    cookie: str  # of the county's liaison

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept": "application/fhir+json"}

    def writing(self) -> dict[str, str]:
        return {**self.headers(), "Content-Type": "application/fhir+json"}

    def task_body(self, number: int) -> bytes:
        asked = self.askings[number % len(self.askings)]
        return encode(
            document.task(
                service_request=asked.request,
                member=asked.member,
                requester=self.plan,
                owner=self.asked,
                at=clock.now(),
            )
        ).encode()


async def explore(askings: int = 50) -> World:
    """Look at the bound database; add a system with a token, requests to ask with, and a signed-in liaison."""
    plan, county = await _busiest_pair()
    asked = await _asked(plan, county)
    system = await add_system(HUB, plan, "The bench", f"bench-{secrets.token_hex(4)}", SCOPES, "{}")
    return World(
        plan=plan,
        county=county,
        asked=asked,
        token=await _token(system),
        tasks=await fetch_value("SELECT count(*) FROM task"),
        readable=await _readable(plan, county),
        askings=await _askings(system, plan, asked, askings),
        cookie=await _cookie(county, plan),
    )


async def _busiest_pair() -> tuple[str, str]:
    rows = await fetch(
        "SELECT t.owner AS plan, t.requester AS county, COUNT(*) AS n FROM task t JOIN organization o ON o.id = t.owner"
        " JOIN mou_term m ON m.discloser = t.requester AND m.recipient = t.owner AND m.element = 'referral'"
        " AND m.from_date <= {} AND (m.until_date IS NULL OR m.until_date >= {})"
        " WHERE o.kind = 'plan' GROUP BY t.owner, t.requester ORDER BY n DESC LIMIT 1",
        clock.today(),
        clock.today(),
    )
    return rows[0]["plan"], rows[0]["county"]


async def _asked(plan: str, county: str) -> str:
    """Of the plan's other counties the one that gets most of its consents, under an MOU with a term for them. What the
    bench writes stays in a State that is kept; the county whose work list and report are measured is to stay as it is.
    """
    today = clock.today()
    rows = await fetch(
        "SELECT g.recipient, COUNT(*) AS n FROM consent_grant g WHERE g.discloser = {} AND g.recipient <> {}"
        " AND g.purpose = 'TREAT' AND EXISTS (SELECT 1 FROM mou_term m WHERE m.discloser = g.discloser"
        " AND m.recipient = g.recipient AND m.element = 'referral' AND m.from_date <= {}"
        " AND (m.until_date IS NULL OR m.until_date >= {}))"
        " GROUP BY g.recipient ORDER BY n DESC, g.recipient LIMIT 1",
        plan, county, today, today,
    )  # fmt: skip
    return str(rows[0]["recipient"]) if rows else county


async def _readable(plan: str, county: str) -> list[str]:
    today = clock.today()
    rows = await fetch(
        "SELECT t.id FROM task t WHERE t.owner = {} AND t.requester = {} AND t.status <> 'draft'"
        " AND EXISTS (SELECT 1 FROM consent_grant g WHERE g.member = t.member AND g.discloser = t.requester"
        " AND g.recipient = t.owner AND g.purpose = 'TREAT' AND g.from_date <= {}"
        " AND (g.until_date IS NULL OR g.until_date >= {})) ORDER BY t.id LIMIT 1000",
        plan, county, today, today,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def _askings(system: str, plan: str, county: str, count: int) -> list[Asking]:
    actor, today = await system_actor(system), clock.today()
    if actor is None:
        raise RuntimeError("the plan is not active")
    rows = await fetch(
        "SELECT DISTINCT g.member FROM consent_grant g JOIN member_organization mo ON mo.member = g.member"
        " AND mo.organization = g.discloser AND mo.until_date IS NULL"
        " WHERE g.discloser = {} AND g.recipient = {} AND g.purpose = 'TREAT' AND g.from_date <= {}"
        " AND (g.until_date IS NULL OR g.until_date > {}) ORDER BY g.member LIMIT {}",
        plan, county, today, today, count,
    )  # fmt: skip
    made = []
    for row in rows:
        body = document.service_request(
            member=row["member"], service=Service.IHSS_APPLICATION, requester=plan, performer=county,
            at=clock.now(), need=_NEED,
        )  # fmt: skip
        made.append(Asking((await receive_request(actor, body)).id, row["member"]))
    return made


@unit_of_work
async def _token(system: str) -> str:
    token, now = secrets.token_urlsafe(32), clock.now()
    await add(
        "access_token",
        {
            "id": new_id(), "token_hash": sha256(token.encode()).hexdigest(), "system": system, "scopes": SCOPES,
            "issued_at": now, "expires_at": now + _DAYS, "revoked_at": None,
        },
    )  # fmt: skip
    return token


@unit_of_work
async def _cookie(county: str, plan: str) -> str:
    """A session of the county's liaison towards the plan, signed in already."""
    rows = await fetch(
        "SELECT a.person FROM appointment a JOIN person_role r ON r.person = a.person"
        " WHERE a.organization = {} AND a.position = 'ihss_liaison' AND r.role = 'county_liaison'"
        " AND (a.counterpart = {} OR a.counterpart IS NULL) AND a.until_date IS NULL ORDER BY a.id LIMIT 1",
        county,
        plan,
    )
    person, token, now = rows[0]["person"], secrets.token_hex(32), clock.now()
    found = await fetch("SELECT id FROM account WHERE person = {}", person)
    if found:
        account = found[0]["id"]
    else:
        account = new_id()
        row: dict[str, Any] = {"username": f"bench-{token[:8]}", "password_hash": "none", "person": person}
        await Account.insert(Account(id=account, created_at=now, **row))
    await WebSession.insert(
        WebSession(
            token_hash=sha256(token.encode()).hexdigest(),
            account=account,
            data=encode({"account": account, "person": person}),
            expires_at=now + _DAYS,
        )
    )
    return token
