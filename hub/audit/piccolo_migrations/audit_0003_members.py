from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch, is_sqlite

ID = "2026-11-22T00:00:00:000008"
VERSION = "1.38.0"
DESCRIPTION = "the members of an act on the data of several, beside its one entry"

WORDS = "the audit trail is only ever added to"
STATEMENTS = [
    "ALTER TABLE audit_entry ADD COLUMN members VARCHAR(128) DEFAULT NULL",
    "CREATE INDEX audit_member_by_member ON audit_member (member, happened_at, entry)",
    "CREATE INDEX audit_member_by_counterpart ON audit_member (counterpart, happened_at, entry)"
    " WHERE counterpart IS NOT NULL",
]
TABLE = (
    "CREATE TABLE audit_member (entry VARCHAR(128) NOT NULL, member VARCHAR(128) NOT NULL, counterpart VARCHAR(128),"
    " basis TEXT, happened_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (entry, member))"
)
# The rows lie in their key, in the order in which acts happen: written at its end, and read as one piece.
SQLITE_TABLE = f"{TABLE} WITHOUT ROWID"
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
        here = is_sqlite()
        for statement in [SQLITE_TABLE if here else TABLE, *STATEMENTS, *(SQLITE_GUARDS if here else POSTGRES_GUARDS)]:
            await fetch(statement)

    manager.add_raw(run)
    return manager
