"""The parts with tables, told without loading Piccolo's own description of them, are what Piccolo describes."""

from __future__ import annotations

import importlib
from pathlib import Path

from hub.db.apps import APPS, tables
from hub.db.migrate import known
from hub.db.piccolo_conf import APP_REGISTRY


def test_every_table_that_piccolo_describes_is_bound_and_no_other() -> None:
    described = [table for app in APP_REGISTRY.app_configs.values() for table in app.table_classes]
    assert len(described) == len(set(described)) == len(tables())
    assert set(described) == set(tables())


def test_the_migrations_are_known_as_piccolo_applies_them() -> None:
    found = []
    for name, app in APP_REGISTRY.app_configs.items():
        for path in sorted(Path(app.migrations_folder_path).glob("*.py")):
            if path.stem != "__init__":
                module = importlib.import_module(f"{APPS[name]}.piccolo_migrations.{path.stem}")
                found.append((name, module.ID))
    assert known() == found
