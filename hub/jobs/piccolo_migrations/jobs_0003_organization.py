from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "whose job it is: what fails is shown to them, and not to others"

STATEMENTS = [
    "ALTER TABLE job ADD COLUMN organization VARCHAR(128) DEFAULT NULL",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="jobs", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
