"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.duties import tables

APP_CONFIG = AppConfig(
    app_name="duties",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.RuleVersion, tables.Duty, tables.DutyEvent],
    migration_dependencies=["hub.directory.piccolo_app"],
)
