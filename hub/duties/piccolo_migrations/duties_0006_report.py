from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch, is_sqlite

ID = "2026-11-22T00:00:00:000015"
VERSION = "1.38.0"
DESCRIPTION = "a report finds what a duty that escalated is about without reading the duty"

STATEMENTS = [
    "DROP INDEX duty_escalated",
    "CREATE INDEX duty_escalated ON duty (organization, counterpart, escalated_on, subject_id, shared)"
    " WHERE escalated_on IS NOT NULL",
]

# Lists and reports are counted out of indexes, which PostgreSQL does well only where it has vacuumed since.
VACUUM = "ALTER TABLE duty SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.01)"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS if is_sqlite() else [*STATEMENTS, VACUUM]:
            await fetch(statement)

    manager.add_raw(run)
    return manager
