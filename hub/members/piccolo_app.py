"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.members import tables

APP_CONFIG = AppConfig(
    app_name="members",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.Member, tables.MemberOrganization],
    migration_dependencies=["hub.directory.piccolo_app"],
)
