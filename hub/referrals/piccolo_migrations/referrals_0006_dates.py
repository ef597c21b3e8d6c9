from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000012"
VERSION = "1.38.0"
DESCRIPTION = "requests, tasks and outcomes by their own dates and statuses"

STATEMENTS = [
    "CREATE INDEX task_owner_authored ON task (owner, authored_at, id, status)",
    "CREATE INDEX task_requester_authored ON task (requester, authored_at, id, status)",
    "CREATE INDEX service_request_requester_authored ON service_request (requester, authored_at, id, status)",
    "CREATE INDEX service_request_performer_authored ON service_request (performer, authored_at, id, status)",
    "CREATE INDEX procedure_performed ON procedure (performed_on, id, performer, service_request)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
