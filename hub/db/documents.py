"""Writing a stored document: row, projected columns and version in one go. Part of the caller's unit of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from piccolo.table import Table

from hub.db.tables import ResourceVersion
from hub.kernel import clock
from hub.kernel.errors import Stale
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode

_VERSIONS = 2**31 - 1  # what the column holds


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


def _now() -> datetime:
    """Whole milliseconds, so that the column and `meta.lastUpdated` say the same."""
    now = clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _stale() -> Stale:
    return Stale("Somebody else changed this meanwhile. Nothing was saved; look at the current state and try again.")


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
    body = encode(_with_meta(document, row_id, 1, at))
    row: dict[str, Any] = {"version": 1, "updated_at": at, "source": organization, "document": body, **columns}
    await table.insert(table(id=row_id, **row))
    await _keep_version(resource_type, row_id, 1, "POST", at, organization, body)
    return Stored(resource_type, row_id, 1, at, body)


async def replace(
    table: type[Table],
    row_id: str,
    expected: int,
    document: Mapping[str, Any],
    columns: Mapping[str, Any],
    *,
    organization: str | None,
) -> Stored:
    """Store the next version of a resource. Raises `Stale` when `expected` is no longer the current version."""
    if not 0 < expected < _VERSIONS:
        raise _stale()
    at, version = _now(), expected + 1
    body = encode(_with_meta(document, row_id, version, at))
    values: dict[Any, Any] = {"version": version, "updated_at": at, "document": body, **columns}
    changed = await (
        table.update(values)
        .where(table.id == row_id, table.version == expected)  # type: ignore[attr-defined]
        .returning(table.id)  # type: ignore[attr-defined]
    )
    if not changed:
        raise _stale()
    resource_type = str(document["resourceType"])
    await _keep_version(resource_type, row_id, version, "PUT", at, organization, body)
    return Stored(resource_type, row_id, version, at, body, created=False)


async def _keep_version(
    resource_type: str, row_id: str, version: int, method: str, at: datetime, organization: str | None, body: str
) -> None:
    await ResourceVersion.insert(
        ResourceVersion(
            resource_type=resource_type,
            resource_id=row_id,
            version=version,
            method=method,
            updated_at=at,
            organization=organization,
            document=body,
        )
    )
