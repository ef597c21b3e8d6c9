"""Patient and Consent for the FHIR kit: what goes out of them needs consent, so they are described here."""

from __future__ import annotations

from functools import partial
from typing import Any

from hub.consent import actions, document, queries
from hub.consent.elements import ELEMENTS
from hub.consent.queries import Ask
from hub.consent.tables import Consent
from hub.db.documents import Stored
from hub.db.merged import ROW_BY_ROW
from hub.fhir.description import Date, Document, Reference, Resource, Row, String, Token, Wanted, WriteContext
from hub.kernel.actor import Actor
from hub.members import actions as members
from hub.members import document as patient
from hub.members.rules import CIN_SYSTEM, IDENTIFIER_TYPES, name_key, normal_cin
from hub.members.tables import Member


async def _create_patient(actor: Actor, body: Document, context: WriteContext) -> Stored:
    return await actions.receive_patient(actor, body)


async def _update_patient(
    actor: Actor, row_id: str, body: Document, expected: int | None, context: WriteContext
) -> Stored:
    return await members.change_member(actor, row_id, body, expected)


async def _create_consent(actor: Actor, body: Document, context: WriteContext) -> Stored:
    return await actions.record_consent(actor, body)


async def _update_consent(
    actor: Actor, row_id: str, body: Document, expected: int | None, context: WriteContext
) -> Stored:
    return await actions.change_consent(actor, row_id, body, expected)


async def _permit_patients(actor: Actor, rows: list[Row], context: WriteContext) -> list[Row]:
    return await queries.permit(actor, rows, [Ask(row["id"], row["source"]) for row in rows], context.memory)


def _reach_of_patients(actor: Actor, _wanted: Wanted) -> tuple[str, list[Any]]:
    return (
        "SELECT m.id FROM member m WHERE m.source = {} UNION ALL SELECT c.member AS id FROM consent_party p "
        "JOIN consent c ON c.id = p.consent WHERE p.organization = {}",
        [actor.home, actor.home],
    )


def _reach_of_consents(actor: Actor, _wanted: Wanted) -> tuple[str, list[Any]]:
    """Whom a grant names, the consent names too."""
    return (
        "SELECT c.id FROM consent c WHERE c.recorder = {} UNION ALL SELECT p.consent AS id FROM consent_party p "
        "WHERE p.organization = {}",
        [actor.home, actor.home],
    )


def _visible_consents(actor: Actor) -> tuple[str, list[Any]]:
    return (
        "(r.recorder = {} OR EXISTS (SELECT 1 FROM consent_grant g WHERE g.consent = r.id "
        f"AND (g.recipient = {{}} OR g.discloser = {{}}) {ROW_BY_ROW}))",
        [actor.home, actor.home, actor.home],
    )


async def _permit_consents(actor: Actor, rows: list[Row], context: WriteContext) -> list[Row]:
    return await queries.permit(actor, rows, [Ask(row["member"], row["recorder"]) for row in rows], context.memory)


def _cin(system: str | None, code: str) -> list[str]:
    if system not in (None, CIN_SYSTEM, IDENTIFIER_TYPES):
        return []
    cin = normal_cin(code)
    return [cin] if cin else []


PATIENT = Resource(
    "Patient",
    table=Member,
    profiles=("http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient",),
    search=(
        Token("identifier", column="cin", values=_cin, documentation="The CIN."),
        String("name", columns=("family", "given"), folded=name_key),
        String("family", folded=name_key),
        String("given", folded=name_key),
        Date("birthdate", column="birth_date", in_order=True),
    ),
    member="id",
    parties=("source",),
    elements=ELEMENTS["Patient"],
    checks=(patient.check,),
    visible=queries.visible_patients,
    reach=_reach_of_patients,
    permit=_permit_patients,
    foreseen=partial(queries.foreseen, "id", "source"),
    create=_create_patient,
    update=_update_patient,
    documentation="A member, found by CIN: the same CIN is the same Patient, and is not created twice.",
)

CONSENT = Resource(
    "Consent",
    table=Consent,
    profiles=("http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-Consent",),
    search=(
        Token("status"),
        Reference("patient", "Patient", column="member", include=True),
        Date("date", column="given_on", in_order=True),
    ),
    member="member",
    parties=("recorder",),
    elements=ELEMENTS["Consent"],
    references={"Consent.patient": ("Patient",)},
    checks=(document.check,),
    visible=_visible_consents,
    reach=_reach_of_consents,
    permit=_permit_consents,
    foreseen=partial(queries.foreseen, "member", "recorder"),
    create=_create_consent,
    update=_update_consent,
    documentation="Recorded by a discloser that it names, or by the other side where the MOU says that it collects "
    "for both. Revoke it by PUT with status inactive.",
)

RESOURCES = (PATIENT, CONSENT)
