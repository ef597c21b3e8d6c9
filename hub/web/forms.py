"""Forms: what was typed is kept, and what is wrong is said in plain words at its field."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from litestar.datastructures import UploadFile
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hub.kernel.errors import Refusal
from hub.web.page import WebRequest, state_of

M = TypeVar("M", bound=BaseModel)

UNSAVED = "_unsaved"  # a form that comes back after a new sign-in: shown again, never acted upon
_OWN_FIELDS = ("_csrf_token", UNSAVED)
_AMERICAN_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})\Z")
_HAS_ARTICLE = ("the ", "a ", "an ", "your ", "their ", "at ", "who ", "what ", "why ", "when ", "how ", "which ")


def field_id(name: str) -> str:
    """The element id of a field, to which the error summary links."""
    return "f-" + re.sub(r"[^A-Za-z0-9_-]+", "-", name)


class Form(Generic[M]):
    """One filled-in form. `data` is the validated model; only there when `ok`.

    `status` is what the page answers with: 200, 422, or the status of the refusal.
    """

    def __init__(self, model: type[M] | None = None, raw: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.raw: dict[str, Any] = dict(raw or {})
        self.files: dict[str, UploadFile] = {}
        self.errors: dict[str, list[str]] = {}
        self.summary: list[tuple[str | None, str]] = []  # (element id or None, words)
        self.unsaved = False
        self.status = 200
        self._data: M | None = None

    @classmethod
    def blank(cls, model: type[M] | None = None, **values: Any) -> Form[M]:
        """A form to be filled in, with what is known already."""
        return cls(model, values)

    @classmethod
    async def read(cls, request: WebRequest, model: type[M]) -> Form[M]:
        """The form that was sent. Never raises for what was typed; see `ok` and `errors`."""
        sent = await request.form()
        form = cls(model)
        for name in dict.fromkeys(key for key, _ in sent.multi_items()):
            values = sent.getall(name)
            files = [value for value in values if isinstance(value, UploadFile)]
            # Nobody types a NUL, and PostgreSQL keeps none.
            texts = [str(value).replace("\x00", "") for value in values if not isinstance(value, UploadFile)]
            if files:
                form.files[name] = files[0]
            if texts and name not in _OWN_FIELDS:
                many = len(texts) > 1 or _is_list(model.model_fields.get(name))
                form.raw[name] = texts if many else texts[0]
        form.unsaved = UNSAVED in sent
        state_of(request.scope)["form"] = form
        if not form.unsaved:
            form.validate()
        return form

    def validate(self) -> None:
        if self.model is None:
            return
        try:
            self._data = self.model.model_validate(self._prepared())
        except ValidationError as error:
            self.status = 422
            for found in error.errors(include_url=False):
                name = ".".join(str(part) for part in found["loc"] if not isinstance(part, int))
                self.add(name, _words(found, name, self.model.model_fields.get(name.split(".")[0])))

    @property
    def ok(self) -> bool:
        return self._data is not None and not self.summary and not self.unsaved

    @property
    def data(self) -> M:
        if self._data is None:
            raise RuntimeError("the form is not valid: look at form.ok first")
        return self._data

    def add(self, name: str, words: str) -> None:
        """Something is wrong: at a field, or with `''` with the form as a whole."""
        if self.status < 400:
            self.status = 422
        known = bool(name) and (name in self.raw or self._is_field(name))
        if words in self.errors.get(name, []):
            return
        self.errors.setdefault(name, []).append(words)
        self.summary.append((field_id(name) if known else None, words))

    def refuse(self, refusal: Refusal) -> None:
        """Show why an action declined: at its fields where it names them, else in the summary."""
        self.status = refusal.status
        for issue in refusal.issues:
            self.add(issue.where, issue.words)
        if not refusal.issues:
            self.add("", refusal.words)

    def value(self, name: str, default: Any = "") -> Any:
        """What the field shows: as typed, else the default."""
        value = self.raw.get(name, default)
        if isinstance(value, list | tuple):
            value = value[0] if value else ""
        return _shown(value)

    def values(self, name: str, default: Any = ()) -> list[str]:
        """What is chosen where several may be."""
        value = self.raw.get(name, default if not self.raw or name in self.raw else ())
        if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
            value = [] if value in (None, "") else [value]
        return [_shown(one) for one in value]

    def error(self, name: str) -> str:
        """The words at a field, or an empty text."""
        return " ".join(self.errors.get(name, ()))

    @property
    def refused(self) -> bool:
        return bool(self.summary)

    def _is_field(self, name: str) -> bool:
        return self.model is not None and name.split(".")[0] in self.model.model_fields

    def _prepared(self) -> dict[str, Any]:
        """An empty field is one that was left out; a date may be written the American way."""
        fields = self.model.model_fields if self.model else {}
        ready: dict[str, Any] = {}
        for name, typed in self.raw.items():
            info = fields.get(name)
            if isinstance(typed, list):
                ready[name] = [one.strip() for one in typed if one.strip()]
                continue
            text = str(typed).strip() if isinstance(typed, str) else typed
            if text == "":
                if info is not None and not info.is_required() and info.default == "":
                    ready[name] = ""
                elif info is not None and _allows_none(info.annotation):
                    ready[name] = None
                continue
            if info is not None and date in _kinds(info.annotation) and isinstance(text, str):
                text = _iso(text)
            ready[name] = text
        for name, file in self.files.items():
            ready.setdefault(name, file)
        return ready


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _iso(text: str) -> str:
    match = _AMERICAN_DATE.match(text)
    return f"{match[3]}-{int(match[1]):02}-{int(match[2]):02}" if match else text


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the one type itself."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(kind for part in get_args(annotation) for kind in _kinds(part))
    return (annotation,)


def _allows_none(annotation: Any) -> bool:
    return type(None) in _kinds(annotation)


def _is_list(info: FieldInfo | None) -> bool:
    if info is None:
        return False
    return any((get_origin(kind) or kind) in (list, set, frozenset, tuple) for kind in _kinds(info.annotation))


def _is_choice(info: FieldInfo | None) -> bool:
    def one(kind: Any) -> bool:
        return kind is bool or get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))

    return info is not None and any(one(kind) for kind in _kinds(info.annotation))


def _title(name: str, info: FieldInfo | None) -> str:
    title = (info.title if info else None) or name.rsplit(".", 1)[-1].replace("_", " ")
    return title[:1].upper() + title[1:]


def _in_sentence(title: str) -> str:
    acronym = len(title) > 1 and title[1].isupper()
    low = title if acronym else title[:1].lower() + title[1:]
    return low if low.startswith(_HAS_ARTICLE) else f"the {low}"


_MUST = {
    "date_parsing": "must be a real date, such as 12/02/2026",
    "date_from_datetime_parsing": "must be a real date, such as 12/02/2026",
    "date_type": "must be a real date, such as 12/02/2026",
    "datetime_parsing": "must be a date and time",
    "datetime_from_date_parsing": "must be a date and time",
    "time_parsing": "must be a time, such as 14:30",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "decimal_parsing": "must be a number",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
    "string_too_long": "must be {max_length} characters or fewer",
    "string_pattern_mismatch": "is not in the right format",
    "too_long": "may hold {max_length} at most",
}


def _words(found: Any, name: str, info: FieldInfo | None) -> str:
    """Pydantic's finding, in the words of the person who typed."""
    kind, title, context = found["type"], _title(name, info), found.get("ctx") or {}
    if kind in ("missing", "none_required") or (kind in ("string_too_short", "too_short") and _empty(found)):
        if _is_list(info):
            return f"Choose at least one: {_in_sentence(title).removeprefix('the ')}"
        return f"{'Choose' if _is_choice(info) else 'Enter'} {_in_sentence(title)}"
    if kind == "string_too_short":
        return f"{title} must be {context['min_length']} characters or more"
    if kind == "too_short":
        return f"Choose at least {context['min_length']}: {_in_sentence(title).removeprefix('the ')}"
    if kind in ("enum", "literal_error", "bool_parsing"):
        return f"Choose {_in_sentence(title)} from the list"
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error") or found["msg"])
    if kind in _MUST:
        return f"{title} {_MUST[kind].format(**context)}"
    return f"{title}: {found['msg'][:1].lower()}{found['msg'][1:]}" if name else str(found["msg"])


def _empty(found: Any) -> bool:
    return not found.get("input")
