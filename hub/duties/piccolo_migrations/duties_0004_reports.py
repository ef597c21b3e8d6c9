from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000006"
VERSION = "1.38.0"
DESCRIPTION = "what the quarterly report counts is read from indexes alone"

STATEMENTS = [
    "DROP INDEX duty_figures",  # the next one does its work
    "CREATE INDEX duty_between ON duty (organization, counterpart, state, due_on, settled_on, opened_on, shared)",
    "CREATE INDEX duty_escalated ON duty (organization, counterpart, escalated_on) WHERE escalated_on IS NOT NULL",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
