from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000010"
VERSION = "1.38.0"
DESCRIPTION = "ended referrals whose loop is open, in the order of the list"

CLOSING = "loop_closed_on IS NULL AND ended_on IS NOT NULL AND status <> 'entered-in-error'"
STATEMENTS = [
    f"CREATE INDEX task_requester_closing ON task (requester, updated_at, id) WHERE {CLOSING}",
    f"CREATE INDEX task_owner_closing ON task (owner, updated_at, id) WHERE {CLOSING}",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
