"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.referrals import tables

APP_CONFIG = AppConfig(
    app_name="referrals",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        tables.ServiceRequest,
        tables.Task,
        tables.Procedure,
        tables.ReferralEvent,
        tables.ReferralDraft,
        tables.TaskOutput,
        tables.RequestConsent,
    ],
    migration_dependencies=["hub.directory.piccolo_app", "hub.members.piccolo_app"],
)
