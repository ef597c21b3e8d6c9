"""Routes that only the bench's server has: the bottom lines, and what the process has used.

They lie under /fhir and say `api`, so that they go through all that the API goes through on the way to its handlers.
"""

from __future__ import annotations

import time
from typing import Any

from litestar import Request, Response, get, post

from bench.memory import forget_peak, peak_memory
from hub.db.documents import instant_text
from hub.db.engine import add
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode, encode
from hub.web.page import page

_FHIR = "application/fhir+json"


@get("/fhir/bench/usage", opt={"api": True})
async def usage(forget: bool = False) -> dict[str, float]:
    if forget:
        forget_peak()
    return {"cpu": time.process_time(), "peak": peak_memory()}


@get("/fhir/bench/empty", opt={"api": True})
async def empty() -> Response[bytes]:
    """The bottom line of reads."""
    return Response(b"{}", media_type=_FHIR)


@unit_of_work
async def _four_rows(document: dict[str, Any]) -> tuple[str, str]:
    row_id, at, today = new_id(), clock.now(), clock.today()
    meta = {"versionId": "1", "lastUpdated": instant_text(at)}
    body = encode({**document, "id": row_id, "meta": meta})
    member, owner = document["for"]["reference"][8:], document["owner"]["reference"][13:]
    requester = document["requester"]["reference"][13:]
    await add(
        "task",
        {
            "id": row_id, "version": 1, "updated_at": at, "source": requester, "document": body,
            "status": document["status"], "business_status": None,
            "service_request": document["focus"]["reference"][15:], "member": member, "requester": requester,
            "owner": owner, "service": "other", "priority": document.get("priority"), "authored_at": at,
            "sent_on": today, "accepted_on": None, "ended_on": None, "closure_reason": None, "loop_closed_on": None,
        },
    )  # fmt: skip
    await add(
        "resource_version",
        {
            "id": new_id(), "resource_type": "Task", "resource_id": row_id, "version": 1, "method": "POST",
            "updated_at": at, "organization": requester, "document": body,
        },
    )  # fmt: skip
    await add(
        "audit_entry",
        {
            "id": new_id(), "recorded_at": at, "happened_at": at, "action": "bench:task:create",
            "outcome": "permitted", "actor_kind": "system", "actor_id": requester, "actor_name": "The bench",
            "organization": requester, "subject_type": "Task", "subject_id": row_id, "member": member,
            "counterpart": owner, "basis": None, "detail": '{"status":"requested"}', "request_id": row_id,
            "origin": "127.0.0.1", "leaf": "0" * 64,
        },
    )  # fmt: skip
    await add(
        "job",
        {
            "id": new_id(), "kind": "bench:nothing", "unique_key": row_id, "payload": "{}", "state": "done",
            "run_at": at, "attempts": 0, "lease_holder": None, "lease_until": None, "created_at": at,
            "finished_at": at, "error": None,
        },
    )  # fmt: skip
    return row_id, body


@post("/fhir/bench/rows", opt={"api": True})
async def rows(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The bottom line of writes: the body decoded, document, version, audit entry and outbox row, nothing checked."""
    row_id, body = await _four_rows(decode(await request.body()))
    return Response(body.encode(), status_code=201, media_type=_FHIR, headers={"Location": f"Task/{row_id}"})


@get("/bench/shell", opt={"signed_in": True})
async def shell(request: Request[Any, Any, Any]) -> Response[Any]:
    """The bottom line of pages: the shell for who is signed in, and nothing in it."""
    return page(request, "_kit/layout.html", title="Nothing")


ROUTES: list[Any] = [usage, empty, rows, shell]
