from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    # Nobody shares a position: two at once that name somebody else meet here.
    "CREATE UNIQUE INDEX appointment_open ON appointment (organization, COALESCE(counterpart, ''), position)"
    " WHERE until_date IS NULL",
    "CREATE INDEX appointment_held ON appointment (organization, counterpart, position)",
    "CREATE INDEX appointment_counterpart ON appointment (counterpart)",
    "CREATE INDEX appointment_updated ON appointment (updated_at, id)",
    "CREATE INDEX appointment_person ON appointment (person)",
    "CREATE INDEX appointment_deputy ON appointment (deputy)",
    "CREATE INDEX appointment_event_appointment ON appointment_event (appointment)",
    "CREATE INDEX person_organization ON person (organization)",
    "CREATE UNIQUE INDEX person_role_once ON person_role (person, role)",
    "CREATE UNIQUE INDEX holiday_once ON holiday (COALESCE(organization, ''), day)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="directory", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
