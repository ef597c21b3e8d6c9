"""Ids: time-ordered, so that an index on them stays compact, and valid as FHIR ids."""

from __future__ import annotations

from uuid_utils import uuid7


def new_id() -> str:
    """A new uuid7 in its canonical text form, 36 characters."""
    return str(uuid7())
