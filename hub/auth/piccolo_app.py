"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.auth import tables

APP_CONFIG = AppConfig(
    app_name="auth",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.Account, tables.WebSession, tables.LoginAttempt, tables.AccessToken, tables.UsedAssertion],
    migration_dependencies=[],
)
