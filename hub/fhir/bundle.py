"""Transaction and batch. A transaction is one unit of work: everything in it lands, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from hub.db.documents import instant_text
from hub.db.transaction import unit_of_work
from hub.fhir import interactions, plan
from hub.fhir.description import BundleSoFar, Document
from hub.fhir.outcome import of_refusal, refusal_of
from hub.fhir.parse import check
from hub.fhir.plan import Entry
from hub.fhir.search import join, search
from hub.fhir.store import require
from hub.fhir.wiring import Answer, Call
from hub.kernel.errors import BadRequest, Invalid, Issue, NotAllowed, Refusal
from hub.kernel.jsontext import encode


async def process(call: Call, body: Document) -> Answer:
    kind, entries = plan.read(call.wiring, body)
    if kind == "batch":
        return await _batch(call, entries)
    return await _transaction(call, entries)


async def _batch(call: Call, entries: list[Entry]) -> Answer:
    """Each entry on its own; one that fails does not disturb the others."""
    answers = []
    for entry in entries:
        try:
            answers.append(_part(call, await _one(call, entry, entry.document)))
        except Exception as error:
            refusal = refusal_of(error)
            answers.append(_refused(refusal, f"{entry.path}.resource."))
    await call.record("batch", "Bundle")
    return Answer(200, join("batch-response", [], answers))


async def _transaction(call: Call, entries: list[Entry]) -> Answer:
    told = False

    async def whole() -> list[Answer]:
        nonlocal told
        try:
            return await _all(call, entries)
        except Refusal as refusal:
            told = refusal.audit is not None
            raise

    try:
        plan.link(entries)
        _check_all(call, entries)
        answers = await unit_of_work(whole)()
    except Refusal as refusal:
        if not told:
            await call.record("transaction", "Bundle", outcome="refused", basis=refusal.words)
        raise
    return Answer(200, join("transaction-response", [], [_part(call, one) for one in answers]))


async def _all(call: Call, entries: list[Entry]) -> list[Answer]:
    """Leaves the entries as they came: a second try after a serialization failure starts from them again."""
    so_far = BundleSoFar({one.full_url or one.path: one.document for one in entries if one.document is not None})
    inside = replace(call, bundle=so_far)
    ids: dict[int, str] = {one.number: f"{one.resource_type}/{one.row_id}" for one in entries if one.method == "PUT"}
    answers: dict[int, Answer] = {}
    for entry in plan.order(call.wiring, entries):
        try:
            document = await _rewritten(inside, entry, ids)
            answer = await _one(inside, entry, document)
        except Refusal as refusal:
            raise prefixed(refusal, entry, entries) from None
        answers[entry.number] = answer
        if document is not None:
            so_far.documents[entry.full_url or entry.path] = document
        if answer.stored is not None:
            ids[entry.number] = f"{answer.stored.resource_type}/{answer.stored.id}"
            if document is not None:
                so_far.stored[ids[entry.number]] = document
    written = [ids[one.number] for one in entries if one.number in ids]
    await call.record("transaction", "Bundle", ids=written)
    return [answers[one.number] for one in entries]


def prefixed(refusal: Refusal, entry: Entry, entries: Sequence[Entry] = ()) -> Refusal:
    """The same refusal, whose paths start at the Bundle.

    A rule that looks at several resources may name one of another entry than the one that was being processed.
    """
    path = f"{entry.path}.resource"
    if not refusal.issues:
        refusal.issues = (Issue(path, refusal.words, refusal.code),)
    else:
        refusal.issues = tuple(
            one if one.where.startswith("Bundle.") else replace(one, where=_moved(entry, entries, one.where))
            for one in refusal.issues
        )
    return refusal


def _moved(entry: Entry, entries: Sequence[Entry], where: str) -> str:
    """`Task.focus` → `Bundle.entry[3].resource.focus`. What is in no entry keeps its own path."""
    named, _, inner = where.partition(".")
    meant = entry
    if named != entry.resource_type and inner:
        others = [one for one in entries if one.resource_type == named and one.document is not None]
        if len(others) != 1:
            return where
        meant = others[0]
    return f"{meant.path}.resource.{inner}" if inner else f"{meant.path}.resource"


def _check_all(call: Call, entries: list[Entry]) -> None:
    """Before the unit of work: what takes time and needs no database must not hold the writer."""
    for entry in entries:
        try:
            _check(call, entry)
        except Refusal as refusal:
            raise prefixed(refusal, entry) from None


def _check(call: Call, entry: Entry) -> None:
    """All that can be judged before anything is written: known type, scope, structure, profile."""
    resource = call.wiring.resource(entry.resource_type)
    letter = {"POST": "c", "PUT": "u", "GET": "r" if entry.row_id else "s"}.get(entry.method)
    if letter is None:
        raise NotAllowed(f"{entry.method} is not supported in a Bundle.")
    require(call, resource.name, letter)
    if entry.document is not None:
        check(resource, entry.document, entry.meant.types)


async def _one(call: Call, entry: Entry, document: Document | None) -> Answer:
    kind, row_id = entry.resource_type, entry.row_id
    if entry.method == "GET":
        if row_id is None:
            return await search(call, kind, parse_qsl(entry.query or "", keep_blank_values=True))
        if entry.version is not None:
            return await interactions.vread(call, kind, row_id, entry.version)
        return await interactions.read(call, kind, row_id, entry.if_none_match)
    if entry.method == "POST" and document is not None:
        if row_id is not None or entry.query is not None:
            raise BadRequest("A resource is created at the address of its type.")
        return await interactions.create(call, kind, document, entry.if_none_exist)
    if entry.method == "PUT" and document is not None:
        if row_id is None:
            raise NotAllowed("A conditional update is not supported.")
        expected = interactions.version_of(entry.if_match)
        return await interactions.update(call, kind, row_id, document, expected)
    raise NotAllowed(f"{entry.method} is not supported in a Bundle.")


async def _rewritten(call: Call, entry: Entry, ids: Mapping[int, str]) -> Document | None:
    """References to entries become references to what was stored; conditional ones to what they find."""
    document, new = entry.document, {}
    for key, text in entry.links:
        target = entry.meant.entry(text)
        if target is not None and target.number in ids:
            new[key, text] = ids[target.number]
        elif key == "reference" and "?" in text and not text.startswith(("http", "urn:", "#")):
            new[key, text] = await _found(call, text)
    if document is None or not new:
        return document
    changed: Document = plan.rewritten(document, new)
    narrative = changed.get("text")
    if isinstance(narrative, dict) and isinstance(narrative.get("div"), str) and "urn:uuid:" in narrative["div"]:
        for name, target in entry.meant.entries.items():
            if name.startswith("urn:") and target.number in ids:
                narrative["div"] = narrative["div"].replace(name, ids[target.number])
    return changed


async def _found(call: Call, text: str) -> str:
    name, _, query = text.partition("?")
    rows = await interactions.match(call, call.wiring.resource(name), query)
    if len(rows) != 1:
        words = "Nothing fits" if not rows else "More than one resource fits"
        issue = Issue("", f"{words} the conditional reference.", "not-found" if not rows else "multiple-matches")
        raise Invalid(f"{words} a conditional reference of the Bundle.", issues=[issue])
    return f"{name}/{rows[0]['id']}"


def _part(call: Call, answer: Answer) -> str:
    response: dict[str, object] = {"status": str(answer.status)}
    if answer.location is not None:
        response["location"] = answer.location
    if answer.version is not None:
        response["etag"] = f'W/"{answer.version}"'
    if answer.updated_at is not None:
        response["lastModified"] = instant_text(answer.updated_at)
    shown = ""
    if answer.text is not None and (answer.stored is None or "return=representation" in call.prefer):
        shown = f'"resource":{answer.text},'
    full_url = ""
    if answer.stored is not None:
        full_url = f'"fullUrl":"{call.wiring.fhir_base}/{answer.stored.resource_type}/{answer.stored.id}",'
    return f'{{{full_url}{shown}"response":{encode(response)}}}'


def _refused(refusal: Refusal, prefix: str) -> str:
    response = {"status": str(refusal.status), "outcome": of_refusal(refusal, prefix)}
    return f'{{"response":{encode(response)}}}'
