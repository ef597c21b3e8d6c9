from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000016"
VERSION = "1.38.0"
DESCRIPTION = "the ServiceRequests between two organizations are a range of an index, as their Tasks are"

STATEMENTS = [
    "CREATE INDEX service_request_between ON service_request (requester, performer, updated_at, id, status)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
