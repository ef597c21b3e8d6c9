"""Writing a stored document: row, projected columns and version in one go. Part of the caller's unit of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from piccolo.table import Table

from hub.db.engine import add, write
from hub.kernel import clock
from hub.kernel.errors import Stale
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode

_STALE = "Somebody else changed this meanwhile. Nothing was saved; look at the current state and try again."


@dataclass(frozen=True, slots=True)
class Stored:
    """What is on record of a resource: what a face needs for its answer."""

    resource_type: str
    id: str
    version: int
    updated_at: datetime
    text: str
    created: bool = True


def instant_text(instant: datetime) -> str:
    """A FHIR instant, milliseconds, UTC: `2026-11-21T23:27:31.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a client answers for: without the id, the version and its time, which the hub sets."""
    meta = {k: v for k, v in (document.get("meta") or {}).items() if k not in ("versionId", "lastUpdated")}
    body = {k: v for k, v in document.items() if k not in ("id", "meta")}
    return {**body, "meta": meta} if meta else body


def _with_meta(document: Mapping[str, Any], row_id: str, version: int, at: datetime) -> dict[str, Any]:
    meta = {"versionId": str(version), "lastUpdated": instant_text(at)}
    kept = {k: v for k, v in (document.get("meta") or {}).items() if k not in meta}
    body = {k: v for k, v in document.items() if k not in ("resourceType", "id", "meta")}
    return {"resourceType": document["resourceType"], "id": row_id, "meta": {**meta, **kept}, **body}


def stored_text(document: Mapping[str, Any], row_id: str, version: int, at: datetime) -> str:
    """The text of a version, as it is kept and served."""
    return encode(_with_meta(document, row_id, version, at))


def _now() -> datetime:
    """Whole milliseconds, so that the column and `meta.lastUpdated` say the same."""
    now = clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


async def insert(
    table: type[Table],
    document: Mapping[str, Any],
    columns: Mapping[str, Any],
    *,
    organization: str | None,
    row_id: str | None = None,
) -> Stored:
    """Store a new resource as version 1. `columns` are what the feature's `document.project` found."""
    row_id, at = row_id or new_id(), _now()
    resource_type = str(document["resourceType"])
    body = stored_text(document, row_id, 1, at)
    row = {"id": row_id, "version": 1, "updated_at": at, "source": organization, "document": body, **columns}
    await add(table._meta.tablename, row)
    await _keep_version(resource_type, row_id, 1, "POST", at, organization, body)
    return Stored(resource_type, row_id, 1, at, body)


async def replace(
    table: type[Table],
    row_id: str,
    current: int,
    document: Mapping[str, Any],
    columns: Mapping[str, Any],
    *,
    organization: str | None,
    expected: int | None = None,
) -> Stored:
    """Store the next version of a resource. Raises `Stale` when `expected` is not the current version.

    `current` is the version that the caller read in this unit of work. Nothing has to come back from the database: of
    two who read the same version the second finds its next one taken (a unique key), and its unit of work starts again
    with what is there now.
    """
    if expected not in (None, current):
        raise Stale(_STALE)
    at, version = _now(), current + 1
    body = stored_text(document, row_id, version, at)
    values = {"version": version, "updated_at": at, "document": body, **columns}
    await write(_update(table._meta.tablename, tuple(values)), *values.values(), row_id, current)
    resource_type = str(document["resourceType"])
    await _keep_version(resource_type, row_id, version, "PUT", at, organization, body)
    return Stored(resource_type, row_id, version, at, body, created=False)


@lru_cache(maxsize=256)
def _update(table: str, columns: tuple[str, ...]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{one} = {{}}' for one in columns)} WHERE id = {{}} AND version = {{}}"


async def _keep_version(
    resource_type: str, row_id: str, version: int, method: str, at: datetime, organization: str | None, body: str
) -> None:
    await add(
        "resource_version",
        {
            "id": new_id(),
            "resource_type": resource_type,
            "resource_id": row_id,
            "version": version,
            "method": method,
            "updated_at": at,
            "organization": organization,
            "document": body,
        },
    )
