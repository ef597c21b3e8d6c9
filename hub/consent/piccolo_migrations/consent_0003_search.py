from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-22T00:00:00:000013"
VERSION = "1.38.0"
DESCRIPTION = "consents by status and by date, in the order of a search"

STATEMENTS = [
    "DROP INDEX consent_status",  # the next one begins as it does
    "CREATE INDEX consent_status ON consent (status, updated_at, id, recorder)",
    "CREATE INDEX consent_given ON consent (given_on, id, recorder)",
    "CREATE INDEX consent_party_of ON consent_party (organization, consent)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="consent", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
