"""The parts of the hub that have tables, lower ones first.

Piccolo has its own description of them (`hub.db.piccolo_conf`), from which it makes and applies migrations. Loading
that brings its command line with it, a formatter of source code included: whoever only serves does without.
"""

from __future__ import annotations

import importlib
from functools import cache

from piccolo.table import Table

APPS = {
    "documents": "hub.db",
    "audit": "hub.audit",
    "jobs": "hub.jobs",
    "auth": "hub.auth",
    "directory": "hub.directory",
    "members": "hub.members",
    "duties": "hub.duties",
    "mou": "hub.mou",
    "consent": "hub.consent",
    "notifications": "hub.notifications",
    "referrals": "hub.referrals",
    "meetings": "hub.meetings",
}
"""Piccolo's name of each, and its package, which holds `tables`, `piccolo_app` and `piccolo_migrations`."""


@cache
def tables() -> tuple[type[Table], ...]:
    """Every table of the hub."""
    modules = [importlib.import_module(f"{package}.tables") for package in APPS.values()]
    return tuple(
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Table) and one.__module__ == module.__name__
    )
