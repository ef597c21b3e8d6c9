"""Piccolo's description of the tables of this package."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.db.tables import ResourceVersion

APP_CONFIG = AppConfig(
    app_name="documents",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[ResourceVersion],
    migration_dependencies=[],
)
