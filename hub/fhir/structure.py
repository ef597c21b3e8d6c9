"""What fhir.resources lets pass: JSON types, empty values, required codes, reference targets, periods, narrative.

One walk over a decoded document beside the shape of its type, which is made once. Finds two kinds of trouble:
`malformed` (400: it is not FHIR JSON) and `broken` (422: it reads well but breaks a rule of the base type). Where it is
in the document is put into words only where there is something to say.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from hub.fhir.codes import REQUIRED
from hub.fhir.dates import bounds
from hub.fhir.models import model as model_of
from hub.fhir.narrative import acts
from hub.kernel.errors import Issue

MAX_DEPTH = 48
MAX_ISSUES = 40
MAX_REFERENCE = 2000

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DATE = r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PATTERNS = {
    "Date": re.compile(_DATE),
    "DateTime": re.compile(rf"{_DATE}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}{_ZONE}"),
    "Instant": re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}{_ZONE}"),
    "Time": re.compile(_TIME),
    "Id": _ID,
    "Code": re.compile(r"[^\s]+( [^\s]+)*"),
}
_DATES = {"Date", "DateTime", "Instant"}
_FIRST_YEAR, _LAST_YEAR = 2, 9998  # the years at both ends leave the calendar when the zone changes
_CAN_BE_EMPTY = (str, list, dict, type(None))
_INTEGERS = {"Integer", "PositiveInt", "UnsignedInt", "Integer64"}
_RELATIVE = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.\-]*:\S+", re.IGNORECASE)
_REST_URL = re.compile(r"https?://\S+/([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+=\S+")

Codes = Mapping[str, frozenset[str]]
References = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a model: a primitive (its name), or another model's class name."""

    many: bool
    primitive: str | None
    model: str | None
    targets: frozenset[str]
    codes: frozenset[str]


@cache
def elements_of(model: str) -> Mapping[str, Element]:
    """Every element of a model by its JSON name."""
    return {
        info.alias or name: _element(model, info)
        for name, info in model_of(model).model_fields.items()
        if name != "fhir_comments"
    }


def _element(model: str, info: Any) -> Element:
    inner = _without_none(info.annotation)
    many = typing.get_origin(inner) is list
    if many:
        inner = _without_none(typing.get_args(inner)[0])
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    targets = frozenset(str(one) for one in extra.get("enum_reference_types", ()))
    codes = REQUIRED.get(f"{model}.{info.alias}", frozenset())
    if hasattr(inner, "get_model_klass"):
        return Element(many, None, inner.__name__.removesuffix("Type"), targets, codes)
    if inner is bool:
        return Element(many, "Boolean", None, targets, codes)
    marks = getattr(inner, "__metadata__", ())
    return Element(many, type(marks[0]).__name__ if marks else "String", None, targets, codes)


def _without_none(annotation: Any) -> Any:
    """`X` out of `X | None`."""
    if typing.get_origin(annotation) in (typing.Union, type(int | None)):
        return next(one for one in typing.get_args(annotation) if one is not type(None))
    return annotation


class Shape:
    """A model as the walk goes through it: what is asked of each element, made out of `elements_of` once.

    `codes` and `references` narrow some elements, by path such as `Task.focus`; the shape of what they do not touch is
    the same for all.
    """

    __slots__ = ("elements", "is_resource", "model")

    def __init__(self, model: str, path: str, codes: Codes, references: References) -> None:
        elements = elements_of(model)
        self.model, self.is_resource = model, "meta" in elements
        self.elements = {name: Step(one, f"{path}.{name}", codes, references) for name, one in elements.items()}


class Step:
    """One element of a shape. What lies below it is made when a document first has it."""

    __slots__ = (
        "_below",
        "_narrowed",
        "_path",
        "check",
        "codes",
        "kind",
        "many",
        "matches",
        "model",
        "nulls",
        "targets",
    )

    def __init__(self, element: Element, path: str, codes: Codes, references: References) -> None:
        self.many, self.model, self.kind = element.many, element.model, element.primitive or ""
        self.nulls = element.primitive is not None
        self.codes = codes.get(path) or element.codes
        self.targets = frozenset(references.get(path) or ()) or element.targets - {"Resource"}
        pattern = _PATTERNS.get(self.kind)
        self.matches = pattern.fullmatch if pattern else None
        self.check = _check_of(element)
        self._narrowed, self._path = (codes, references), path
        self._below: Shape | None = None

    @property
    def below(self) -> Shape:
        if self._below is None:
            self._below = _shape(self.model or "Element", self._path, *self._narrowed)
        return self._below


def shape_of(resource_type: str, codes: Codes | None = None, references: References | None = None) -> Shape:
    """The shape of a resource type, narrowed by its description."""
    return _shape(resource_type, resource_type, codes or {}, references or {})


def _shape(model: str, path: str, codes: Codes, references: References) -> Shape:
    if any(one.startswith(f"{path}.") for one in (*codes, *references)):
        return Shape(model, path, codes, references)
    return _common(model)


@cache
def _common(model: str) -> Shape:
    return Shape(model, model, {}, {})


class Walk:
    """The findings on one document. `entries`: the type that each reference to an entry of the same Bundle leads to."""

    __slots__ = ("_contained", "_entries", "_local", "_path", "_root", "broken", "malformed")

    def __init__(self, entries: Mapping[str, str] | None = None) -> None:
        self._entries = entries or {}
        self.malformed: list[Issue] = []
        self.broken: list[Issue] = []
        self._path: list[str | int] = []  # where the walk is
        self._contained: dict[str, str] = {}
        self._local: list[tuple[str, str, frozenset[str]]] = []

    def document(self, shape: Shape, document: dict[str, Any]) -> None:
        held = document.get("contained")
        for one in held if isinstance(held, list) else ():
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                self._contained[one["id"]] = str(one.get("resourceType"))
        self._root = shape
        self._path.append(shape.model)
        self._object(shape, document, 0)
        for path, name, targets in self._local:
            kind = self._contained.get(name)
            if kind is None:
                self._add(self.broken, path, f"No contained resource has the id {name!r}.", "not-found")
            elif targets and kind not in targets:
                self._add(self.broken, path, f"May not refer to a {kind}.", "value")

    def _here(self, *more: str) -> str:
        first, *rest = self._path
        return str(first) + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in (*rest, *more))

    @staticmethod
    def _add(found: list[Issue], path: str, words: str, code: str) -> None:
        if len(found) < MAX_ISSUES:
            found.append(Issue(path, words, code))

    def _bad(self, words: str, code: str = "structure", *more: str) -> None:
        self._add(self.malformed, self._here(*more), words, code)

    def _break(self, words: str, code: str = "invariant", *more: str) -> None:
        self._add(self.broken, self._here(*more), words, code)

    def _object(self, shape: Shape, value: dict[str, Any], depth: int) -> None:
        if depth > MAX_DEPTH:
            self._bad(f"Nested deeper than {MAX_DEPTH} levels.", "too-costly")
            return
        path, elements = self._path, shape.elements
        for name, inner in value.items():
            step = elements.get(name)
            if step is None and name == "resourceType" and shape.is_resource:
                continue
            path.append(name)
            if name == "fhir_comments":
                self._bad("Comments are not part of FHIR JSON.")
            elif not inner and isinstance(inner, _CAN_BE_EMPTY):
                self._bad("An element is left out when it has no value; it is never null or empty.", "value")
            elif step is None:
                self._bad("There is no such element here.")
            elif step.many:
                self._list(step, inner, value, name, depth)
            elif isinstance(inner, list):
                self._bad("There may be only one here, not a list.")
            else:
                step.check(self, step, inner, depth)
            path.pop()
        if shape.model == "Period":
            self._period(value)
        elif shape.model == "Narrative" and isinstance(value.get("div"), str):
            self._narrative(value["div"])

    def _list(self, step: Step, inner: Any, parent: dict[str, Any], name: str, depth: int) -> None:
        if not isinstance(inner, list):
            self._bad("This element is a list.")
            return
        path, check = self._path, step.check
        for number, one in enumerate(inner):
            path.append(number)
            if one is None:
                # A null in a list of primitives keeps the place of one that has only extensions, or none.
                other = parent.get(name[1:] if name.startswith("_") else f"_{name}")
                filled = isinstance(other, list) and number < len(other) and other[number] is not None
                if not (filled and (step.nulls or name.startswith("_"))):
                    self._bad("There is no null in a list.", "value")
            elif not one and isinstance(one, _CAN_BE_EMPTY):
                self._bad("An element is left out when it has no value; it is never empty.", "value")
            else:
                check(self, step, one, depth)
            path.pop()

    # What `Step.check` may be

    def nested(self, step: Step, value: Any, depth: int) -> None:
        if isinstance(value, dict):
            self._object(step.below, value, depth + 1)
        else:
            self._bad("This element is an object.")

    def reference(self, step: Step, value: Any, depth: int) -> None:
        if isinstance(value, dict):
            self._reference(step.targets, value)
        self.nested(step, value, depth)

    def contained(self, step: Step, value: Any, depth: int) -> None:
        kind = value.get("resourceType") if isinstance(value, dict) else None
        if not isinstance(value, dict):
            self._bad("This element is an object.")
        elif not isinstance(kind, str) or not is_resource_type(kind):
            self._bad("This is not a resource type of FHIR R4.", "structure", "resourceType")
        else:
            self._object(self._root if kind == self._root.model else _common(kind), value, depth + 1)

    def boolean(self, step: Step, value: Any, depth: int) -> None:
        if not isinstance(value, bool):
            self._bad("Must be true or false, without quotes.", "value")

    def integer(self, step: Step, value: Any, depth: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            self._bad("Must be a whole number, without quotes.", "value")

    def decimal(self, step: Step, value: Any, depth: int) -> None:
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            self._bad("Must be a number, without quotes.", "value")

    def text(self, step: Step, value: Any, depth: int) -> None:
        if not isinstance(value, str):
            self._bad("Must be a text in quotes.", "value")
            return
        codes, matches = step.codes, step.matches
        if value in codes:
            return
        if not value.isprintable() and _CONTROL.search(value):
            self._bad("Holds a control character.", "value")
        if matches is not None and not matches(value):
            self._bad(f"This is not a FHIR {step.kind[0].lower()}{step.kind[1:]}.", "value")
        elif step.kind in _DATES and not _is_date(value):
            self._bad("There is no such date, or it lies outside what the hub can hold.", "value")
        if value.isspace():
            self._bad("Holds nothing but blanks.", "value")
        if codes:
            self._break(f"Must be one of: {', '.join(sorted(codes))}.", "code-invalid")

    def _reference(self, targets: frozenset[str], value: dict[str, Any]) -> None:
        target, kind = value.get("reference"), value.get("type")
        if not isinstance(target, str):
            if targets and isinstance(kind, str) and kind not in targets:
                self._break(f"May not refer to a {kind}.", "value", "type")
            return
        if len(target) > MAX_REFERENCE:
            self._break(f"Longer than {MAX_REFERENCE} characters.", "too-long", "reference")
            return
        if target.startswith("#"):
            if len(target) > 1:
                self._local.append((self._here("reference"), target[1:], targets))
            return
        if self._entries and (entry := self._entries.get(target.partition("/_history/")[0])):
            self._leads_to(entry, targets, kind)
            return
        if target.startswith("urn:uuid:"):
            self._break("No entry of the same transaction has this fullUrl.", "not-found", "reference")
            return
        match = _RELATIVE.fullmatch(target) or _CONDITIONAL.fullmatch(target) or _REST_URL.fullmatch(target)
        if match is None and not _ABSOLUTE.fullmatch(target):
            self._break("A reference is written Type/id, as a URL, urn:uuid:… or #id.", "value", "reference")
        elif match is not None:
            if is_resource_type(match[1]):
                self._leads_to(match[1], targets, kind)
            elif not target.lower().startswith("http"):
                self._break(f"There is no resource type {match[1][:40]!r}.", "value", "reference")

    def _leads_to(self, found: str, targets: frozenset[str], said: Any) -> None:
        if targets and found not in targets:
            words = f"May not refer to a {found}; only to {', '.join(sorted(targets))}."
            self._break(words, "value", "reference")
        elif isinstance(said, str) and said != found:
            self._break("Says another type than the reference itself.", "value", "type")

    def _period(self, value: dict[str, Any]) -> None:
        start, end = value.get("start"), value.get("end")
        if not (isinstance(start, str) and isinstance(end, str)):
            return
        try:
            if bounds(start)[0] >= bounds(end)[1]:
                self._break("The period ends before it starts.", "invariant")
        except ValueError:
            pass  # the model names the malformed date

    def _narrative(self, div: str) -> None:
        if not div.lstrip().lower().startswith("<div"):
            self._break("A narrative is one <div>.", "invariant", "div")
        if acts(div):
            self._break("A narrative may hold no script, handler, form, frame or style.", "security", "div")


def _check_of(element: Element) -> Callable[[Walk, Step, Any, int], None]:
    kind = element.primitive
    if kind is None:
        own = {"Resource": Walk.contained, "Reference": Walk.reference}
        return own.get(element.model or "", Walk.nested)
    if kind in _INTEGERS:
        return Walk.integer
    return {"Boolean": Walk.boolean, "Decimal": Walk.decimal}.get(kind, Walk.text)


def _is_date(text: str) -> bool:
    """Whether it exists, and stays a date in every zone."""
    try:
        if _FIRST_YEAR < datetime.fromisoformat(text).year < _LAST_YEAR:
            return True
    except ValueError:
        pass  # a year or month alone, or a leap second
    try:
        low, high = bounds(text)
    except ValueError:
        return False
    return low.year >= _FIRST_YEAR and high.year <= _LAST_YEAR


@lru_cache(maxsize=512)
def is_resource_type(name: str) -> bool:
    """Whether FHIR R4 has this resource type."""
    from fhir.resources.R4B import fhirtypes

    kind = getattr(fhirtypes, f"{name}Type", None)
    if kind is None or not name.isidentifier() or name in ("Resource", "DomainResource"):
        return False
    model = model_of(name)
    return "meta" in model.model_fields and "implicitRules" in model.model_fields
