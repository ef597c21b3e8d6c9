"""What fhir.resources lets pass: JSON types, empty values, required codes, reference targets, periods, narrative.

One walk over a decoded document beside a table of each model's elements, made once per model. Finds two kinds of
trouble: `malformed` (400: it is not FHIR JSON) and `broken` (422: it reads well but breaks a rule of the base type).
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from hub.fhir.codes import REQUIRED
from hub.fhir.dates import bounds
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
_INTEGERS = {"Integer", "PositiveInt", "UnsignedInt", "Integer64"}
_RELATIVE = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.\-]*:\S+", re.IGNORECASE)
_REST_URL = re.compile(r"https?://\S+/([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+=\S+")
_ACTIVE = re.compile(
    r"<\s*(?:/\s*)?(script|iframe|object|embed|form|link|meta|base|svg|style)\b|[\s\"'/]on[a-z]+\s*=|javascript\s*:"
    r"|vbscript\s*:|data\s*:\s*text/html",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(#[0-9]+|#x[0-9a-f]+|tab|newline|colon);?", re.IGNORECASE)


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
        for name, info in get_fhir_model_class(model).model_fields.items()
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


@dataclass(slots=True)
class Walk:
    """The findings on one document. `references` may be narrowed, `codes` too, by path such as `Task.focus`."""

    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    urns: frozenset[str] = frozenset()  # the fullUrls of the Bundle that the document came in
    malformed: list[Issue] = field(default_factory=list)
    broken: list[Issue] = field(default_factory=list)
    contained: dict[str, str] = field(default_factory=dict)
    local: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)

    def document(self, resource_type: str, document: dict[str, Any]) -> None:
        held = document.get("contained")
        for one in held if isinstance(held, list) else ():
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                self.contained[one["id"]] = str(one.get("resourceType"))
        self._object(resource_type, document, resource_type, resource_type, 0)
        for path, name, targets in self.local:
            kind = self.contained.get(name)
            if kind is None:
                self._break(path, f"No contained resource has the id {name!r}.", "not-found")
            elif targets and kind not in targets:
                self._break(path, f"May not refer to a {kind}.", "value")

    def _bad(self, path: str, words: str, code: str = "structure") -> None:
        if len(self.malformed) < MAX_ISSUES:
            self.malformed.append(Issue(path, words, code))

    def _break(self, path: str, words: str, code: str = "invariant") -> None:
        if len(self.broken) < MAX_ISSUES:
            self.broken.append(Issue(path, words, code))

    def _object(self, model: str, value: dict[str, Any], path: str, plain: str, depth: int) -> None:
        """`path` has indexes, `plain` has none: descriptions name elements by it."""
        if depth > MAX_DEPTH:
            self._bad(path, f"Nested deeper than {MAX_DEPTH} levels.", "too-costly")
            return
        elements = elements_of(model)
        for name, inner in value.items():
            where = f"{path}.{name}"
            if name == "resourceType" and "meta" in elements:
                continue
            if name == "fhir_comments":
                self._bad(where, "Comments are not part of FHIR JSON.")
                continue
            element = elements.get(name)
            if inner is None or inner == "" or inner == [] or inner == {}:
                self._bad(where, "An element is left out when it has no value; it is never null or empty.", "value")
            elif element is None:
                self._bad(where, "There is no such element here.")
            elif element.many:
                self._list(element, inner, value, name, where, f"{plain}.{name}", depth)
            elif isinstance(inner, list):
                self._bad(where, "There may be only one here, not a list.")
            else:
                self._value(element, inner, where, f"{plain}.{name}", depth)
        if model == "Period":
            self._period(value, path)
        elif model == "Narrative" and isinstance(value.get("div"), str):
            self._narrative(value["div"], f"{path}.div")

    def _list(
        self, element: Element, inner: Any, parent: dict[str, Any], name: str, where: str, plain: str, depth: int
    ) -> None:
        if not isinstance(inner, list):
            self._bad(where, "This element is a list.")
            return
        other = parent.get(name[1:] if name.startswith("_") else f"_{name}")
        for number, one in enumerate(inner):
            at = f"{where}[{number}]"
            if one is None:
                # A null in a list of primitives keeps the place of one that has only extensions, or none.
                filled = isinstance(other, list) and number < len(other) and other[number] is not None
                if not (filled and (element.primitive or name.startswith("_"))):
                    self._bad(at, "There is no null in a list.", "value")
            elif one in ("", [], {}):
                self._bad(at, "An element is left out when it has no value; it is never empty.", "value")
            else:
                self._value(element, one, at, plain, depth)

    def _value(self, element: Element, value: Any, path: str, plain: str, depth: int) -> None:
        if element.primitive is not None:
            self._primitive(element, value, path, plain)
        elif not isinstance(value, dict):
            self._bad(path, "This element is an object.")
        elif element.model == "Resource":
            self._contained(value, path, depth)
        elif element.model is not None:
            if element.model == "Reference":
                self._reference(element, value, path, plain)
            self._object(element.model, value, path, plain, depth + 1)

    def _contained(self, value: dict[str, Any], path: str, depth: int) -> None:
        kind = value.get("resourceType")
        if not isinstance(kind, str) or not is_resource_type(kind):
            self._bad(f"{path}.resourceType", "This is not a resource type of FHIR R4.")
        else:
            self._object(kind, value, path, kind, depth + 1)

    def _primitive(self, element: Element, value: Any, path: str, plain: str) -> None:
        kind = element.primitive or "String"
        if kind == "Boolean":
            if not isinstance(value, bool):
                self._bad(path, "Must be true or false, without quotes.", "value")
        elif kind in _INTEGERS:
            if not isinstance(value, int) or isinstance(value, bool):
                self._bad(path, "Must be a whole number, without quotes.", "value")
        elif kind == "Decimal":
            if not isinstance(value, int | Decimal) or isinstance(value, bool):
                self._bad(path, "Must be a number, without quotes.", "value")
        elif not isinstance(value, str):
            self._bad(path, "Must be a text in quotes.", "value")
        else:
            self._text(element, kind, value, path, plain)

    def _text(self, element: Element, kind: str, value: str, path: str, plain: str) -> None:
        if _CONTROL.search(value):
            self._bad(path, "Holds a control character.", "value")
        pattern = _PATTERNS.get(kind)
        if pattern and not pattern.fullmatch(value):
            self._bad(path, f"This is not a FHIR {kind[0].lower()}{kind[1:]}.", "value")
        elif kind in _DATES and not _is_date(value):
            self._bad(path, "There is no such date, or it lies outside what the hub can hold.", "value")
        if not value.strip():
            self._bad(path, "Holds nothing but blanks.", "value")
        codes = self.codes.get(plain) or element.codes
        if codes and value not in codes:
            self._break(path, f"Must be one of: {', '.join(sorted(codes))}.", "code-invalid")

    def _reference(self, element: Element, value: dict[str, Any], path: str, plain: str) -> None:
        narrower = self.references.get(plain)
        targets = frozenset(narrower) if narrower else element.targets - {"Resource"}
        target, kind = value.get("reference"), value.get("type")
        if not isinstance(target, str):
            if targets and isinstance(kind, str) and kind not in targets:
                self._break(f"{path}.type", f"May not refer to a {kind}.", "value")
            return
        where = f"{path}.reference"
        if len(target) > MAX_REFERENCE:
            self._break(where, f"Longer than {MAX_REFERENCE} characters.", "too-long")
            return
        if target.startswith("#"):
            if len(target) > 1:
                self.local.append((where, target[1:], targets))
            return
        if target.startswith("urn:uuid:"):
            if target not in self.urns:
                self._break(where, "No entry of the same transaction has this fullUrl.", "not-found")
            return
        match = _RELATIVE.fullmatch(target) or _CONDITIONAL.fullmatch(target) or _REST_URL.fullmatch(target)
        if match is None and not _ABSOLUTE.fullmatch(target):
            self._break(where, "A reference is written Type/id, as a URL, urn:uuid:… or #id.", "value")
        elif match is not None:
            known = is_resource_type(match[1])
            if not known and not target.lower().startswith("http"):
                self._break(where, f"There is no resource type {match[1][:40]!r}.", "value")
            elif known and targets and match[1] not in targets:
                self._break(where, f"May not refer to a {match[1]}; only to {', '.join(sorted(targets))}.", "value")
            elif known and isinstance(kind, str) and kind != match[1]:
                self._break(f"{path}.type", "Says another type than the reference itself.", "value")

    def _period(self, value: dict[str, Any], path: str) -> None:
        start, end = value.get("start"), value.get("end")
        if not (isinstance(start, str) and isinstance(end, str)):
            return
        try:
            if bounds(start)[0] >= bounds(end)[1]:
                self._break(path, "The period ends before it starts.", "invariant")
        except ValueError:
            pass  # the model names the malformed date

    def _narrative(self, div: str, path: str) -> None:
        if not div.lstrip().lower().startswith("<div"):
            self._break(path, "A narrative is one <div>.", "invariant")
        if _ACTIVE.search(_ENTITY.sub(_decoded, div)):
            self._break(path, "A narrative may hold no script, handler, form, frame or style.", "security")


def _decoded(match: re.Match[str]) -> str:
    """What a browser would read in an attribute, so that `java&#115;cript:` is seen too."""
    word = match[1].lower()
    named = {"tab": "", "newline": "", "colon": ":"}
    if word in named:
        return named[word]
    code = int(word[2:], 16) if word.startswith("#x") else int(word[1:])
    return chr(code) if 31 < code < 0x110000 else ""


def _is_date(text: str) -> bool:
    """Whether it exists, and stays a date in every zone."""
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
    model = get_fhir_model_class(name)
    return "meta" in model.model_fields and "implicitRules" in model.model_fields
