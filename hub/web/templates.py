"""The template engine: where templates and static files lie, filters and globals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from hub.kernel.calendar import long_date, short_date
from hub.kernel.clock import CALIFORNIA
from hub.web.forms import field_id

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """`templates` or `static`: inside an installed wheel, else beside the package in a checkout."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


@dataclass(frozen=True, slots=True)
class NavItem:
    """A place in the header, for those who have the capability. `key` is pressed after `g`."""

    label: str
    href: str
    needs: str
    key: str = ""

    def is_at(self, path: str) -> bool:
        return path == self.href or (self.href != "/" and path.startswith(f"{self.href}/"))


class SubjectPaths:
    """Where the page of a thing is: `Task` and its id to `/referrals/<id>`. Collected from the features."""

    def __init__(self, subjects: Iterable[Mapping[str, str]] = ()) -> None:
        self.patterns: dict[str, str] = {}
        for each in subjects:
            self.patterns.update(each)

    def __call__(self, subject_type: str, subject_id: str | None) -> str | None:
        pattern = self.patterns.get(subject_type)
        return pattern.format(id=subject_id) if pattern and subject_id else None


def make_environment(
    directory: Path, static_directory: Path, *, nav: Iterable[NavItem] = (), subjects: SubjectPaths | None = None
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(directory),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        date=_date, longdate=_long_date, datetime=_datetime, time=_time, words=words, number=_number
    )
    environment.globals.update(
        nav=tuple(nav),
        path_of=subjects or SubjectPaths(),
        static=_static_addresses(static_directory),
        field_id=field_id,
    )
    return environment


def _static_addresses(directory: Path) -> Callable[[str], str]:
    """Addresses that change with the file, so that browsers may keep each for a year."""
    known: dict[str, str] = {}

    def address(name: str) -> str:
        if name not in known:
            file = directory / name
            mark = hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else "0"
            known[name] = f"/static/{name}?v={mark}"
        return known[name]

    return address


def _day(value: date | datetime) -> date:
    return value.astimezone(CALIFORNIA).date() if isinstance(value, datetime) else value


def _date(value: date | datetime | None) -> str:
    """`Dec 2, 2026`."""
    return short_date(_day(value)) if value else "–"


def _long_date(value: date | datetime | None) -> str:
    """`Wednesday December 2, 2026`."""
    return long_date(_day(value)) if value else "–"


def _time(value: datetime) -> str:
    """`2:05 p.m.`, in California."""
    local = value.astimezone(CALIFORNIA)
    return f"{local.hour % 12 or 12}:{local.minute:02} {'a.m.' if local.hour < 12 else 'p.m.'}"


def _datetime(value: datetime | None) -> str:
    """`Dec 2, 2026, 2:05 p.m.`, in California."""
    return f"{_date(value)}, {_time(value)}" if value else "–"


def _number(value: int | float | None) -> str:
    return "–" if value is None else f"{value:,}"


def words(value: Any) -> str:
    """An enum's or a code's words: its own if it has them, else the code made readable."""
    if value is None:
        return "–"
    own = getattr(value, "words", None)
    if isinstance(own, str):
        return own
    text = str(value.value if isinstance(value, Enum) else value).replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]
