from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    "CREATE INDEX consent_member ON consent (member)",
    "CREATE INDEX consent_recorder ON consent (recorder, updated_at, id)",
    "CREATE INDEX consent_updated ON consent (updated_at, id)",
    "CREATE INDEX consent_grant_asked ON consent_grant (member, discloser, recipient, purpose, from_date, until_date)",
    "CREATE INDEX consent_grant_consent ON consent_grant (consent)",
    "CREATE UNIQUE INDEX consent_party_once ON consent_party (consent, organization)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="consent", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
