"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.mou import tables

APP_CONFIG = AppConfig(
    app_name="mou",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        tables.Agreement,
        tables.AgreementParty,
        tables.AgreementSection,
        tables.AgreementElement,
        tables.MouTerm,
        tables.AgreementEvent,
    ],
    migration_dependencies=["hub.directory.piccolo_app"],
)
