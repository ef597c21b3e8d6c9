"""Whether and what two organizations may exchange: lookups for the decisions of other features.

They take no actor, and tell nothing of what an MOU says beyond that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from hub.db.columns import listed
from hub.db.engine import fetch, look_up
from hub.db.together import Asked, ask_together
from hub.directory import queries as directory
from hub.directory.queries import OrganizationRow
from hub.mou.queries.rows import AGREEMENT, IN_FORCE_SQL, AgreementRow, as_row
from hub.mou.rules import DataElement


async def agreement_in_force(a: str, b: str, on: date) -> AgreementRow | None:
    """The MOU under which two organizations may exchange on that day; the order of the two does not matter."""
    rows = await look_up(
        f"{AGREEMENT} JOIN agreement_party x ON x.agreement = a.id AND x.organization = {{}}"
        " JOIN agreement_party y ON y.agreement = a.id AND y.organization = {}"
        f" WHERE (x.role = 'county' OR y.role = 'county') AND x.organization <> y.organization AND {IN_FORCE_SQL}"
        " ORDER BY a.effective_date DESC, a.id DESC LIMIT 1",
        a,
        b,
        on,
        on,
    )
    return as_row(rows[0]) if rows else None


async def in_force(on: date, organization: str | None = None) -> list[AgreementRow]:
    """Every MOU in force on that day (of one organization): what jobs and reports walk over."""
    where, args = IN_FORCE_SQL, [on, on]
    if organization is not None:
        where += " AND a.id IN (SELECT agreement FROM agreement_party WHERE organization = {})"
        return [as_row(r) for r in await fetch(f"{AGREEMENT} WHERE {where} ORDER BY a.id", *args, organization)]
    return [as_row(r) for r in await fetch(f"{AGREEMENT} WHERE {where} ORDER BY a.id", *args)]


def asked_any(organization: str, on: date) -> Asked[bool]:
    """Whether the organization has any MOU in force on that day."""
    return Asked(
        "SELECT a.id FROM agreement a JOIN agreement_party x ON x.agreement = a.id AND x.organization = {}"
        f" WHERE {IN_FORCE_SQL} LIMIT 1",
        [organization, on, on],
        bool,
    )


async def any_in_force(organization: str, on: date) -> bool:
    return (await ask_together(asked_any(organization, on)))[0]


async def partners_of(organization: str, on: date) -> list[OrganizationRow]:
    """The other side of each MOU in force: a plan's counties, a county's plans and their subcontractors."""
    rows = await fetch(
        "SELECT DISTINCT y.organization AS id FROM agreement a"
        " JOIN agreement_party x ON x.agreement = a.id AND x.organization = {}"
        " JOIN agreement_party y ON y.agreement = a.id AND y.organization <> x.organization"
        f" WHERE (x.role = 'county' OR y.role = 'county') AND {IN_FORCE_SQL}",
        organization,
        on,
        on,
    )
    ids = {row["id"] for row in rows}
    return [one for one in await directory.organizations() if one.id in ids]


async def terms(discloser: str, recipient: str, on: date) -> frozenset[DataElement]:
    """The data elements that the discloser agreed to share with the recipient, as in force on that day."""
    rows = await look_up(
        "SELECT DISTINCT element FROM mou_term WHERE discloser = {} AND recipient = {} AND from_date <= {}"
        " AND (until_date IS NULL OR until_date >= {})",
        discloser,
        recipient,
        on,
        on,
    )
    return frozenset(DataElement(row["element"]) for row in rows)


def agreed(recipient: str, disclosers: tuple[str, Sequence[str]], on: date) -> tuple[str, list[Any]]:
    """SQL with a row for each MOU under which one of the disclosers (given as what follows `IN`, with its arguments)
    agreed to share something with the recipient on that day: `discloser`, `agreement`, in one text the `elements`, and
    `since`, where the MOU is in force between the two.

    What `agreement_in_force` and `terms` tell, for a decision that asks for both. The terms lead to the MOU, for an
    organization may have dozens of MOUs. Where there are several MOUs, the one that `governs` does.
    """
    by, named = disclosers
    sql = (
        "SELECT q.discloser, q.agreement, q.elements, (SELECT a.effective_date FROM agreement a"
        " JOIN agreement_party x ON x.agreement = a.id AND x.organization = q.discloser"
        " JOIN agreement_party y ON y.agreement = a.id AND y.organization = {}"
        " WHERE a.id = q.agreement AND x.organization <> y.organization"
        f" AND (x.role = 'county' OR y.role = 'county') AND {IN_FORCE_SQL}) AS since"
        f" FROM (SELECT t.discloser, t.agreement, {listed('t.element')} AS elements FROM mou_term t"
        f" WHERE t.recipient = {{}} AND t.discloser IN ({by}) AND t.from_date <= {{}}"
        " AND (t.until_date IS NULL OR t.until_date >= {}) GROUP BY t.discloser, t.agreement) q"
    )
    return sql, [recipient, on, on, recipient, *named, on, on]


def governs(one: tuple[Any, str], other: tuple[Any, str]) -> bool:
    """Of two MOUs in force, each as (since, agreement): the later one, as in `agreement_in_force`."""
    return one > other


@lru_cache(maxsize=1024)
def elements_in(text: str | None) -> frozenset[DataElement]:
    """What `agreed` lists."""
    return frozenset(map(DataElement, (text or "").split()))


async def agreement_of_terms(discloser: str, recipient: str, on: date) -> str | None:
    """The MOU whose terms held between the two on that day, whatever became of it since. For closing a loop."""
    rows = await look_up(
        "SELECT agreement FROM mou_term WHERE discloser = {} AND recipient = {} AND from_date <= {}"
        " AND (until_date IS NULL OR until_date >= {}) ORDER BY from_date DESC LIMIT 1",
        discloser,
        recipient,
        on,
        on,
    )
    return str(rows[0]["agreement"]) if rows else None


async def collects_for_both(a: str, b: str, on: date) -> bool:
    """Whether either side may record a consent that lets the other disclose (architecture, Grants)."""
    found = await agreement_in_force(a, b, on)
    return found is not None and found.collects_consent_for_both
