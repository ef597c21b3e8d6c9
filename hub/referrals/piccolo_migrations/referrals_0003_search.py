from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "indexes for what partners' systems ask again and again"

STATEMENTS = [
    "CREATE INDEX task_owner_status ON task (owner, status, updated_at, id)",
    "CREATE INDEX task_requester_status ON task (requester, status, updated_at, id)",
    "CREATE INDEX task_between ON task (requester, owner, updated_at, id, status)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
