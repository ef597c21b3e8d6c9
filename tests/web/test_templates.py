"""What no template may hold, because the content policy stops it or htmx would make a function of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment

from hub.web.templates import folder, make_environment, words

TEMPLATES = sorted(folder("templates").rglob("*.html"))
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*=|<style", re.I),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)", re.I),
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.I),
    "hx-on": re.compile(r"hx-on", re.I),
    "a js: value": re.compile(r"""["'\s](js|javascript):""", re.I),
    "a trigger filter": re.compile(r"""hx-trigger\s*=\s*["'][^"']*\[""", re.I),
    "markup that is not escaped": re.compile(r"\|\s*safe\b|autoescape\s+false", re.I),
    "another site's file": re.compile(r"""<(script|link|img)[^>]+(src|href)\s*=\s*["'](https?:)?//""", re.I),
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_template_holds_nothing_that_the_policy_stops(path: Path) -> None:
    text = path.read_text("utf-8")
    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_form_that_is_sent_carries_the_token(path: Path) -> None:
    text = path.read_text("utf-8")
    for form in re.findall(r"<form[^>]*method=[\"']post[\"'].*?(?=</form>|endmacro)", text, re.S | re.I):
        assert "_csrf_token" in form


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_template_compiles(path: Path) -> None:
    environment: Environment = make_environment(folder("templates"), folder("static"))
    environment.get_template(str(path.relative_to(folder("templates"))))


def test_dates_and_codes_have_words() -> None:
    from datetime import UTC, date, datetime

    environment = make_environment(folder("templates"), folder("static"))
    shown = environment.from_string("{{ a|date }} · {{ a|longdate }} · {{ b|datetime }} · {{ none|date }}").render(
        a=date(2026, 12, 2), b=datetime(2026, 12, 3, 6, 5, tzinfo=UTC)
    )
    assert shown == "Dec 2, 2026 · Wednesday December 2, 2026 · Dec 2, 2026, 10:05 p.m. · –"
    assert words("quarterly-meetings") == "Quarterly meetings"
