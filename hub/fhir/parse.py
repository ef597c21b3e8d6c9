"""From the bytes of a request to a document that may be judged: decoded, well-formed, valid FHIR R4."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import ValidationError

from hub.fhir.description import Document, Resource
from hub.fhir.models import loading, model
from hub.fhir.structure import MAX_ISSUES, Walk, elements_of
from hub.kernel.errors import BadRequest, Invalid, Issue, Refusal

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST_NUMBER = 40


class TooLarge(Refusal):
    status, code, title = 413, "too-long", "Too large"


class _Duplicate(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Duplicate(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _number(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("number too long")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("number too long")
    return int(text)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant, strict=True
)


def decode(body: bytes) -> Any:
    """JSON whose decimals stay as written. Refuses duplicate keys, which each reader would understand differently."""
    try:
        text = body.decode("utf-8").removeprefix("\ufeff")
        value = _decoder.decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except _Duplicate as error:
        name = str(error)[:64]
        issue = Issue(name, "Stands twice in the same object.", "structure")
        raise BadRequest("A key stands twice in the same object.", issues=[issue]) from None
    except UnicodeError:
        raise BadRequest("The body is not text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError:
        raise BadRequest("The body holds a number that is not JSON, or too long.") from None
    return value


def decode_document(body: bytes) -> Document:
    value = decode(body)
    if not isinstance(value, dict):
        raise BadRequest("The body is not a JSON object.")
    return value


def check(resource: Resource, document: Document, entries: Mapping[str, str] | None = None) -> None:
    """Refuse what is no valid document of this type: 400 where it is malformed, 422 where it breaks a rule.

    `entries`: in a Bundle, the types to which references to its entries lead.
    """
    kind = document.get("resourceType")
    if kind != resource.name:
        issue = Issue(f"{resource.name}.resourceType", f"Must be {resource.name}.", "structure")
        raise BadRequest(f"The resource is not a {resource.name}.", issues=[issue])
    walk = Walk(entries)
    walk.document(resource.shape, document)
    if walk.malformed:
        raise BadRequest("This is not FHIR JSON.", issues=walk.malformed)
    invalid = model_issues(resource.name, document)
    if invalid:
        raise BadRequest(f"This is not a valid {resource.name} of FHIR R4.", issues=invalid)
    broken = list(walk.broken)
    for rule in resource.checks if not broken else ():
        broken.extend(rule(document))
    if any(one.severity in ("error", "fatal") for one in broken):
        raise Invalid("A rule of the profile is broken.", issues=broken[:MAX_ISSUES])


def model_issues(resource_type: str, document: Document) -> list[Issue]:
    """What the model of fhir.resources says. Its own words name values, so they are replaced by words that do not."""
    try:
        with loading:
            model(resource_type).model_validate(document)
    except ValidationError as error:
        found = [
            Issue(expression(resource_type, one["loc"]), _words(one["type"], one["msg"]), _code(one["type"]))
            for one in error.errors(include_url=False, include_input=False, include_context=False)[:MAX_ISSUES]
        ]
        return list(dict.fromkeys(found))
    except RecursionError:
        return [Issue(resource_type, "Nested too deeply.", "too-costly")]
    except (KeyError, TypeError, AttributeError, ValueError):
        return [Issue(resource_type, "This cannot be read as FHIR R4.", "structure")]
    return []


def expression(resource_type: str, location: tuple[int | str, ...]) -> str:
    """`Task.code.coding[0].system` from where pydantic found it."""
    path, elements = resource_type, elements_of(resource_type)
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        name = step.removesuffix("_fhir")
        if "__ext" in name:
            name = f"_{name.removesuffix('__ext')}"
        path += f".{name if name in elements or len(name) < 64 else '…'}"
    return path


def _code(kind: str) -> str:
    return "required" if "missing" in kind else "structure" if kind == "extra_forbidden" else "value"


def _words(kind: str, message: str) -> str:
    if "missing" in kind:
        return "This element is required."
    if kind == "extra_forbidden":
        return "There is no such element here."
    if kind == "list_type":
        return "This element is a list."
    if kind == "value_error":
        if "Any of one field value" in message:
            return (
                "Only one of the choices may be given." if "multiple" in message else "One of the choices is required."
            )
        return "This value is not allowed here."
    return "This is not a value of this element's type."
