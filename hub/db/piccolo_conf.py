"""Piccolo's configuration: the features that have tables, lower ones first. `DB` is set by `hub.db.engine.bind`."""

from typing import Any

from piccolo.conf.apps import AppRegistry

DB: Any = None

APP_REGISTRY = AppRegistry(
    apps=[
        "hub.db.piccolo_app",
        "hub.audit.piccolo_app",
        "hub.jobs.piccolo_app",
        "hub.auth.piccolo_app",
        "hub.directory.piccolo_app",
        "hub.members.piccolo_app",
        "hub.duties.piccolo_app",
        "hub.mou.piccolo_app",
        "hub.consent.piccolo_app",
        "hub.notifications.piccolo_app",
        "hub.referrals.piccolo_app",
        "hub.meetings.piccolo_app",
    ]
)
