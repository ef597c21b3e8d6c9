from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from hub.db.engine import add_many, fetch, is_sqlite
from hub.members.rules import name_key

ID = "2026-11-22T00:00:00:000011"
VERSION = "1.38.0"
DESCRIPTION = "members by either name and by birth date, in the order of the index, and who their source is beside it"

# Compared by code point, as SQLite does: then a beginning of a name is a range.
POSTGRES = [
    "ALTER TABLE member ALTER COLUMN family_key TYPE varchar(128) COLLATE \"C\"",
    "ALTER TABLE member ADD COLUMN given_key varchar(128) COLLATE \"C\" NOT NULL DEFAULT ''",
]
SQLITE = ["ALTER TABLE member ADD COLUMN given_key varchar(128) NOT NULL DEFAULT ''"]
LONGEST = 500  # that an index of PostgreSQL takes, whatever the signs; a partner's system may have sent a longer one
FILL = [
    "UPDATE member SET given_key = (SELECT k.folded FROM given_key k WHERE k.given = member.given) "
    f"WHERE length(given) <= {LONGEST}",
    "DROP TABLE given_key",
]
INDEXES = [
    "DROP INDEX member_family_key",  # the next one begins as it does
    "CREATE INDEX member_family ON member (family_key, id, given_key, source)",
    "CREATE INDEX member_given ON member (given_key, id, family_key, source)",
    "CREATE INDEX member_born ON member (birth_date, id, family_key, given_key, source)",
]


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="members", description=DESCRIPTION)

    async def run() -> None:
        for statement in SQLITE if is_sqlite() else POSTGRES:
            await fetch(statement)
        await fetch("CREATE TABLE given_key (given text PRIMARY KEY, folded varchar(128) NOT NULL)")
        names = [row["given"] for row in await fetch("SELECT DISTINCT given FROM member")]
        await add_many("given_key", [{"given": name, "folded": name_key(name)} for name in names if len(name) <= LONGEST])
        for name in [one for one in names if len(one) > LONGEST]:
            await fetch("UPDATE member SET given_key = {} WHERE given = {}", name_key(name), name)
        for statement in [*FILL, *INDEXES]:
            await fetch(statement)

    manager.add_raw(run)
    return manager
