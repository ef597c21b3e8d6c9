from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "of two who end the same duty, one does"

STATEMENTS = [
    "ALTER TABLE duty_event ADD COLUMN version INTEGER DEFAULT NULL",
    "CREATE UNIQUE INDEX duty_event_once ON duty_event (duty, version)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
