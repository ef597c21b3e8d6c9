from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000016"
VERSION = "1.38.0"
DESCRIPTION = "what is between two organizations, and what one did in the order of its dates, are ranges of indexes"

STATEMENTS = [
    "CREATE INDEX service_request_between ON service_request (requester, performer, updated_at, id, status)",
    "CREATE INDEX procedure_performer_performed ON procedure (performer, performed_on, id)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
