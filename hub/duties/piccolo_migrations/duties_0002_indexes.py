from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    "CREATE UNIQUE INDEX rule_version_once ON rule_version (rule, version)",
    "CREATE INDEX duty_owed ON duty (organization, due_on, id) WHERE state = 'open'",
    "CREATE INDEX duty_awaited ON duty (counterpart, due_on, id) WHERE state = 'open'",
    "CREATE INDEX duty_overdue ON duty (due_on, id) WHERE state = 'open'",
    "CREATE INDEX duty_subject ON duty (subject_type, subject_id)",
    "CREATE INDEX duty_figures ON duty (organization, due_on)",
    "CREATE INDEX duty_event_duty ON duty_event (duty, recorded_at)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="duties", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
