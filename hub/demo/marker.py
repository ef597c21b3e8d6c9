"""How the hub knows a demonstration that it made: a file in the data folder, and the same mark in the database's trail.

Both must say the same. A database with anything in it that does not carry the folder's mark is somebody's, and is left
alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from hub.audit.actions import Entry, record
from hub.audit.tables import AuditEntry
from hub.db.engine import fetch, is_sqlite
from hub.demo.keys import write_private
from hub.directory.tables import Organization
from hub.kernel.actor import HUB
from hub.kernel.jsontext import decode

BEGUN, MADE = "demo:story:begin", "demo:story:finish"


@dataclass(frozen=True, slots=True)
class Mark:
    """What `demo/demo.json` holds."""

    id: str
    finished: bool = False


class Folder:
    """The part of the data folder that the demonstration owns."""

    def __init__(self, data: Path) -> None:
        self.data, self.path = data, data / "demo"

    @property
    def accounts(self) -> Path:
        return self.path / "accounts.json"

    def mark(self) -> Mark | None:
        """None where there is none. Raises ValueError for a file that is not ours."""
        try:
            return msgspec.json.decode((self.path / "demo.json").read_bytes(), type=Mark)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise ValueError(f"{self.path / 'demo.json'} cannot be read") from error

    def write(self, mark: Mark) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.path / "demo.json", asdict(mark))

    def foreign(self, database: Path | None) -> list[str]:
        """What lies in the data folder that no demonstration put there; the database is looked into by itself."""
        if not self.data.is_dir():
            return []
        own = {self.path.name}
        if database is not None and database.parent.resolve() == self.data.resolve():
            own |= {database.name, f"{database.name}-wal", f"{database.name}-shm"}
        return sorted(one.name for one in self.data.iterdir() if one.name not in own and not one.name.startswith("."))


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the bound database."""

    empty: bool  # no table, or ours without a row
    mark: str | None = None
    finished: bool = False


async def look() -> Found:
    """Reads only."""
    if is_sqlite():
        tables = await fetch("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    else:
        tables = await fetch(
            "SELECT table_name AS name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
    names = {row["name"] for row in tables}
    if not names:
        return Found(empty=True)
    if not {AuditEntry._meta.tablename, Organization._meta.tablename} <= names:
        return Found(empty=names <= {"migration"})
    rows = await fetch("SELECT action, detail FROM audit_entry WHERE action IN ({}, {})", BEGUN, MADE)
    marks = {row["action"]: decode(row["detail"])["mark"] for row in rows}
    if BEGUN in marks:
        return Found(empty=False, mark=marks[BEGUN], finished=marks.get(MADE) == marks[BEGUN])
    filled = await fetch("SELECT id FROM audit_entry LIMIT 1") or await fetch("SELECT id FROM organization LIMIT 1")
    return Found(empty=not filled)


async def begin(mark: Mark) -> None:
    """The first entry of the trail: from now on the database is the demonstration's."""
    await record(HUB, Entry(BEGUN, "Demonstration", mark.id, detail={"mark": mark.id}))


async def finish(mark: Mark) -> None:
    await record(HUB, Entry(MADE, "Demonstration", mark.id, detail={"mark": mark.id}))
