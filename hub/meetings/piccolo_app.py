"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.meetings import tables

APP_CONFIG = AppConfig(
    app_name="meetings",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.Meeting, tables.Attendance, tables.AgendaItem, tables.ActionItem, tables.MeetingEvent],
    migration_dependencies=["hub.directory.piccolo_app", "hub.mou.piccolo_app"],
)
