from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    "CREATE INDEX task_owner ON task (owner, updated_at, id)",
    "CREATE INDEX task_requester ON task (requester, updated_at, id)",
    "CREATE INDEX task_updated ON task (updated_at, id)",
    "CREATE INDEX task_member ON task (member)",
    "CREATE INDEX task_service_request ON task (service_request)",
    "CREATE INDEX service_request_requester ON service_request (requester, updated_at, id)",
    "CREATE INDEX service_request_performer ON service_request (performer, updated_at, id)",
    "CREATE INDEX service_request_updated ON service_request (updated_at, id)",
    "CREATE INDEX service_request_member ON service_request (member)",
    "CREATE INDEX procedure_performer ON procedure (performer, updated_at, id)",
    "CREATE INDEX procedure_updated ON procedure (updated_at, id)",
    "CREATE INDEX procedure_member ON procedure (member)",
    "CREATE INDEX procedure_service_request ON procedure (service_request)",
    "CREATE INDEX referral_event_task ON referral_event (task, recorded_at)",
    "CREATE INDEX referral_event_effective ON referral_event (effective_date)",
    "CREATE UNIQUE INDEX task_output_once ON task_output (task, procedure)",
    "CREATE INDEX task_output_procedure ON task_output (procedure)",
    "CREATE INDEX request_consent_request ON request_consent (service_request)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="referrals", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
