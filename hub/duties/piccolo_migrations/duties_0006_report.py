from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000015"
VERSION = "1.38.0"
DESCRIPTION = "a report finds what a duty that escalated is about without reading the duty"

STATEMENTS = [
    "DROP INDEX duty_escalated",
    "CREATE INDEX duty_escalated ON duty (organization, counterpart, escalated_on, subject_id, shared)"
    " WHERE escalated_on IS NOT NULL",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
