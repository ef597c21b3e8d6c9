"""One MOU in full: what its page shows, and what its guards decide on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hub.db.engine import fetch
from hub.directory import queries as directory
from hub.directory.queries import Holder
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import short_date
from hub.kernel.clock import legal_date
from hub.mou.queries.register import seats, visible_row
from hub.mou.queries.rows import AgreementRow
from hub.mou.rules import (
    HISTORY_WORDS,
    Contents,
    DataElement,
    Direction,
    Event,
    Filled,
    Seat,
    Section,
    Signature,
    State,
    missing_for_execution,
    possible,
)


@dataclass(frozen=True, slots=True)
class PartyRow:
    id: str
    organization: str
    name: str
    role: str
    signatory: str | None
    signatory_title: str | None
    signed_on: date | None


@dataclass(frozen=True, slots=True)
class SectionRow:
    section: Section
    terms: str
    complete: bool
    version: int


@dataclass(frozen=True, slots=True)
class SeatView:
    """A position of this MOU with who holds it, and who will."""

    seat: Seat
    holder: Holder | None
    next: Holder | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A line of the timeline."""

    id: str
    event: str
    title: str
    who: str
    when: datetime
    effective_date: date
    note: str | None

    @property
    def anchor(self) -> str:
        return f"event-{self.id}"


@dataclass(frozen=True, slots=True)
class AgreementView:
    row: AgreementRow
    contents: Contents
    parties: tuple[PartyRow, ...]
    sections: Mapping[Section, SectionRow]
    seats: tuple[SeatView, ...]
    directions: tuple[Direction, ...]
    events: tuple[HistoryRow, ...] = field(default=())

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def state(self) -> State:
        return self.row.state

    @property
    def sections_complete(self) -> int:
        return sum(one.complete for one in self.sections.values())

    @property
    def vacancies(self) -> tuple[Seat, ...]:
        return tuple(one.seat for one in self.seats if one.holder is None)

    @property
    def missing(self) -> list[Any]:
        return missing_for_execution(self.contents)

    def party_of(self, organization: str | None) -> PartyRow | None:
        return next((party for party in self.parties if party.organization == organization), None)

    def side_of(self, actor: Actor) -> str | None:
        """The asker's side: a subcontractor acts on the plan's."""
        party = self.party_of(actor.organization)
        return None if party is None else "county" if party.role == "county" else "plan"

    def possible(self, actor: Actor) -> list[Event]:
        return possible(self.state, actor.capabilities, self.side_of(actor))


async def agreement(actor: Actor, agreement_id: str, on: date | None = None) -> AgreementView:
    """An MOU of the actor's organization, with its people as of a day (by default today)."""
    return await view_of(await visible_row(actor, agreement_id), on or clock.today())


async def view_of(row: AgreementRow, on: date) -> AgreementView:
    parties = await _parties(row.id)
    sections = await _sections(row.id)
    # Before it takes effect, those count who are named for that day.
    day = max(on, row.effective_date) if row.effective_date and not row.in_force else on
    people = await _seats(parties, day)
    directions = await _directions(row.id, parties)
    contents = Contents(
        state=row.state,
        template=row.template,
        renewal=row.renewal,
        effective_date=row.effective_date,
        end_date=row.end_date,
        signatures=tuple(Signature(p.id, p.name, p.role, p.signatory, p.signatory_title, p.signed_on) for p in parties),
        seats=tuple(one.seat for one in people),
        sections={section: Filled(one.terms, one.complete) for section, one in sections.items()},
        directions=directions,
    )
    return AgreementView(row, contents, parties, sections, people, directions, await _history(row.id))


async def _parties(agreement_id: str) -> tuple[PartyRow, ...]:
    rows = await fetch(
        "SELECT x.id, x.organization, o.name, x.role, x.signatory, x.signatory_title, x.signed_on"
        " FROM agreement_party x JOIN organization o ON o.id = x.organization WHERE x.agreement = {}"
        " ORDER BY x.role, o.name",
        agreement_id,
    )
    return tuple(PartyRow(**row) for row in rows)


async def _sections(agreement_id: str) -> dict[Section, SectionRow]:
    rows = await fetch(
        "SELECT section, terms, complete, version FROM agreement_section WHERE agreement = {}", agreement_id
    )
    found = {
        Section(r["section"]): SectionRow(Section(r["section"]), r["terms"] or "", bool(r["complete"]), r["version"])
        for r in rows
    }
    return {section: found.get(section, SectionRow(section, "", False, 0)) for section in Section}


async def _seats(parties: tuple[PartyRow, ...], on: date) -> tuple[SeatView, ...]:
    plain = [{"organization": p.organization, "name": p.name, "role": p.role} for p in parties]
    found = []
    for seat in seats(plain, set()):
        history = await directory.tenures(seat.organization, seat.counterpart, seat.position)
        holder = await directory.holder(seat.position, seat.organization, seat.counterpart, on)
        coming = [one for one in history if one.from_date > on]
        filled = Seat(
            seat.position,
            seat.organization,
            seat.organization_name,
            seat.counterpart,
            seat.counterpart_name,
            holder is not None,
        )
        found.append(SeatView(filled, holder, min(coming, key=lambda one: one.from_date, default=None)))
    return tuple(found)


async def _directions(agreement_id: str, parties: tuple[PartyRow, ...]) -> tuple[Direction, ...]:
    rows = await fetch("SELECT discloser, recipient, element FROM agreement_element WHERE agreement = {}", agreement_id)
    agreed: dict[tuple[str, str], set[DataElement]] = {}
    for row in rows:
        agreed.setdefault((row["discloser"], row["recipient"]), set()).add(DataElement(row["element"]))
    counties = [p for p in parties if p.role == "county"]
    others = [p for p in parties if p.role != "county"]
    return tuple(
        Direction(
            a.organization,
            a.name,
            a.role,
            b.organization,
            b.name,
            b.role,
            frozenset(agreed.get((a.organization, b.organization), ())),
        )
        for county in counties
        for other in others
        for a, b in ((other, county), (county, other))
    )


async def _history(agreement_id: str) -> tuple[HistoryRow, ...]:
    rows = await fetch(
        "SELECT id, event, actor_name, effective_date, recorded_at, note FROM agreement_event"
        " WHERE agreement = {} ORDER BY recorded_at DESC, id DESC",
        agreement_id,
    )
    found = []
    for row in rows:
        title = HISTORY_WORDS.get(row["event"], row["event"])
        if row["effective_date"] != legal_date(row["recorded_at"]):
            title += f" (effective {short_date(row['effective_date'])})"
        found.append(
            HistoryRow(
                row["id"],
                row["event"],
                title,
                row["actor_name"],
                row["recorded_at"],
                row["effective_date"],
                row["note"],
            )
        )
    return tuple(found)
