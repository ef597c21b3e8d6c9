"""JSON Patch (RFC 6902) on a document. Pure; the document given is left as it was."""

from __future__ import annotations

from typing import Any

from hub.fhir.description import Document
from hub.kernel.errors import BadRequest, Invalid, Issue

MAX_OPERATIONS = 200


class _Missing(Exception):
    pass


def apply(document: Document, operations: Any) -> Document:
    """Raises BadRequest for what is no patch, Invalid where a path leads nowhere or a `test` fails."""
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise BadRequest(f"A JSON Patch is a list of at most {MAX_OPERATIONS} operations.")
    try:
        return _applied(document, operations)
    except RecursionError:
        raise BadRequest("The patch is nested too deeply.") from None


def _applied(document: Document, operations: list[Any]) -> Document:
    result: Any = _copy(document)
    for number, one in enumerate(operations):
        if not isinstance(one, dict) or not isinstance(one.get("path"), str):
            raise BadRequest(f"Operation {number} of the patch has no path.")
        try:
            result = _apply(result, one, number)
        except _Missing:
            issue = Issue("", f"Operation {number}: there is nothing at its path.", "not-found")
            raise Invalid("A path of the patch leads nowhere.", issues=[issue]) from None
    if not isinstance(result, dict):
        raise Invalid("The patch leaves no resource.")
    return result


def _copy(value: Any) -> Any:
    """Of JSON alone."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _apply(document: Any, operation: dict[str, Any], number: int) -> Any:
    kind, path = operation.get("op"), _steps(operation["path"])
    if kind in ("add", "replace", "test"):
        if "value" not in operation:
            raise BadRequest(f"Operation {number} of the patch has no value.")
        value = _copy(operation["value"])
        if kind == "add":
            return _add(document, path, value)
        if kind == "test":
            if not _same(_get(document, path), value):
                issue = Issue("", f"Operation {number}: the test fails.", "conflict")
                raise Invalid("A test of the patch fails.", issues=[issue])
            return document
        _get(document, path)
        return _add(_remove(document, path), path, value) if path else value
    if kind == "remove":
        return _remove(document, path)
    if kind in ("move", "copy"):
        if not isinstance(operation.get("from"), str):
            raise BadRequest(f"Operation {number} of the patch has no from.")
        source = _steps(operation["from"])
        value = _copy(_get(document, source))
        if kind == "move":
            if path[: len(source)] == source and path != source:
                raise Invalid("Nothing can be moved into itself.")
            document = _remove(document, source)
        return _add(document, path, value)
    raise BadRequest(f"Operation {number} of the patch is none of add, remove, replace, move, copy, test.")


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise BadRequest("A path of a JSON Patch begins with a slash.")
    return [one.replace("~1", "/").replace("~0", "~") for one in path.split("/")[1:]]


def _index(step: str, length: int) -> int:
    if not step.isdecimal() or not step.isascii() or (len(step) > 1 and step[0] == "0") or int(step) >= length:
        raise _Missing
    return int(step)


def _get(value: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(value, list):
            value = value[_index(step, len(value))]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            raise _Missing
    return value


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _Missing
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[_index(last, len(parent))]
    elif isinstance(parent, dict) and last in parent:
        del parent[last]
    else:
        raise _Missing
    return document


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: `true` is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
