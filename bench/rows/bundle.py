"""A referral in one Bundle, and the same as four POSTs, each of which waits for the id of the one before."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date
from itertools import count as counting
from statistics import median
from typing import Any

from bench.figures import Line, Spread, Target, shown
from bench.load import Order, request
from bench.measure import expect
from bench.server import Server
from bench.setting import KINDS, NAMES, Bench
from bench.world import World
from hub.consent.document import consent
from hub.kernel import clock
from hub.kernel.jsontext import encode
from hub.members.document import patient
from hub.referrals import document
from hub.referrals.rules import Service

TARGET = Target(0.8, "×")
TYPES = ("Patient", "Consent", "ServiceRequest", "Task")
# Of made-up members, each new: a State that is kept has those of earlier runs.
_numbers = counting(secrets.randbelow(9_900_000))


def _documents(world: World, member: str, agreed: str, asked: str, number: int) -> dict[str, dict[str, Any]]:
    """The four resources, which refer to each other by these ids."""
    at = clock.now()
    return {
        "Patient": patient(
            cin=f"8{number:07}B", given="Ana", family=f"Ortega {number}", birth_date=date(1950, 1, 1 + number % 28)
        ),
        "Consent": consent(
            member=member, organizations=(world.plan, world.asked), two_way=True, form="ASCMI AB 133",
            given_on=clock.today(), from_date=clock.today(), until_date=None,
        ),
        "ServiceRequest": document.service_request(
            member=member, service=Service.IHSS_APPLICATION, requester=world.plan, performer=world.asked, at=at,
            need="Cannot bathe or cook alone since a fall.", consents=(agreed,),
        ),
        "Task": document.task(
            service_request=asked, member=member, requester=world.plan, owner=world.asked, at=at
        ),
    }  # fmt: skip


def _bundle(world: World, number: int) -> bytes:
    """The resources refer to each other by the Bundle's own addresses."""
    own = {kind: f"urn:uuid:{n:08}-0000-4000-8000-{number:012}" for n, kind in enumerate(TYPES, 1)}
    text = encode(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"fullUrl": own[kind], "resource": body, "request": {"method": "POST", "url": kind}}
                for kind, body in _documents(
                    world, own["Patient"], own["Consent"], own["ServiceRequest"], number
                ).items()
            ],
        }
    )
    for kind in TYPES:
        text = text.replace(f"{kind}/urn:uuid:", "urn:uuid:")
    return text.encode()


async def _bundles(bench: Bench, server: Server, world: World, count: int) -> float:
    """Processor time for each referral, in microseconds."""
    made = [request("POST", "/fhir/", world.writing(), _bundle(world, next(_numbers))) for _ in range(count)]
    before = await server.usage()
    expect(await bench.load(Order([server.port], made)), 200)
    return ((await server.usage()).cpu - before.cpu) / count * 1e6


async def _singles(bench: Bench, server: Server, world: World, count: int) -> float:
    """All Patients, then all Consents, …, so that no generator has to wait in between."""
    numbers = [next(_numbers) for _ in range(count)]
    ids: dict[str, list[str]] = {kind: ["x"] * count for kind in TYPES}
    spent = 0.0
    for kind in TYPES:
        made = [
            request("POST", f"/fhir/{kind}", world.writing(), encode(_documents(
                world, ids["Patient"][n], ids["Consent"][n], ids["ServiceRequest"][n], number
            )[kind]).encode())
            for n, number in enumerate(numbers)
        ]  # fmt: skip
        before = await server.usage()
        result = expect(await bench.load(Order([server.port], made, keep="location")), 201)
        spent += (await server.usage()).cpu - before.cpu
        ids[kind] = [location.split(f"/{kind}/")[1].split("/")[0] for location in result.kept]
    return spent / count * 1e6


async def measure(bench: Bench) -> Sequence[Line]:
    lines = []
    for kind in KINDS:
        server, world = await bench.server(kind), (await bench.database(kind)).world
        await server.usage(forget=True)
        await _bundles(bench, server, world, 5)
        cost = await _singles(bench, server, world, 5)
        count = max(5, min(500, int(bench.sizes.block / (cost / 1e6))))
        ours, base = [], []
        for _ in range(bench.sizes.pairs):
            ours.append(await _bundles(bench, server, world, count))
            base.append(await _singles(bench, server, world, count))
        lines.append(
            Line(
                "bundle",
                f"one Bundle of Patient, Consent, ServiceRequest, Task, {NAMES[kind]}",
                "four single POSTs, processor time",
                Spread.of_pairs(ours, base),
                "×",
                TARGET,
                f"{shown(median(ours), 'µs')} / {shown(median(base), 'µs')}",
                (await server.usage()).peak,
            )
        )
    return lines
