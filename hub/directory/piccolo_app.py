"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.directory import tables

APP_CONFIG = AppConfig(
    app_name="directory",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.Organization, tables.Person, tables.Appointment, tables.AppointmentEvent, tables.Role, tables.System, tables.Holiday],
    migration_dependencies=[],
)
