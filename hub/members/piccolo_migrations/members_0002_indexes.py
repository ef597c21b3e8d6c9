from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    "CREATE INDEX member_source ON member (source, updated_at, id)",
    "CREATE INDEX member_updated ON member (updated_at, id)",
    "CREATE UNIQUE INDEX member_organization_open ON member_organization (member, organization) WHERE until_date IS NULL",
    "CREATE INDEX member_organization_served ON member_organization (organization, member)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="members", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
