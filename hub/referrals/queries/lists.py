"""A page of referrals, and how many there are of which: by ranges of indexes, because a large county has a hundred
thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.db.engine import fetch
from hub.db.merged import ROW_BY_ROW, merged
from hub.kernel.actor import Actor
from hub.referrals.queries import ReferralRow, select, shown_rows
from hub.referrals.rules import ENDED, OPEN, Side, Status

PAGE = 50
_SIDES = (Side.REQUESTER, Side.OWNER)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows. Everything empty: all open ones."""

    side: str = ""  # requester (outgoing) | owner (incoming)
    state: str = "open"  # open | ended | closing | all, or a status
    partner: str = ""
    member: str = ""
    page: int = 1

    @property
    def sides(self) -> tuple[Side, ...]:
        return (Side(self.side),) if self.side in _SIDES else _SIDES

    def statuses(self, side: Side) -> frozenset[Status]:
        """A draft is its requester's alone."""
        known = {"open": OPEN, "ended": ENDED}
        asked = known.get(self.state) or (frozenset({Status(self.state)}) if self.state in set(Status) else set(Status))
        return frozenset(asked - {Status.DRAFT} if side is Side.OWNER else asked)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are by side and status, for the partner or the member that was asked for."""

    statuses: Mapping[tuple[Side, Status], int]
    closing: Mapping[Side, int]

    def of(self, filter: Filter) -> int:
        if filter.state == "closing":
            return sum(self.closing.get(side, 0) for side in filter.sides)
        return sum(
            number
            for (side, status), number in self.statuses.items()
            if side in filter.sides and status in filter.statuses(side)
        )


def _among(statuses: Iterable[Status]) -> str:
    return ", ".join(f"'{status}'" for status in sorted(statuses))


_CLOSING = f"r.loop_closed_on IS NULL AND r.ended_on IS NOT NULL AND r.status <> '{Status.VOID}'"
"""As the condition of its index says it: ended, and the requester has not closed its ServiceRequest."""


def _side(actor: Actor, side: Side, filter: Filter) -> tuple[str, list[Any]]:
    """Those of one side. What is no bare column leads SQLite to no index: it knows nothing of how many rows each holds,
    and would read all of a county's for the few of a member.
    """
    own, other = ("requester", "owner") if side is Side.REQUESTER else ("owner", "requester")
    if filter.member:
        partner = f" AND r.{other} || '' = {{}}" if filter.partner else ""
        more = [filter.partner] if filter.partner else []
        return f"r.member = {{}} AND r.{own} || '' = {{}}{partner}", [filter.member, actor.home, *more]
    if filter.partner:
        return f"r.{own} = {{}} AND r.{other} = {{}}", [actor.home, filter.partner]
    return f"r.{own} = {{}}", [actor.home]


def _ranges(actor: Actor, filter: Filter) -> list[tuple[str, list[Any]]]:
    """Each is found by an index in the order of the list: those of one status, those of one partner, all."""
    found = []
    for side in filter.sides:
        sql, args = _side(actor, side, filter)
        statuses = sorted(filter.statuses(side))
        if filter.state == "closing":
            found.append((f"{sql} AND {_CLOSING}", args))
        elif filter.state == "all":
            found.append((sql if side is Side.REQUESTER else f"{sql} AND r.status <> 'draft'", args))
        elif filter.partner or filter.member:
            found += [(f"{sql} AND r.status || '' IN ({_among(statuses)})", args)] if statuses else []
        else:
            found += [(f"{sql} AND r.status = '{status}'", args) for status in statuses]
    return found


async def referral_list(actor: Actor, filter: Filter) -> tuple[list[ReferralRow], bool]:
    """A page of referrals, newest first, and whether there are more."""
    actor.require("referral.read")
    start = (max(filter.page, 1) - 1) * PAGE
    # First which rows stand on the page: what may be shown is asked for these alone, not for all that were sorted.
    ranges = _ranges(actor, filter)
    if not ranges:
        return [], False
    order = "r.updated_at DESC, r.id DESC"
    parts = [(f"SELECT r.id, r.updated_at FROM task r WHERE {sql}", order) for sql, _ in ranges]
    found = await fetch(
        merged(parts, "updated_at DESC, id DESC", PAGE + 1, start), *(arg for _, args in ranges for arg in args)
    )
    ids = [row["id"] for row in found[:PAGE]]
    if not ids:
        return [], False
    sql, args = select(actor)
    rows = await fetch(f"{sql} AND r.id IN ({', '.join('{}' for _ in ids)}) ORDER BY {order}", *args, *ids)
    return await shown_rows(actor, rows), len(found) > PAGE


async def tally(actor: Actor, filter: Filter) -> Tally:
    """Of both sides and all states, whatever the filter asks of these."""
    actor.require("referral.read")
    parts: list[str] = []
    values: list[Any] = []
    narrow = filter.partner or filter.member
    status = "r.status || ''" if narrow else "r.status"  # counted in the order of its index, but where that holds more
    for side in _SIDES:
        sql, args = _side(actor, side, filter)
        parts += [
            f"SELECT '{side}' AS side, {status} AS status, 0 AS closing, COUNT(*) AS n FROM task r WHERE {sql}"
            f" GROUP BY {status}",
            f"SELECT '{side}', '', 1, COUNT(*) FROM task r WHERE {sql} AND {_CLOSING}",
        ]
        values += [*args, *args]
    rows = await fetch(" UNION ALL ".join(parts), *values)
    return Tally(
        {(Side(row["side"]), Status(row["status"])): row["n"] for row in rows if not row["closing"]},
        {Side(row["side"]): row["n"] for row in rows if row["closing"]},
    )


async def partners(actor: Actor) -> list[tuple[str, str]]:
    """Id and name of each organization with which there is or was a referral, for the filter."""
    actor.require("referral.read")
    with_one = (
        f"EXISTS (SELECT 1 FROM task t WHERE t.requester = {{}} AND t.owner = o.id {ROW_BY_ROW})"
        " OR EXISTS (SELECT 1 FROM task t WHERE t.requester = o.id AND t.owner = {} AND t.status <> 'draft'"
        f" {ROW_BY_ROW})"
    )
    rows = await fetch(
        f"SELECT o.id, o.short_name FROM organization o WHERE {with_one} ORDER BY o.short_name", actor.home, actor.home
    )
    return [(row["id"], row["short_name"]) for row in rows]
