from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000006"
VERSION = "1.38.0"
DESCRIPTION = "what the quarterly report counts is read from indexes alone"

# Each holds a task for a part of its life, so that its steps seldom change one.
STATEMENTS = [
    "CREATE INDEX task_still_open ON task (requester, owner) WHERE ended_on IS NULL",
    "CREATE INDEX task_ended ON task (requester, owner, ended_on, sent_on, accepted_on, status, closure_reason)"
    " WHERE ended_on IS NOT NULL",
    "CREATE INDEX task_loop_closed ON task (requester, owner, loop_closed_on, status, sent_on)"
    " WHERE loop_closed_on IS NOT NULL",
    "CREATE INDEX task_void ON task (requester, owner, ended_on) WHERE status = 'entered-in-error'",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
