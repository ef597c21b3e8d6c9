from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "what one agreed to share with the other, under which MOU, without a look at the rows"

STATEMENTS = [
    "CREATE INDEX mou_term_between ON mou_term (discloser, recipient, agreement, element, from_date, until_date)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="mou", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
