"""Piccolo's description of the tables of this feature."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from hub.audit import tables

APP_CONFIG = AppConfig(
    app_name="audit",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[tables.AuditEntry, tables.AuditMember, tables.AuditChain, tables.AuditSeal, tables.AuditLease],
    migration_dependencies=[],
)
