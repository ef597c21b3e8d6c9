from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch, is_sqlite

ID = "2026-11-22T00:00:00:000008"
VERSION = "1.38.0"
DESCRIPTION = "the members of an act on the data of several, beside its one entry"

WORDS = "the audit trail is only ever added to"
STATEMENTS = [
    "ALTER TABLE audit_entry ADD COLUMN members VARCHAR(128) DEFAULT NULL",
    "CREATE TABLE audit_member (id VARCHAR(64) PRIMARY KEY NOT NULL, entry VARCHAR(128) NOT NULL,"
    " member VARCHAR(128) NOT NULL, counterpart VARCHAR(128), basis TEXT, happened_at TIMESTAMPTZ NOT NULL)",
    "CREATE UNIQUE INDEX audit_member_of_entry ON audit_member (entry, member)",
    "CREATE INDEX audit_member_by_member ON audit_member (member, happened_at, entry)",
    "CREATE INDEX audit_member_by_counterpart ON audit_member (counterpart, happened_at, entry)"
    " WHERE counterpart IS NOT NULL",
]
SQLITE_GUARDS = [
    f"CREATE TRIGGER audit_member_no_{act.lower()} BEFORE {act} ON audit_member "
    f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    for act in ("UPDATE", "DELETE")
]
POSTGRES_GUARDS = [
    "CREATE TRIGGER audit_member_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_member "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_added()"
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="audit", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS + (SQLITE_GUARDS if is_sqlite() else POSTGRES_GUARDS):
            await fetch(statement)

    manager.add_raw(run)
    return manager
