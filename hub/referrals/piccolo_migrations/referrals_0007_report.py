from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch, is_sqlite

ID = "2026-11-22T00:00:00:000014"
VERSION = "1.38.0"
DESCRIPTION = "a report reads what was sent by its end, and what is void, from indexes alone"

# What is open was mostly sent after the quarter. What is void is found by when it ended and by when it was closed, and
# its condition stands in the index too: SQLite reads the table for what is not there.
STATEMENTS = [
    "DROP INDEX task_still_open",
    "DROP INDEX task_void",
    "CREATE INDEX task_still_open ON task (requester, owner, sent_on) WHERE ended_on IS NULL",
    "CREATE INDEX task_void ON task (requester, owner, ended_on, loop_closed_on, sent_on, status)"
    " WHERE status = 'entered-in-error'",
]

# Lists and reports are counted out of indexes, which PostgreSQL does well only where it has vacuumed since.
VACUUM = "ALTER TABLE task SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.01)"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS if is_sqlite() else [*STATEMENTS, VACUUM]:
            await fetch(statement)

    manager.add_raw(run)
    return manager
