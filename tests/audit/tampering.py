"""Changing a trail as somebody with full access to the database would: the guards are dropped first."""

from __future__ import annotations

from hub.audit.rules import COLUMNS, leaf_of, link_hash
from hub.db.engine import fetch, fetch_value, is_sqlite


async def drop_guards() -> None:
    if is_sqlite():
        for row in await fetch("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%'"):
            await fetch(f"DROP TRIGGER {row['name']}")
    else:
        await fetch("DROP FUNCTION audit_only_added CASCADE")


async def entry_at(seq: int) -> str:
    return str(await fetch_value("SELECT entry FROM audit_chain WHERE seq = {}", seq))


async def rehash(since: int) -> None:
    """Compute leaves and chain anew from a row on, as a careful forger would."""
    previous = await fetch_value("SELECT hash FROM audit_chain WHERE seq = {}", since - 1)
    for link in await fetch("SELECT seq, entry FROM audit_chain WHERE seq >= {} ORDER BY seq", since):
        columns = ", ".join(COLUMNS)
        row = (await fetch(f"SELECT {columns} FROM audit_entry WHERE id = {{}}", link["entry"]))[0]
        leaf = leaf_of(row)
        previous = link_hash(previous, leaf)
        await fetch("UPDATE audit_entry SET leaf = {} WHERE id = {}", leaf, link["entry"])
        await fetch("UPDATE audit_chain SET hash = {} WHERE seq = {}", previous, link["seq"])


async def copy_entry(source: str, new: str, recorded_at: str = "recorded_at") -> None:
    columns = [name for name in COLUMNS if name not in ("id", "recorded_at")] + ["leaf"]
    names = ", ".join(columns)
    await fetch(
        f"INSERT INTO audit_entry (id, recorded_at, {names}) SELECT {{}}, {recorded_at}, {names} "
        "FROM audit_entry WHERE id = {}",
        new,
        source,
    )
