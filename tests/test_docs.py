"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from hub.settings import Settings

ROOT = Path(__file__).parents[1]


def test_every_setting_is_documented_with_its_default_and_its_words() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    documented = dict(re.findall(r"^\| `(HUB_[A-Z_]+)` \| (.+?) \|", text, re.M))
    expected = {}
    for name, field in Settings.model_fields.items():
        shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        expected[f"HUB_{name.upper()}"] = f"`{shown}`" if shown else "empty"
        assert field.description and field.description in text, name
    assert documented == expected


def test_nothing_but_the_settings_reads_the_environment() -> None:
    allowed = {"hub/settings.py", "hub/db/migrate.py"}  # Piccolo wants to be told its configuration by a variable
    readers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "hub").rglob("*.py")
        if re.search(r"os\.environ|os\.getenv|environ\[", path.read_text("utf-8"))
    }
    assert readers <= allowed


def test_the_links_of_the_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_decision_record_is_numbered_and_has_its_parts() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text("utf-8")
        assert all(f"## {part}" in text for part in ("Context", "Decision", "Consequences")), path.name
