"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.consent import tables

APP_CONFIG = AppConfig(
    app_name="consent",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.Consent, tables.ConsentGrant, tables.ConsentParty],
    migration_dependencies=["hub.directory.piccolo_app", "hub.members.piccolo_app"],
)
