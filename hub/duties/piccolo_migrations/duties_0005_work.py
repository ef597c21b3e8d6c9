from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000009"
VERSION = "1.38.0"
DESCRIPTION = "what a work list counts and puts in order is read from indexes alone"

# Each holds all that is asked of it, its condition's columns too: SQLite reads the table for what is not in the index.
STATEMENTS = [
    "DROP INDEX duty_owed",
    "DROP INDEX duty_awaited",
    "CREATE INDEX duty_owed ON duty (organization, position, counterpart, due_on, rule, id, state) WHERE state = 'open'",
    "CREATE INDEX duty_work ON duty (organization, position, counterpart, rule, due_on, id, state) WHERE state = 'open'",
    "CREATE INDEX duty_awaited ON duty (counterpart, organization, shared, due_on, rule, id, state)"
    " WHERE state = 'open'",
    "CREATE INDEX duty_risen ON duty (organization, escalate_position, position, counterpart, due_on, rule, id, state,"
    " escalated_on) WHERE state = 'open' AND escalated_on IS NOT NULL",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
