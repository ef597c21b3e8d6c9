"""Bringing the schema up, and knowing whether it is behind."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from pathlib import Path

from piccolo.apps.migrations.commands.forwards import run_forwards
from piccolo.apps.migrations.tables import Migration

from hub.db.engine import engine, fetch
from hub.db.piccolo_conf import APP_REGISTRY

os.environ.setdefault("PICCOLO_CONF", "hub.db.piccolo_conf")


def known() -> list[tuple[str, str]]:
    """Every migration in the code, as (app, migration id)."""
    found = []
    for app in APP_REGISTRY.app_configs.values():
        for path in sorted(Path(app.migrations_folder_path).glob("*_[0-9]*.py")):
            module = importlib.import_module(f"{app_module(app)}.piccolo_migrations.{path.stem}")
            found.append((app.app_name, str(module.ID)))
    return found


def app_module(app: object) -> str:
    """`hub.mou` for the app whose migrations lie in hub/mou/piccolo_migrations."""
    folder = Path(app.migrations_folder_path)  # type: ignore[attr-defined]
    return f"hub.{folder.parent.name}"


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
    Migration._meta.db = engine()
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
