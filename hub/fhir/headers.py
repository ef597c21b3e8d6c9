"""Headers in: what the client accepts, sends and prefers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from hub.fhir.outcome import RouterRefusal

JSON_TYPES = frozenset({"application/fhir+json", "application/json", "text/json"})
_FORMATS = JSON_TYPES | {"json"}
_VERSIONS = frozenset({"4.0", "4.0.1"})


def header(sent: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Of a request's raw headers the first one of this name (in small letters)."""
    for key, value in sent:
        if key == name:
            return value.decode("latin-1")
    return None


def _parts(header: str) -> tuple[str, dict[str, str]]:
    kind, *rest = (one.strip() for one in header.split(";"))
    pairs = (one.partition("=") for one in rest if "=" in one)
    return kind.lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def require_acceptable(accept: str | None, format_parameter: str | None) -> None:
    """406 where JSON is not among what the client takes. `_format` goes before Accept."""
    if format_parameter:
        kind = _parts(format_parameter)[0].replace("fhir json", "fhir+json")  # an unescaped plus is a blank
        if kind not in _FORMATS:
            raise RouterRefusal(406, "The hub speaks JSON only: _format=json.", "not-supported")
    elif not _takes_json(accept):
        raise RouterRefusal(406, "The hub speaks JSON only: Accept: application/fhir+json.", "not-supported")


@lru_cache(maxsize=256)  # a client says the same each time
def _takes_json(accept: str | None) -> bool:
    for one in (accept or "*/*").split(","):
        kind, parameters = _parts(one)
        if kind not in JSON_TYPES and kind not in ("*/*", "application/*", ""):
            continue
        if parameters.get("fhirversion", "4.0") in _VERSIONS and not re.fullmatch(
            r"0(\.0*)?", parameters.get("q", "1")
        ):
            return True
    return False


def require_content_type(header: str | None, allowed: frozenset[str]) -> None:
    """415 for a body of another type."""
    kind, parameters = _parts(header or "")
    if kind not in allowed:
        raise RouterRefusal(415, f"Send the body as {sorted(allowed)[0]}.", "not-supported")
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise RouterRefusal(415, "Send the body in UTF-8.", "not-supported")
    if parameters.get("fhirversion", "4.0") not in _VERSIONS:
        raise RouterRefusal(415, "The hub speaks FHIR 4.0.", "not-supported")


@lru_cache(maxsize=256)
def preferences(header: str | None) -> frozenset[str]:
    """`return=minimal; handling=strict` as a set. An unknown preference is ignored, as HTTP wants it."""
    return frozenset(re.sub(r"\s*=\s*", "=", one.strip()).replace('"', "") for one in re.split("[,;]", header or ""))
