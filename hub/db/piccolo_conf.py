"""Piccolo's configuration, for its migrations. `DB` is set by `hub.db.migrate` before it applies them."""

from typing import Any

from piccolo.conf.apps import AppRegistry

from hub.db.apps import APPS

DB: Any = None

APP_REGISTRY = AppRegistry(apps=[f"{package}.piccolo_app" for package in APPS.values()])
