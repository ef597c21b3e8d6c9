from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "of two who end the same duty, one does; and no index that another does the work of"

STATEMENTS = [
    "ALTER TABLE duty_event ADD COLUMN version INTEGER DEFAULT NULL",
    "CREATE UNIQUE INDEX duty_event_once ON duty_event (duty, version)",
    "DROP INDEX duty_rule",  # nobody asks by the rule alone
    "DROP INDEX duty_state",  # what is open is found by who owes it, who waits for it and when it was due
    "DROP INDEX duty_subject_id",  # duty_subject
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
