from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    "CREATE INDEX meeting_by_agreement ON meeting (agreement, starts_at)",
    "CREATE INDEX meeting_by_county ON meeting (county, held_on)",
    "CREATE INDEX meeting_by_plan ON meeting (plan, held_on)",
    "CREATE UNIQUE INDEX meeting_attendance_once ON meeting_attendance (meeting, person)",
    "CREATE INDEX agenda_item_by_meeting ON agenda_item (meeting, position)",
    "CREATE INDEX action_item_by_agreement ON action_item (agreement, state, due_on)",
    "CREATE INDEX action_item_by_meeting ON action_item (meeting)",
    "CREATE INDEX meeting_event_by_meeting ON meeting_event (meeting, recorded_at)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="meetings", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
