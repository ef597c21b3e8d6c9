"""Members that were on file before their given names had keys get them with the migration, on either database."""

from __future__ import annotations

from datetime import date

from hub.db.engine import fetch
from hub.db.transaction import unit_of_work
from hub.members.piccolo_migrations import members_0003_names as migration
from tests import cast as people
from tests.cast import Cast

UNDONE = [
    "DROP INDEX member_family",
    "DROP INDEX member_given",
    "DROP INDEX member_born",
    "ALTER TABLE member DROP COLUMN given_key",
    "CREATE INDEX member_family_key ON member (family_key)",
]


async def test_whoever_is_on_file_is_found_by_the_given_name_however_long_a_system_sent_it(cast: Cast) -> None:
    long = "".join([chr(0x4E00 + number * 7919 % 0x5000) for number in range(3000)])  # nothing to compress
    for number, given in enumerate(["ROSA", " María  José ", "Straße"]):
        await people.member(f"9002{number:04d}A", given, "Ortiz", date(1950, 1, 1), cast.alameda, cast.poppy)
    await fetch("UPDATE member SET given = {} WHERE given = {}", long, "ROSA")
    for statement in UNDONE:
        await fetch(statement)

    @unit_of_work
    async def run() -> None:
        for step in (await migration.forwards()).raw:
            assert not isinstance(step, str)
            await step()

    await run()
    keys = {row["given_key"] for row in await fetch("SELECT given_key FROM member WHERE family = 'Ortiz'")}
    assert keys == {long[:128], "maría josé", "strasse"}
