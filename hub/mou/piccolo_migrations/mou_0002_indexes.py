from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import fetch

ID = "2026-11-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "indexes"

STATEMENTS = [
    "CREATE INDEX agreement_county ON agreement (county)",
    "CREATE INDEX agreement_plan ON agreement (plan)",
    "CREATE UNIQUE INDEX agreement_party_once ON agreement_party (agreement, organization)",
    "CREATE INDEX agreement_party_organization ON agreement_party (organization)",
    "CREATE UNIQUE INDEX agreement_section_once ON agreement_section (agreement, section)",
    "CREATE UNIQUE INDEX agreement_element_once ON agreement_element (agreement, discloser, recipient, element)",
    "CREATE INDEX mou_term_pair ON mou_term (discloser, recipient, element, from_date, until_date)",
    "CREATE INDEX mou_term_agreement ON mou_term (agreement)",
    "CREATE INDEX agreement_event_agreement ON agreement_event (agreement)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="mou", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await fetch(statement)

    manager.add_raw(run)
    return manager
