"""Building a State, from the empty database or from where a crash left it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import holidays as public_holidays

from hub.audit.actions import Entry, record
from hub.db.apps import tables as our_tables
from hub.db.engine import Engine, bind
from hub.db.migrate import migrate, pending
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.jsontext import decode, encode
from hub.simulate.accounts import Ways, ways
from hub.simulate.loading import OWN, Loader, Told, drop, fill, open_loader, prepare, remake
from hub.simulate.meetings import meetings
from hub.simulate.members import Members
from hub.simulate.mous import agreements
from hub.simulate.referrals import Referrals
from hub.simulate.rows import Rows, empty
from hub.simulate.rules import BEFORE, Size
from hub.simulate.stage import Stage, rules_and_holidays
from hub.simulate.story import Stories
from hub.simulate.world import MOST_PLANS, World, build

_ELSEWHERE = "choose another, empty database (HUB_DATABASE_URL) or data folder (HUB_DATA)."
BEGUN, BUILT = "simulate:state:begin", "simulate:state:build"
MEMBERS, REFERRALS = 2_000, 500  # in one step: some megabytes
_SAYS_NOTHING = {"rule_version", "holiday", "audit_chain", "audit_seal", "audit_lease"}  # `hub migrate` enters them


class Refused(Exception):
    """The State is not built here; the words say why, and what to do."""


@dataclass(frozen=True)
class State:
    """What was built: who takes part, and the ways in."""

    world: World
    ways: Ways
    new: bool  # whether anything of it was built now


async def build_state(
    engine: Engine,
    *,
    counties: int = 58,
    plans: int = 25,
    members: int = 815_000,
    referrals: int = 1_000_000,
    seed: int = 7,
    today: date | None = None,
    folder: Path | None = None,
    base: str = "",
    told: Told | None = None,
) -> State:
    """Into an empty database, or on with one that was begun with the same arguments. Raises `Refused`.

    `folder` keeps `accounts.json`; without one the ways in are only in what is returned, and a State that was begun
    cannot be gone on with. Without `today` one that was begun goes on with its own. Binds the engine.
    """
    bind(engine)
    loader = await open_loader(engine)
    try:
        kept = await arguments(loader)
        begun_on = date.fromisoformat(kept["today"]) if kept else clock.today()
        size = Size(counties, plans, members, referrals, seed, today or begun_on)
        problem = size.problem(MOST_PLANS)
        if problem:
            raise Refused(problem)
        if kept is None:
            await refuse_filled(loader)
        elif kept != size.told:
            raise Refused(f"This database holds another State: {in_words(kept)}. Ask for the same, or {_ELSEWHERE}")
        return await _Builder(loader, size, folder, base, told or (lambda *_: None)).run(begun=kept is not None)
    finally:
        await loader.close()


async def arguments(loader: Loader) -> dict[str, Any] | None:
    """Those of the State that was begun here; None where none was."""
    if OWN[0] not in await loader.tables():
        return None
    rows = await loader.fetch("SELECT told FROM simulation WHERE stage = 'arguments'")
    return dict(decode(rows[0][0])) if rows else None


def in_words(arguments: Mapping[str, Any]) -> str:
    return " ".join(f"--{name} {value}" for name, value in arguments.items())


async def refuse_filled(loader: Loader) -> None:
    """Leave alone what is not empty: tables of others, and ours with more than `hub migrate` enters."""
    tables = await loader.tables()
    ours = {table._meta.tablename for table in our_tables()}
    filled = sorted(tables - ours - {"migration", *OWN})
    for table in sorted((tables & ours) - _SAYS_NOTHING):
        seeding = " WHERE action <> 'duties:rule:seed'" if table == "audit_entry" else ""
        if await loader.fetch(f"SELECT 1 FROM {table}{seeding} LIMIT 1"):
            filled.append(table)
    if filled:
        raise Refused(
            f"This database is not empty ({', '.join(filled[:5])}) and holds no State that was begun here. It is left "
            f"as it is: {_ELSEWHERE}"
        )


class _Builder:
    def __init__(self, loader: Loader, size: Size, folder: Path | None, base: str, told: Told) -> None:
        self.loader, self.size, self.folder, self.base, self.told = loader, size, folder, base, told
        years = range(size.first_day.year - BEFORE // 365, size.today.year + 3)
        self.holidays: Mapping[date, str] = dict(
            public_holidays.country_holidays("US", subdiv="CA", years=years).items()
        )

    async def run(self, begun: bool) -> State:
        done = dict(await self.loader.fetch("SELECT stage, done FROM simulation")) if begun else {}
        world = build(self.size, frozenset(self.holidays))
        found = ways(world, self.base, self.folder, make="stage" not in done)
        if found is None:
            raise Refused(f"The accounts of this State ({self.folder}) are gone. Empty the database to begin anew.")
        if "finished" in done:
            return State(world, found, new=False)
        if begun and await pending():  # its indexes are off: a migration would miss them
            words = "Another version of the hub began this State: empty the database to begin anew, or"
            raise Refused(f"{words} {_ELSEWHERE}")
        if not begun:
            await migrate()
            await prepare(self.loader, encode(self.size.told))
            await record(HUB, Entry(BEGUN, "State", detail=self.size.told))
        if "stage" not in done:
            await self._stage(world, found)
        if "dropped" not in done:
            await drop(self.loader)
        members = Members(world)
        await self._fill("members", self.size.members, MEMBERS, done, members.add)
        await self._fill("consents", self.size.members, MEMBERS, done, members.add_consents)
        referrals = Referrals(world, Stories(world, members), await self._versions())
        await self._fill("referrals", self.size.referrals, REFERRALS, done, referrals.add)
        await remake(self.loader, self.told)
        await record(HUB, Entry(BUILT, "State", detail=self.size.told))
        await self.loader.step("finished", None, 1)
        await self.loader.settle()
        return State(world, found, new=True)

    async def _stage(self, world: World, found: Ways) -> None:
        """Everything that does not grow with the members, in one step."""
        rows = empty()
        self.told("organizations, MOUs, meetings", 0, 1)
        prepared = empty()
        rules_and_holidays(prepared, world.days, self.size.seed, self.holidays)
        days = {str(day) for (day,) in await self.loader.fetch("SELECT day FROM holiday WHERE organization IS NULL")}
        rows["holiday"] = [row for row in prepared["holiday"] if row[2] not in days]
        versions = await self._versions()
        rows["rule_version"] = [row for row in prepared["rule_version"] if row[1] not in versions]
        versions |= {str(row[1]): str(row[0]) for row in rows["rule_version"]}
        stage = Stage(world)
        stage.rows(rows, found.keys, await found.password_hash())
        agreements(rows, world, stage, versions)
        meetings(rows, world, versions)
        await self.loader.step("stage", None, 1, rows)
        self.told("organizations, MOUs, meetings", 1, 1)

    async def _versions(self) -> dict[str, str]:
        """The row of each rule, of its first version."""
        return {
            str(rule): str(row_id)
            for rule, row_id in await self.loader.fetch("SELECT rule, id FROM rule_version WHERE version = 1")
        }

    async def _fill(
        self, stage: str, count: int, chunk: int, done: Mapping[str, int], add: Callable[[Rows, int], Any]
    ) -> None:
        if stage not in done:
            await self.loader.step(stage, None, 0)
        await fill(self.loader, stage, count, chunk, add, at=done.get(stage, 0), told=self.told)
