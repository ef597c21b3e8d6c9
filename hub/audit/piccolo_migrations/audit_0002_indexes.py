from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch, is_sqlite

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes, and what keeps the trail from being changed"

INDEXES = [
    "CREATE INDEX audit_entry_recorded ON audit_entry (recorded_at, id)",
    "CREATE INDEX audit_entry_by_organization ON audit_entry (organization, happened_at, id)",
    "CREATE INDEX audit_entry_by_counterpart ON audit_entry (counterpart, happened_at, id)",
    "CREATE INDEX audit_entry_by_member ON audit_entry (member, happened_at, id)",
]
TABLES = ["audit_entry", "audit_chain", "audit_seal"]
WORDS = "the audit trail is only ever added to"


def sqlite_guards() -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        for table in TABLES
        for act in ("UPDATE", "DELETE")
    ]


def postgres_guards() -> list[str]:
    function = (
        "CREATE FUNCTION audit_only_added() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$"
    )
    return [function] + [
        f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_added()"
        for table in TABLES
    ]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="audit", description=DESCRIPTION)

    async def run() -> None:
        for statement in INDEXES + (sqlite_guards() if is_sqlite() else postgres_guards()):
            await fetch(statement)

    manager.add_raw(run)
    return manager
