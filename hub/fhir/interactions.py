"""Read, version, history, create, update, patch: what FHIR asks of each, around the features' own actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import parse_qsl

from hub.db.documents import Stored, instant_text
from hub.db.engine import fetch, fetch_value, is_sqlite
from hub.db.transaction import unit_of_work
from hub.fhir.asked import CURSOR, MAX_COUNT, conditions
from hub.fhir.dates import bounds
from hub.fhir.description import Document, Resource, Row
from hub.fhir.parse import check
from hub.fhir.query import Condition, all_of, refuse
from hub.fhir.scopes import granted
from hub.fhir.search import entry_text, join
from hub.fhir.store import basis_of, instant, members_of, one, permitted, require, scope, select
from hub.fhir.wiring import Answer, Call
from hub.kernel.errors import BadRequest, Issue, NotAllowed, NotFound, Refusal, Stale
from hub.kernel.jsontext import decode

_ETAG = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


class PreconditionFailed(Refusal):
    status, code, title = 412, "multiple-matches", "More than one fits"


def http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)


def version_of(etag: str | None) -> int | None:
    r"""From `W/"3"`, `"3"` or `3`. Raises BadRequest."""
    if etag is None or etag.strip() == "*":
        return None
    match = _ETAG.fullmatch(etag.strip())
    if match is None:
        raise BadRequest('An ETag is written W/"3".')
    return int(match[1])


async def read(
    call: Call, resource_type: str, row_id: str, if_none_match: str | None = None, if_modified_since: str | None = None
) -> Answer:
    resource = call.wiring.resource(resource_type)
    row = await _seen(call, resource, row_id, "read")
    await call.record(
        "read", resource.name, ids=[f"{resource.name}/{row_id}"],
        members=members_of(call, [(resource, row)]),
        basis=basis_of([row]),
    )  # fmt: skip
    version, at = int(row["version"]), instant(row["updated_at"])
    if _unchanged(version, at, if_none_match, if_modified_since):
        return Answer(304, None, version, at)
    return Answer(200, row["document"], version, at)


def _unchanged(version: int, at: datetime, if_none_match: str | None, if_modified_since: str | None) -> bool:
    if if_none_match is not None:
        matches = (_ETAG.fullmatch(one.strip()) for one in if_none_match.split(","))
        return any(match is not None and int(match[1]) == version for match in matches)
    if if_modified_since is not None:
        try:
            since = parsedate_to_datetime(if_modified_since)
        except ValueError:
            return False
        return at.replace(microsecond=0) <= (since if since.tzinfo else since.replace(tzinfo=UTC))
    return False


async def _seen(call: Call, resource: Resource, row_id: str, interaction: str) -> Row:
    try:
        row = await one(call, resource, row_id)
        if row is None:
            raise NotFound(f"There is no {resource.name} with this id that you may see.")
    except Refusal as refusal:
        await call.record(
            interaction, resource.name, ids=[f"{resource.name}/{row_id}"], outcome="refused", basis=refusal.words
        )
        raise
    return row


async def vread(call: Call, resource_type: str, row_id: str, version: str) -> Answer:
    resource = call.wiring.resource(resource_type)
    row = await _seen(call, resource, row_id, "vread")
    found: list[Row] = []
    if re.fullmatch(r"[1-9][0-9]{0,8}", version):
        found = await _versions(
            call, resource, row, Condition("v.version = {}", (int(version),)), " ORDER BY v.version"
        )
    if not found:
        await call.record(
            "vread", resource.name, ids=[f"{resource.name}/{row_id}"], outcome="refused", basis="no such version"
        )
        raise NotFound(f"This {resource.name} has no such version.")
    await call.record(
        "vread", resource.name, ids=[f"{resource.name}/{row_id}/_history/{version}"],
        members=members_of(call, [(resource, one) for one in found]), basis=basis_of(found),
    )  # fmt: skip
    return Answer(200, found[0]["document"], int(found[0]["version"]), instant(found[0]["updated_at"]))


async def _versions(call: Call, resource: Resource, row: Row, condition: Condition, tail: str) -> list[Row]:
    """Versions of a row that may be seen; each passes the decision function with what it then held."""
    kept = await fetch(
        "SELECT v.version, v.updated_at, v.method, v.document FROM resource_version v"
        f" WHERE v.resource_type = {{}} AND v.resource_id = {{}} AND {condition.sql}{tail}",
        resource.name, row["id"], *condition.args,
    )  # fmt: skip
    current = row["version"]
    return await permitted(
        call, resource, [{**row, **version, "past": version["version"] != current} for version in kept]
    )


async def history(call: Call, resource_type: str, row_id: str, pairs: Sequence[tuple[str, str]]) -> Answer:
    resource = call.wiring.resource(resource_type)
    row = await _seen(call, resource, row_id, "history-instance")
    count, limits = MAX_COUNT, [Condition("1 = 1")]
    before: int | None = None
    applied = []
    for name, value in pairs:
        if name == "_count":
            if not re.fullmatch(r"[0-9]{1,9}", value):
                raise refuse(name, "takes a whole number.")
            count = min(int(value), MAX_COUNT)
            applied.append((name, value))
        elif name in ("_since", "_at"):
            limits.append(_history_limit(name, value))
            applied.append((name, value))
        elif name == CURSOR:
            if not value.isdigit() or len(value) > 9:
                raise refuse(name, "is not from a link that the hub gave.")
            before = int(value)
    everything = all_of(limits)
    page = all_of([everything, Condition("v.version < {}", (before,))]) if before is not None else everything
    found = await _versions(call, resource, row, page, f" ORDER BY v.version DESC LIMIT {count + 1}")
    shown, total = found[:count], None
    if before is None and len(found) <= count:
        total = len(found)  # exact or not given: versions that are withheld do not count
    elif resource.permit is None:
        sql = "SELECT count(*) AS n FROM resource_version v WHERE v.resource_type = {} AND v.resource_id = {} AND "
        total = int(await fetch_value(sql + everything.sql, resource.name, row["id"], *everything.args))
    base = call.wiring.fhir_base
    own = f"{base}/{resource.name}/{row_id}/_history"
    query = "&".join(f"{name}={value}" for name, value in applied)
    links = [{"relation": "self", "url": f"{own}?{query}" if query else own}]
    if len(found) > count and shown:
        links.append({"relation": "next", "url": f"{own}?{query}&{CURSOR}={shown[-1]['version']}"})
    entries = [entry_text(base, resource.name, one, _history_part(resource, one)) for one in shown]
    await call.record(
        "history-instance", resource.name, ids=[f"{resource.name}/{row_id}"],
        members=members_of(call, [(resource, row)]),
        basis=basis_of(shown),
    )  # fmt: skip
    return Answer(200, join("history", links, entries, total))


def _history_limit(name: str, value: str) -> Condition:
    try:
        low, high = bounds(value)
    except ValueError:
        raise refuse(name, "is not a date.") from None
    if name == "_since":
        return Condition("v.updated_at >= {}", (low,))
    # The versions that were current at some time in the range: none after it, and of those before, the last.
    return Condition(
        "v.updated_at < {} AND v.version >= (SELECT COALESCE(MAX(w.version), 1) FROM resource_version w"
        " WHERE w.resource_type = v.resource_type AND w.resource_id = v.resource_id AND w.updated_at <= {})",
        (high, low),
    )


def _history_part(resource: Resource, row: Row) -> str:
    method = row["method"]
    url = resource.name if method == "POST" else f"{resource.name}/{row['id']}"
    status = "201" if method == "POST" else "200"
    return (
        f'"request":{{"method":"{method}","url":"{url}"}},"response":{{"status":"{status}",'
        f'"etag":"W/\\"{row["version"]}\\"","lastModified":"{instant_text(instant(row["updated_at"]))}"}}'
    )


def answer_of(call: Call, stored: Stored, status: int) -> Answer:
    location = f"{call.wiring.fhir_base}/{stored.resource_type}/{stored.id}/_history/{stored.version}"
    return Answer(status, stored.text, stored.version, stored.updated_at, location, stored=stored)


async def create(call: Call, resource_type: str, document: Document, if_none_exist: str | None = None) -> Answer:
    resource = call.wiring.resource(resource_type)
    if resource.create is None:
        raise not_allowed(resource, "create")
    await _required(call, resource, "c", "create")
    if call.bundle is None:  # a transaction has checked all its entries beforehand
        check(resource, document)
    return await _write(call, resource, "create", None, lambda: _create(call, resource, document, if_none_exist))


async def _create(call: Call, resource: Resource, document: Document, if_none_exist: str | None) -> Answer:
    if if_none_exist is not None:
        existing = await match(call, resource, if_none_exist, lock=True)
        if len(existing) > 1:
            raise PreconditionFailed("If-None-Exist fits more than one resource.")
        if existing:
            return await _found(call, resource, _as_stored(resource, existing[0]))
    if resource.create is None:
        raise not_allowed(resource, "create")
    stored = await resource.create(call.actor, document, call.context)
    return answer_of(call, stored, 201) if stored.created else await _found(call, resource, stored)


async def _found(call: Call, resource: Resource, stored: Stored) -> Answer:
    """What was on file already. Its id is needed to refer to it; the rest is a read like any other."""
    row = None
    if granted(call.actor.scopes, resource.name, "r") is not None:
        row = await one(call, resource, stored.id)
    if row is None:
        address = f"{call.wiring.fhir_base}/{stored.resource_type}/{stored.id}"
        return Answer(200, location=address, stored=stored)
    await call.record(
        "read", resource.name, ids=[f"{resource.name}/{stored.id}"], members=members_of(call, [(resource, row)]),
        basis=basis_of([row]),
    )  # fmt: skip
    return answer_of(call, _as_stored(resource, row), 200)


async def match(call: Call, resource: Resource, query: str, lock: bool = False) -> list[Row]:
    """At most two of the rows that a conditional interaction's query fits."""
    found = all_of(
        [
            scope(call, resource, "s"),
            conditions(
                call,
                resource,
                parse_qsl(query.removeprefix(f"{resource.name}?").removeprefix("?"), keep_blank_values=True),
            ),
        ]
    )
    if lock and not is_sqlite():
        # Two that would create the same thing take turns; SQLite's writers always do.
        key = f"{resource.name}?{query}"
        await fetch("SELECT pg_advisory_xact_lock(hashtextextended({}, 0))", key)
    rows = await select(resource, found, " ORDER BY r.id LIMIT 2")
    return await permitted(call, resource, rows)


def _as_stored(resource: Resource, row: Row) -> Stored:
    return Stored(
        resource.name, str(row["id"]), int(row["version"]), instant(row["updated_at"]), row["document"], created=False
    )


async def update(
    call: Call, resource_type: str, row_id: str, document: Document, expected: int | None = None
) -> Answer:
    resource = call.wiring.resource(resource_type)
    if resource.update is None:
        raise not_allowed(resource, "update")
    await _required(call, resource, "u", "update")
    if document.get("id") != row_id:
        issue = Issue(f"{resource.name}.id", "Must be the id of the address.", "value")
        raise BadRequest("The resource's id is not the id of the address.", issues=[issue])
    if call.bundle is None:
        check(resource, document)
    return await _write(call, resource, "update", row_id, lambda: _update(call, resource, row_id, document, expected))


async def _update(call: Call, resource: Resource, row_id: str, document: Document, expected: int | None) -> Answer:
    if resource.update is None:
        raise not_allowed(resource, "update")
    try:
        stored = await resource.update(call.actor, row_id, document, expected, call.context)
    except NotFound as error:
        if error.issues:
            raise
        words = f"There is no {resource.name} with this id that you may change, and ids are given by the hub alone."
        raise NotAllowed(words, audit=error.audit) from None
    return answer_of(call, stored, 200)


async def patch(
    call: Call, resource_type: str, row_id: str, change: Callable[[Document], Document], expected: int | None = None
) -> Answer:
    """Judged as the update that comes out of it."""
    resource = call.wiring.resource(resource_type)
    if resource.update is None:
        raise not_allowed(resource, "patch")
    await _required(call, resource, "u", "patch")

    async def whole() -> Answer:
        row = await one(call, resource, row_id, "u")
        if row is None:
            raise NotFound(f"There is no {resource.name} with this id that you may see.")
        if expected is not None and expected != int(row["version"]):
            raise Stale("Somebody else changed this meanwhile. Nothing was saved.")
        document = change(decode(row["document"]))
        if document.get("id") != row_id:
            issue = Issue(f"{resource.name}.id", "Stays as it is.", "value")
            raise BadRequest("A patch may not change the id.", issues=[issue])
        check(resource, document)
        return await _update(call, resource, row_id, document, int(row["version"]))

    return await _write(call, resource, "patch", row_id, whole)


async def _required(call: Call, resource: Resource, letter: str, interaction: str) -> None:
    try:
        require(call, resource.name, letter)
    except Refusal as refusal:
        if call.bundle is None:
            await call.record(interaction, resource.name, outcome="refused", basis=refusal.words)
        raise


async def _write(
    call: Call, resource: Resource, interaction: str, row_id: str | None, work: Callable[[], object]
) -> Answer:
    """One unit of work; inside a transaction Bundle, part of the Bundle's. A refusal that carries no audit entry of its
    feature is recorded here, after the rollback."""
    told = False

    async def whole() -> Answer:
        nonlocal told
        try:
            return await work()  # type: ignore[misc, no-any-return]
        except Refusal as refusal:
            told = refusal.audit is not None
            raise

    try:
        return await unit_of_work(whole)()
    except Refusal as refusal:
        if not told and call.bundle is None:
            ids = [f"{resource.name}/{row_id}"] if row_id else []
            await call.record(interaction, resource.name, ids=ids, outcome="refused", basis=refusal.words)
        raise


def not_allowed(resource: Resource, interaction: str) -> NotAllowed:
    return NotAllowed(f"{interaction} of {resource.name} is not supported.")
