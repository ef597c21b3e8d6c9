"""A filled database quickly: the people of the tests, and one member with all that belongs to them, many times over.

What is cloned was made by the actions, so that it is whole: the member, the consent with its grants, referrals both
ways with their requests, events, duties and versions. Everything lies between one county and one plan. For the
smallest runs; `hub.simulate` makes the State.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from hub.consent.actions import record_consent
from hub.consent.document import consent
from hub.db.engine import fetch, is_sqlite
from hub.directory.actions import seed_holidays
from hub.duties.actions import seed_rules
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.ids import new_id
from hub.referrals import document
from hub.referrals.actions.desk import NewReferral, send_referral
from hub.referrals.actions.requests import receive_request
from hub.referrals.actions.tasks import receive_task
from hub.referrals.rules import Service
from tests.cast import Cast, build_cast

# In the order in which they may be filled: what is referred to comes first.
_TABLES = (
    "member", "member_organization", "consent", "consent_grant", "consent_party", "service_request", "request_consent",
    "task", "referral_event", "duty", "duty_event", "resource_version",
)  # fmt: skip
_LEAN = ("member", "consent", "consent_grant", "service_request", "task")  # what an export of Tasks joins
_CHUNK = 500
REFERRALS_EACH = 2
_CIN = "90000001A"


async def fill(referrals: int, *, lean: bool = False) -> None:
    """Fill the bound, migrated, empty database. `lean`: with the Tasks, and what they cannot be without."""
    cast = await build_cast()
    await seed_rules(HUB)
    await seed_holidays([clock.today().year, clock.today().year + 1])
    await _family(cast)
    kept = {table: rows for table, rows in (await _rows_of(cast.rosa)).items() if table in (_LEAN if lean else _TABLES)}
    await _multiply(kept, referrals // REFERRALS_EACH)


async def _family(cast: Cast) -> None:
    said = consent(
        member=cast.rosa, organizations=(cast.alameda, cast.poppy), two_way=True, form="ASCMI AB 133",
        given_on=date(2026, 1, 1), from_date=date(2026, 1, 1), until_date=None,
    )  # fmt: skip
    await record_consent(cast.marisol, said)
    await send_referral(
        cast.marisol, NewReferral(cast.rosa, cast.poppy, Service.COMMUNITY_SUPPORTS, "Needs meals after discharge.")
    )
    body = document.service_request(
        member=cast.rosa, service=Service.IHSS_APPLICATION, requester=cast.poppy, performer=cast.alameda,
        at=clock.now(), need="Cannot bathe or cook alone since a fall.",
    )  # fmt: skip
    request = await receive_request(cast.poppy_system, body)
    await receive_task(
        cast.poppy_system,
        document.task(
            service_request=request.id, member=cast.rosa, requester=cast.poppy, owner=cast.alameda, at=clock.now()
        ),
    )


async def _rows_of(member: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the member's, as the driver gives them: by whatever column they are tied to something of theirs."""
    of_member = "(SELECT id FROM {} WHERE member = '{}')"
    tasks, requests, consents = (of_member.format(t, member) for t in ("task", "service_request", "consent"))
    duties = of_member.format("duty", member)
    own = f"member = '{member}'"
    where = {
        "member": f"id = '{member}'",
        "request_consent": f"service_request IN {requests}",
        "referral_event": f"task IN {tasks}",
        "duty_event": f"duty IN {duties}",
        "consent_party": f"consent IN {consents}",
        "resource_version": f"resource_id = '{member}' OR resource_id IN {tasks} OR resource_id IN {requests}"
        f" OR resource_id IN {consents}",
    }
    return {
        table: [dict(row) for row in await _raw(f"SELECT * FROM {table} WHERE {where.get(table, own)}")]
        for table in _TABLES
    }


async def _raw(sql: str) -> list[Any]:
    from hub.db.engine import engine

    if is_sqlite():
        with sqlite3.connect(engine().path) as own:  # type: ignore[union-attr]
            own.row_factory = sqlite3.Row
            return own.execute(sql).fetchall()
    return await fetch(sql)


Maker = Callable[[list[str], int], Any]


def _maker(value: Any, olds: dict[str, int], column: str) -> Maker:
    """How a cell of the n-th clone comes from the original's."""
    if column == "updated_at":
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(value, str):
            return lambda _ids, n: (at - timedelta(milliseconds=137 * n)).isoformat(" ", "microseconds")
        return lambda _ids, n: at - timedelta(milliseconds=137 * n)
    if not isinstance(value, str):
        return lambda _ids, _n: value
    parts = re.split("(" + "|".join([*map(re.escape, olds), _CIN]) + ")", value)
    if len(parts) == 1:
        return lambda _ids, _n: value
    places = [olds.get(part, -1) if part in olds or part == _CIN else part for part in parts]

    def made(ids: list[str], n: int) -> str:
        return "".join(one if isinstance(one, str) else ids[one] if one >= 0 else f"9{n + 2:07}A" for one in places)

    return made


async def _multiply(kept: dict[str, list[dict[str, Any]]], times: int) -> None:
    olds = {row["id"]: number for number, row in enumerate(row for rows in kept.values() for row in rows)}
    plans = {
        table: (list(rows[0]), [[_maker(row[c], olds, c) for c in rows[0]] for row in rows])
        for table, rows in kept.items()
        if rows
    }
    insert = await _inserter()
    for first in range(0, times - 1, _CHUNK):
        numbers = range(first, min(first + _CHUNK, times - 1))
        ids = {n: [new_id() for _ in olds] for n in numbers}
        for table, (columns, rows) in plans.items():
            await insert.rows(table, columns, ([make(ids[n], n) for make in row] for n in numbers for row in rows))
    await insert.close()


class _Insert:
    async def rows(self, table: str, columns: Sequence[str], rows: Iterable[list[Any]]) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


class _SQLite(_Insert):
    def __init__(self, path: Path) -> None:
        self._own = sqlite3.connect(path)

    async def rows(self, table: str, columns: Sequence[str], rows: Iterable[list[Any]]) -> None:
        marks = ", ".join("?" for _ in columns)
        self._own.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    async def close(self) -> None:
        self._own.commit()
        self._own.execute("ANALYZE")
        self._own.close()


class _Postgres(_Insert):
    def __init__(self, own: Any) -> None:
        self._own = own

    async def rows(self, table: str, columns: Sequence[str], rows: Iterable[list[Any]]) -> None:
        await self._own.copy_records_to_table(table, records=[tuple(row) for row in rows], columns=list(columns))

    async def close(self) -> None:
        await self._own.execute("ANALYZE")
        await self._own.close()


async def _inserter() -> _Insert:
    from hub.db.engine import engine

    own = engine()
    if is_sqlite():
        return _SQLite(Path(own.path))  # type: ignore[union-attr]
    return _Postgres(await asyncpg.connect(own.url))  # type: ignore[union-attr]
