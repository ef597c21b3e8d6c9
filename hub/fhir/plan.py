"""A Bundle's entries read, and the order in which a transaction processes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.fhir.description import Document
from hub.fhir.parse import model_issues
from hub.fhir.structure import Walk, shape_of
from hub.fhir.wiring import Wiring
from hub.kernel.errors import BadRequest, Invalid, Issue

MAX_ENTRIES = 500
_METHODS = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")  # FHIR's order of processing
_ADDRESS = re.compile(r"/?([A-Za-z]+)(?:/([A-Za-z0-9\-.]{1,64}))?(?:/_history/([0-9]{1,9}))?(?:\?(.*))?")
_REST_BASE = re.compile(r"(https?://\S+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_LINKS = ("reference", "valueUri", "valueUrl", "valueUuid")


@dataclass(frozen=True, slots=True)
class Meant:
    """To which entries of the same transaction the references in an entry may lead, by their text."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def entry(self, text: str) -> Entry | None:
        return self.entries.get(text.partition("/_history/")[0])


_NOBODY = Meant()


@dataclass(slots=True)
class Entry:
    number: int
    method: str
    resource_type: str
    row_id: str | None
    version: str | None
    query: str | None
    full_url: str | None
    document: Document | None
    if_match: str | None
    if_none_exist: str | None
    if_none_match: str | None
    links: tuple[tuple[str, str], ...] = ()  # the key and the text of each reference in the document
    meant: Meant = _NOBODY

    @property
    def path(self) -> str:
        return f"Bundle.entry[{self.number}]"


def read(wiring: Wiring, body: Document) -> tuple[str, list[Entry]]:
    """The Bundle's type and its entries. Raises BadRequest."""
    kind, entries = body.get("type"), body.get("entry", [])
    if body.get("resourceType") != "Bundle":
        raise BadRequest(
            "Only a Bundle is posted here.", issues=[Issue("resourceType", "Must be Bundle.", "structure")]
        )
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise BadRequest(f"A Bundle has a list of at most {MAX_ENTRIES} entries.")
    # The envelope alone; each resource is judged with its own description.
    envelope = {**body, "entry": [_without_resource(one) for one in entries]} if entries else body
    walk = Walk()
    walk.document(shape_of("Bundle"), envelope)
    issues = walk.malformed or model_issues("Bundle", envelope)
    if issues:
        raise BadRequest("This is not a Bundle of FHIR R4.", issues=issues)
    if kind not in ("transaction", "batch"):
        issue = Issue("Bundle.type", "Must be transaction or batch.", "value")
        raise BadRequest("Only a transaction or a batch is posted here.", issues=[issue])
    return str(kind), [_entry(wiring, number, one) for number, one in enumerate(entries)]


def _without_resource(entry: Any) -> Any:
    return {key: value for key, value in entry.items() if key != "resource"} if isinstance(entry, dict) else entry


def _entry(wiring: Wiring, number: int, entry: dict[str, Any]) -> Entry:
    path, request = f"Bundle.entry[{number}]", entry.get("request")
    if not request:
        raise _bad(f"{path}.request", "Each entry needs a request.", "required")
    method, url = request["method"], request["url"].removeprefix(f"{wiring.fhir_base}/")
    match = _ADDRESS.fullmatch(url)
    if method not in _METHODS or match is None:
        raise _bad(f"{path}.request.url", "Is written Type, Type/id or Type?parameters.", "value")
    document = entry.get("resource")
    if method in ("POST", "PUT"):
        if not isinstance(document, dict):
            raise _bad(f"{path}.resource", "This request needs a resource.", "required")
    elif "resource" in entry:
        raise _bad(f"{path}.resource", "This request takes no resource.", "structure")
    return Entry(
        number, method, match[1], match[2], match[3], match[4], entry.get("fullUrl"), document,
        request.get("ifMatch"), request.get("ifNoneExist"), request.get("ifNoneMatch"),
    )  # fmt: skip


def _bad(where: str, words: str, code: str) -> BadRequest:
    return BadRequest("An entry of the Bundle cannot be understood.", issues=[Issue(where, words, code)])


def names(entries: list[Entry]) -> dict[str, Entry]:
    """The entries that create, by fullUrl. Raises Invalid where two have the same, or change the same resource."""
    found: dict[str, Entry] = {}
    changed: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.full_url is not None and entry.method in ("POST", "PUT"):
            if entry.full_url in found:
                raise _twice(f"{entry.path}.fullUrl", "Another entry has the same fullUrl.")
            found[entry.full_url] = entry
        if entry.method == "PUT" and entry.row_id is not None:
            if (entry.resource_type, entry.row_id) in changed:
                raise _twice(f"{entry.path}.request.url", "Another entry changes the same resource.")
            changed[entry.resource_type, entry.row_id] = entry
    return found


def _twice(where: str, words: str) -> Invalid:
    return Invalid("Two entries of the Bundle overlap.", issues=[Issue(where, words, "duplicate")])


def link(entries: list[Entry]) -> None:
    """Find the references of each entry, and to which others they lead. Raises Invalid as `names`."""
    named = names(entries)
    meant: dict[str, Meant] = {"": _meant(named)}
    for entry in entries:
        match = _REST_BASE.fullmatch(entry.full_url or "")
        base = match[1] if match else ""
        if base not in meant:  # relative references, to the base of the own fullUrl
            relative = {name[len(base) :]: one for name, one in named.items() if name.startswith(base)}
            meant[base] = _meant({**relative, **named})
        entry.links, entry.meant = tuple(_links(entry.document)), meant[base]


def _meant(entries: Mapping[str, Entry]) -> Meant:
    return Meant(entries, {name: one.resource_type for name, one in entries.items()})


def _links(value: Any) -> Iterator[tuple[str, str]]:
    stack = [value]
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind is dict:
            for key, inner in one.items():
                if type(inner) is not str:
                    stack.append(inner)
                elif key in _LINKS:
                    yield key, inner
        elif kind is list:
            stack.extend(one)


def rewritten(value: Any, new: Mapping[tuple[str, str], str]) -> Any:
    """The same document with other texts for some of its references, by key and text. What it was given stays."""
    kind = type(value)
    if kind is list:
        return [rewritten(one, new) for one in value]
    if kind is not dict:
        return value
    changed = {}
    for key, inner in value.items():
        if type(inner) is not str:
            inner = rewritten(inner, new)
        elif key in _LINKS:
            inner = new.get((key, inner), inner)
        changed[key] = inner
    return changed


def order(wiring: Wiring, entries: list[Entry]) -> list[Entry]:
    """What is referred to comes first; then by method, type and place. Raises Invalid for a circle."""
    waits: dict[int, set[int]] = {entry.number: set() for entry in entries}
    for entry in entries:
        for _, text in entry.links:
            target = entry.meant.entry(text)
            if target is not None and target is not entry and target.method == "POST":
                waits[entry.number].add(target.number)
    left = {entry.number: entry for entry in entries}
    done: list[Entry] = []
    while left:
        ready = [entry for number, entry in left.items() if not waits[number] & left.keys()]
        if not ready:
            entry = next(iter(left.values()))
            issue = Issue(f"{entry.path}.resource", "Refers to an entry that refers back to it.", "invariant")
            raise Invalid("Entries of the Bundle refer to each other in a circle.", issues=[issue])
        first = min(ready, key=lambda e: (_METHODS.index(e.method), wiring.order(e.resource_type), e.number))
        done.append(left.pop(first.number))
    return done
