from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000012"
VERSION = "1.38.0"
DESCRIPTION = "requests, tasks and outcomes by their own dates and statuses"

# What is filtered stands behind what is put in order: rows that do not match are passed over in the index itself.
STATEMENTS = [
    "CREATE INDEX task_owner_authored ON task (owner, authored_at, id, status)",
    "CREATE INDEX task_requester_authored ON task (requester, authored_at, id, status)",
    "DROP INDEX task_owner",
    "DROP INDEX task_requester",
    "CREATE INDEX task_owner ON task (owner, updated_at, id, business_status, authored_at)",
    "CREATE INDEX task_requester ON task (requester, updated_at, id, business_status, authored_at)",
    "CREATE INDEX service_request_requester_authored ON service_request (requester, authored_at, id, status)",
    "CREATE INDEX service_request_performer_authored ON service_request (performer, authored_at, id, status)",
    "DROP INDEX service_request_requester",
    "DROP INDEX service_request_performer",
    "CREATE INDEX service_request_requester ON service_request (requester, updated_at, id, status, intent, priority, authored_at)",
    "CREATE INDEX service_request_performer ON service_request (performer, updated_at, id, status, intent, priority, authored_at)",
    "DROP INDEX procedure_updated",
    "CREATE INDEX procedure_updated ON procedure (updated_at, id, status, performer, service_request)",
    "CREATE INDEX procedure_performed ON procedure (performed_on, id, performer, service_request)",
    "DROP INDEX task_status",  # nobody asks for a status or a service of all sides
    "DROP INDEX task_service",
    "DROP INDEX service_request_status",
    "DROP INDEX service_request_service",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
