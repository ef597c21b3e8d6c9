"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.directory.tables import Appointment, AppointmentEvent, Holiday, Organization, Person, Role, System

APP_CONFIG = AppConfig(
    app_name="directory",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Organization,
        Person,
        Appointment,
        AppointmentEvent,
        Role,
        System,
        Holiday,
    ],
    migration_dependencies=[],
)
