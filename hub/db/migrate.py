"""Bringing the schema up, and knowing whether it is behind."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
from pathlib import Path

from piccolo.apps.migrations.tables import Migration

from hub.db.apps import APPS
from hub.db.engine import engine, fetch

os.environ.setdefault("PICCOLO_CONF", "hub.db.piccolo_conf")
_ID = re.compile(r'^ID = "([^"]+)"$', re.MULTILINE)


def known() -> list[tuple[str, str]]:
    """Every migration in the code, as (app, migration id). Read, not run: each start asks for them."""
    found = []
    for app, package in APPS.items():
        for path in sorted(_folder(package).glob("*_[0-9]*.py")):
            written = _ID.search(path.read_text(encoding="utf-8"))
            if written is None:
                raise RuntimeError(f"{path.name} does not say its ID")
            found.append((app, written[1]))
    return found


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{package} is missing")
    return Path(spec.origin).parent / "piccolo_migrations"


async def pending() -> list[tuple[str, str]]:
    """Migrations in the code that this database has not had."""
    Migration._meta.db = engine()
    if not await Migration.table_exists():
        return known()
    done = {(row["app_name"], row["name"]) for row in await fetch("SELECT app_name, name FROM migration")}
    return [one for one in known() if one not in done]


async def migrate() -> list[tuple[str, str]]:
    """Apply what is pending. Returns what was applied; raises with the migration's own words if one fails."""
    todo = await pending()
    if not todo:
        return []
    # Not above: every start loads this module for `pending`, and only this needs Piccolo's command line.
    from piccolo.apps.migrations.commands.forwards import run_forwards

    from hub.db import piccolo_conf

    piccolo_conf.DB = Migration._meta.db = engine()
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            await run_forwards(app_name="all")
    except SystemExit as stop:
        raise RuntimeError(f"A migration failed:\n{said.getvalue()}") from stop
    left = await pending()
    if left:
        raise RuntimeError(f"Migrations left undone: {left}\n{said.getvalue()}")
    return todo
