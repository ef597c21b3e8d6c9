"""MOUs and their meetings: what the State writes is what the actions write when people do the same at the same time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from hub.db.engine import Engine, fetch
from hub.demo.words import COUNTY_SHARES, PLAN_SHARES, TERMS
from hub.directory.rules import NAMES, Position
from hub.duties.actions import escalate_overdue
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.meetings import actions as meetings
from hub.meetings import queries as meeting_queries
from hub.mou import actions as mou
from hub.mou import queries as mou_queries
from hub.mou.rules import SECTION_NAMES, Event, NewAgreement, Section
from hub.simulate.loading import open_loader, prepare
from hub.simulate.meetings import meetings as meeting_rows
from hub.simulate.mous import agreements
from hub.simulate.rows import COLUMNS, Rows, empty
from hub.simulate.stage import Stage, rules_and_holidays
from hub.simulate.world import Pair, World
from tests.simulate.build import TODAY, small_world, stored, user
from tests.simulate.compare import KEYS, Told, told

_SECTIONS = {SECTION_NAMES[section]: section for section in Section}


def one_of_each(world: World) -> list[Pair]:
    """An MOU in force and one in each other stage, of the largest State."""
    found: dict[str, Pair] = {}
    for pair in world.pairs:
        found.setdefault(pair.stage, pair)
    return list(found.values())


async def on_stage(engine: Engine, world: World) -> tuple[Stage, dict[str, str], set[str]]:
    """Organizations and people in the database; the ids that everybody knows."""
    rows, stage = empty(), Stage(world)
    rules_and_holidays(rows, world.days, world.size.seed, dict.fromkeys(sorted(world.days.holidays), "Holiday"))
    stage.rows(rows, {side.client_id: {"keys": []} for side in world.plans if side.system}, "nobody’s")
    loader = await open_loader(engine)
    try:
        await prepare(loader, "{}")
        await loader.step("stage", None, 1, rows)
    finally:
        await loader.close()
    known = {str(row[0]) for these in rows.values() for row in these}
    return stage, {str(row[1]): str(row[0]) for row in rows["rule_version"]}, known


class Replay:
    """Does what the history rows of an MOU and its meetings say, in their order."""

    def __init__(self, world: World, pair: Pair, rows: Rows) -> None:
        self.world, self.pair, self.rows = world, pair, rows
        self.agreement, self.meetings, self.items = "", dict[str, str](), dict[str, str]()

    def _row(self, table: str, **where: Any) -> dict[str, Any]:
        for row in self.rows[table]:
            found = dict(zip(COLUMNS[table], row, strict=True))
            if all(found[name] == value for name, value in where.items()):
                return found
        raise LookupError(f"{table}: {where}")

    async def run(self) -> None:
        history = [
            ("mou", dict(zip(COLUMNS["agreement_event"], row, strict=True))) for row in self.rows["agreement_event"]
        ]
        history += [
            ("meeting", dict(zip(COLUMNS["meeting_event"], row, strict=True))) for row in self.rows["meeting_event"]
        ]
        history.sort(key=lambda pair: str(pair[1]["recorded_at"]))
        day = self.world.days.dates[self.pair.begun]
        while day < TODAY:
            with clock.set_to(datetime.combine(day, time(5, 30), clock.CALIFORNIA)):
                await escalate_overdue(day)
                await meetings.open_quarter(day)
            while history and history[0][1]["recorded_at"][:10] == day.isoformat():
                kind, event = history.pop(0)
                with clock.set_to(datetime.fromisoformat(event["recorded_at"])):
                    by = await user(event["actor_id"])
                    await (self._mou(by, event) if kind == "mou" else self._meeting(by, event))
            day += timedelta(days=1)

    async def _mou(self, by: Actor, event: dict[str, Any]) -> None:
        pair, note, name = self.pair, event["note"], event["event"]
        on = date.fromisoformat(event["effective_date"])
        if name == "recorded":
            wanted = self._row("agreement", id=pair.agreement)
            self.agreement = await mou.record_agreement(by, NewAgreement(
                pair.county.id, pair.plan.id, effective_date=date.fromisoformat(wanted["effective_date"]),
                collects_consent_for_both=True,
            ))  # fmt: skip
        elif name == "section_filled":
            section = _SECTIONS[note.removesuffix(": complete")]
            await mou.fill_section(by, self.agreement, section, TERMS[section], True)
        elif name == "elements_agreed":
            way = (pair.county, pair.plan) if note.startswith(pair.county.name) else (pair.plan, pair.county)
            shares = COUNTY_SHARES if way[0] is pair.county else PLAN_SHARES
            await mou.agree_elements(by, self.agreement, way[0].id, way[1].id, shares)
        elif name == "position_named":
            position = next(one for one in Position if note.startswith(NAMES[one]))
            wanted = self._row("appointment", counterpart=self._other(position).id, position=position.value)
            await mou.name_position(
                by, self.agreement, organization=wanted["organization"], position=position, person=wanted["person"],
                deputy=wanted["deputy"], from_date=on,
            )  # fmt: skip
        elif name == "signed":
            view = await mou_queries.agreement(by, self.agreement)
            party = view.party_of(by.home)
            assert party is not None
            signed = self._row("agreement_party", organization=by.home)
            await mou.sign_party(
                by, self.agreement, party.id, signatory=signed["signatory"], title=signed["signatory_title"],
                signed_on=on,
            )  # fmt: skip
        elif name == "document_recorded":
            await mou.record_document(
                by, self.agreement, note, self._row("agreement", id=pair.agreement)["document_hash"]
            )
        elif name == "published":
            await mou.record_publication(by, self.agreement, note, on)
        elif name == "effort":
            await mou.log_effort(by, self.agreement, on, note)
        else:
            await mou.move(by, self.agreement, Event(name), note=note)

    def _other(self, position: Position) -> Any:
        return self.pair.county if position.value.startswith("mcp") else self.pair.plan

    async def _meeting(self, by: Actor, event: dict[str, Any]) -> None:
        name, theirs = event["event"], event["meeting"]
        row = self._row("meeting", id=theirs)
        if name == "scheduled":
            self.meetings[theirs] = await meetings.schedule(
                by, self.agreement, datetime.fromisoformat(row["starts_at"]), row["minutes_long"], row["place"]
            )
            return
        mine = self.meetings[theirs]
        version = (await meeting_queries.meeting(by, mine)).version
        if name == "invited":
            await meetings.invite(by, mine, version)
        elif name == "held":
            came = [seat[2] for seat in self.rows["meeting_attendance"] if seat[1] == theirs and seat[6]]
            await meetings.hold(
                by, mine, version, held_on=clock.today(), attended=came, others_present=row["others_present"]
            )
        elif name == "minuted":
            said = await self._said(by, theirs, mine)
            await meetings.minute(by, mine, version, minutes=row["minutes"], decisions=row["decisions"], discussed=said)
        elif name == "posted":
            await meetings.post(by, mine, version, posted_on=clock.today(), where=row["posted_where"])
        else:
            await self._item(by, event, theirs, mine)

    async def _said(self, by: Actor, theirs: str, mine: str) -> dict[str, str]:
        told_there = {row[5]: row[10] for row in self.rows["agenda_item"] if row[1] == theirs}
        items, _ = await meeting_queries.agenda(by, mine)
        return {item.id: str(told_there[item.title]) for item in items}

    async def _item(self, by: Actor, event: dict[str, Any], theirs: str, mine: str) -> None:
        if event["event"] == "action item recorded":
            place = sum(one.startswith(f"{theirs}/") for one in self.items)
            row = [one for one in self.rows["action_item"] if one[2] == theirs][place]
            self.items[f"{theirs}/{row[0]}"] = await meetings.add_action_item(
                by, mine, str(row[3]), str(row[5]), date.fromisoformat(str(row[6]))
            )
            return
        for key, mine_item in self.items.items():
            row = next(one for one in self.rows["action_item"] if key == f"{one[2]}/{one[0]}")
            kept = await fetch("SELECT state FROM action_item WHERE id = {}", mine_item)
            if (
                row[2] == theirs
                and row[5] == by.id
                and row[8] == clock.today().isoformat()
                and kept[0]["state"] == "open"
            ):
                await meetings.complete_action_item(by, mine_item, 1, outcome=str(row[9]))
                return
        raise LookupError("no such action item")


async def test_an_mou_with_its_meetings_is_what_the_actions_write(database: Engine) -> None:
    world = small_world(counties=30, plans=12)
    stage, versions, known = await on_stage(database, world)
    for pair in one_of_each(world):
        alone = World(world.size, world.days, world.counties, world.plans, (pair,),
                      (pair,) if pair.stage == "executed" else ())  # fmt: skip
        written = empty()
        agreements(written, alone, stage, versions)
        meeting_rows(written, alone, versions)
        replay = Replay(world, pair, written)
        await replay.run()
        expected, found = told(written, known), told(await rows_of(replay.agreement, pair, known), known)
        for table in KEYS:
            assert expected[table] == found[table], (pair.stage, table)
        if pair.stage == "executed":
            assert len(expected["meeting"]) > 6 and len(expected["action_item"]) > 6
            events = {row[2] for row in expected["duty_event"]}
            assert {"opened", "met", "missed", "overdue"} <= events


async def rows_of(agreement: str, pair: Pair, known: set[str]) -> Told:
    of_it, sides = "WHERE agreement = {}", (pair.county.id, pair.plan.id)
    meetings_of = "(SELECT id FROM meeting WHERE agreement = {})"
    found: Told = {
        "agreement": await stored("agreement", "WHERE id = {}", agreement),
        **{
            table: await stored(table, of_it, agreement)
            for table in ("agreement_party", "agreement_section", "agreement_element", "mou_term", "agreement_event",
                          "meeting", "action_item")
        },
        **{
            table: await stored(table, f"WHERE meeting IN {meetings_of}", agreement)
            for table in ("meeting_event", "meeting_attendance", "agenda_item")
        },
        "appointment": await stored(
            "appointment", "WHERE organization IN ({}, {}) AND counterpart IN ({}, {})", *sides, *sides
        ),
    }  # fmt: skip
    things = [agreement, *(str(row[0]) for table in ("meeting", "action_item") for row in found[table])]
    marks = ", ".join("{}" for _ in things)
    found["duty"] = await stored("duty", f"WHERE subject_id IN ({marks})", *things)
    duties = ", ".join("{}" for _ in found["duty"]) or "''"
    found["duty_event"] = await stored("duty_event", f"WHERE duty IN ({duties})", *(row[0] for row in found["duty"]))
    people = [str(row[0]) for row in found["appointment"]]
    marks = ", ".join("{}" for _ in people) or "''"
    found["appointment_event"] = await stored("appointment_event", f"WHERE appointment IN ({marks})", *people)
    found["resource_version"] = await stored("resource_version", f"WHERE resource_id IN ({marks})", *people)
    return found
