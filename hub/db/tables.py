"""Stored FHIR documents: the columns that each resource type's table has, and the table of their versions."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import code, code_or_none, instant, key, number, text


class DocumentMixin:
    """The accepted JSON with `id` and `meta` set by the hub, as served; `source` is the organization it came from."""

    id = key()
    version = number(default=1)
    updated_at = instant()
    source = code_or_none()
    document = text()


class ResourceVersion(Table, tablename="resource_version"):
    """Every version of every resource, the current one included. Rows are only ever inserted."""

    id = key()
    resource_type = code()
    resource_id = code()
    version = number()
    method = code()  # POST or PUT
    updated_at = instant()
    organization = code_or_none()  # of the actor who made this version
    document = text()
