"""ServiceRequest, Task and Procedure for the FHIR kit."""

from __future__ import annotations

from functools import partial
from typing import Any

from hub.consent.elements import ELEMENTS
from hub.consent.queries import Ask, foreseen, granted, granted_to_many, permit
from hub.db.documents import Stored
from hub.db.lists import marks
from hub.db.merged import ROW_BY_ROW
from hub.fhir.description import Date, Document, Reference, Resource, Row, Token, Wanted, Way, WriteContext, any_way
from hub.kernel.actor import Actor
from hub.kernel.jsontext import decode
from hub.mou.rules import DataElement
from hub.referrals import document
from hub.referrals.actions import procedures, requests, tasks
from hub.referrals.rules import Status
from hub.referrals.tables import Procedure, ServiceRequest, Task

_SDOH = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition"


def _ways_to_requests(actor: Actor) -> list[Way]:
    """Own requests, and those that ask this organization, as far as terms and grants let them through."""
    what = ("r.member", "r.requester", DataElement.REFERRAL, actor.home)
    theirs = Way("performer", ("requester",), "r.status <> 'draft'", granted(*what), granted_to_many(*what))
    return [Way("requester"), theirs]


def _sent(row: Row) -> bool:
    """What was a draft is nobody else's, also when it has been sent since."""
    if not row.get("past"):
        return bool(row["status"] != Status.DRAFT)
    return bool(decode(row["document"]).get("status") != Status.DRAFT)


async def _permit_requests(actor: Actor, rows: list[Row], context: WriteContext) -> list[Row]:
    home = actor.home
    rows = [row for row in rows if row["requester"] == home or _sent(row)]
    return await permit(actor, rows, [Ask(row["member"], row["requester"]) for row in rows], context.memory)


def _ways_to_tasks(actor: Actor) -> list[Way]:
    what = ("r.member", "r.requester", DataElement.REFERRAL, actor.home)
    theirs = Way("owner", ("requester",), "r.status <> 'draft'", granted(*what), granted_to_many(*what))
    return [Way("requester"), theirs]


async def _permit_tasks(actor: Actor, rows: list[Row], context: WriteContext) -> list[Row]:
    """To its owner under consent, from when it was sent; back to its requester under the closed-loop term of that day.

    Every version since then is a step that the owner was told of, or took itself.
    """
    home, own, theirs = actor.home, [], []
    for row in rows:
        if row["requester"] == home:
            row["basis"] = "own record" if row["sent_on"] is None else "own referral: closed-loop term"
            own.append(row)
        elif _sent(row):
            theirs.append(row)
    if not theirs:
        return own
    asks = [Ask(row["member"], row["requester"], past=True) for row in theirs]
    permitted = {(row["id"], row["version"]) for row in await permit(actor, theirs, asks, context.memory)}
    return [row for row in rows if row["requester"] == home or (row["id"], row["version"]) in permitted]


def _visible_procedures(actor: Actor) -> tuple[str, list[Any]]:
    return (
        "(r.performer = {} OR EXISTS (SELECT 1 FROM service_request sr WHERE sr.id = r.service_request "
        f"AND sr.requester = {{}} {ROW_BY_ROW}))",
        [actor.home, actor.home],
    )


def _reach_of_procedures(actor: Actor, wanted: Wanted) -> tuple[str, list[Any]]:
    """What the organization did, and what was done at its request: by whom it asked, which never changes. Where others
    are looked for who did it, only what these were asked.
    """
    home, doers = actor.home, sorted(wanted.get("performer", ()))
    asked = "SELECT p.id FROM service_request sr JOIN procedure p ON p.service_request = sr.id WHERE sr.requester = {}"
    if doers and home not in doers:
        return f"{asked} AND sr.performer IN ({marks(doers)})", [home, *doers]
    return f"SELECT p.id FROM procedure p WHERE p.performer = {{}} UNION ALL {asked}", [home, home]


async def _permit_procedures(actor: Actor, rows: list[Row], context: WriteContext) -> list[Row]:
    """To the one who did it, and back to the referrer: the outcome closes the loop."""
    return await permit(
        actor,
        rows,
        [Ask(row["member"], row["performer"], loop=True, on=row["performed_on"]) for row in rows],
        context.memory,
    )


async def _create_request(actor: Actor, body: Document, context: WriteContext) -> Stored:
    return await requests.receive_request(actor, body)


async def _update_request(
    actor: Actor, row_id: str, body: Document, expected: int | None, context: WriteContext
) -> Stored:
    return await requests.change_request(actor, row_id, body, expected)


async def _create_task(actor: Actor, body: Document, context: WriteContext) -> Stored:
    return await tasks.receive_task(actor, body)


async def _update_task(
    actor: Actor, row_id: str, body: Document, expected: int | None, context: WriteContext
) -> Stored:
    return await tasks.change_task(actor, row_id, body, expected)


async def _create_procedure(actor: Actor, body: Document, context: WriteContext) -> Stored:
    return await procedures.receive_procedure(actor, body)


async def _update_procedure(
    actor: Actor, row_id: str, body: Document, expected: int | None, context: WriteContext
) -> Stored:
    return await procedures.change_procedure(actor, row_id, body, expected)


def _patient(column: str = "member") -> Reference:
    return Reference("patient", "Patient", column=column, include=True)


SERVICE_REQUEST = Resource(
    "ServiceRequest",
    table=ServiceRequest,
    profiles=(f"{_SDOH}/SDOHCC-ServiceRequest",),
    search=(
        Token("status"),
        Token("intent"),
        Token("priority"),
        _patient(),
        Reference("requester", "Organization", include=True),
        Reference("performer", "Organization", include=True),
        Date("authored", column="authored_at", in_order=True),
        Reference(
            "supporting-info",
            "Consent",
            column="rc.consent",
            within="request_consent rc WHERE rc.service_request = r.id",
            include=True,
        ),
    ),
    member="member",
    parties=("requester", "performer"),
    columns=("status",),
    elements=ELEMENTS["ServiceRequest"],
    references={"ServiceRequest.subject": ("Patient",)},
    checks=(document.check_service_request,),
    visible=any_way(_ways_to_requests),
    ways=_ways_to_requests,
    permit=_permit_requests,
    foreseen=partial(foreseen, "member", "requester"),
    create=_create_request,
    update=_update_request,
    documentation="What is asked. Its status is the requester's: it sets completed when it has seen the outcome.",
)

TASK = Resource(
    "Task",
    table=Task,
    profiles=(f"{_SDOH}/SDOHCC-TaskForReferralManagement",),
    search=(
        Token("status", in_order=True),
        Token("business-status", column="business_status"),
        Token("code", column="'fulfill'", system=document.TASK_CODES),
        Token("intent", column="'order'"),
        _patient(),
        Reference("requester", "Organization", include=True),
        Reference("owner", "Organization", include=True),
        Reference("focus", "ServiceRequest", column="service_request", include=True),
        Reference(
            "output", "Procedure", column="o.procedure", within="task_output o WHERE o.task = r.id", include=True
        ),
        Date("authored-on", column="authored_at", in_order=True),
    ),
    member="member",
    parties=("requester", "owner"),
    columns=("status", "sent_on"),
    elements=ELEMENTS["Task"],
    references={"Task.focus": ("ServiceRequest",), "Task.for": ("Patient",)},
    checks=(document.check_task,),
    visible=any_way(_ways_to_tasks),
    ways=_ways_to_tasks,
    permit=_permit_tasks,
    foreseen=partial(foreseen, "member", "requester"),
    create=_create_task,
    update=_update_task,
    documentation="The asking. Its status follows the Gravity transition table; poll with "
    "_lastUpdated=gt…&_include=Task:focus.",
)

PROCEDURE = Resource(
    "Procedure",
    table=Procedure,
    profiles=(f"{_SDOH}/SDOHCC-Procedure",),
    search=(
        Token("status"),
        _patient(),
        Reference("based-on", "ServiceRequest", column="service_request", include=True),
        Reference("performer", "Organization", include=True),
        Date("date", column="performed_on", in_order=True),
    ),
    member="member",
    parties=("performer",),
    columns=("performed_on",),
    elements=ELEMENTS["Procedure"],
    references={"Procedure.subject": ("Patient",)},
    checks=(document.check_procedure,),
    visible=_visible_procedures,
    reach=_reach_of_procedures,
    permit=_permit_procedures,
    foreseen=partial(foreseen, "member", "performer"),
    create=_create_procedure,
    update=_update_procedure,
    documentation="What was done: the outcome to which a Task's output points.",
)

RESOURCES = (SERVICE_REQUEST, TASK, PROCEDURE)
