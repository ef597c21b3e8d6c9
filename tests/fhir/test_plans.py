"""Searches that partners' systems repeat find their rows by an index, so that they cost the same in a State's hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest

import hub.consent.fhir
import hub.directory.fhir
import hub.referrals.fhir
from hub.db.engine import Engine, fetch
from hub.db.merged import ROW_BY_ROW
from hub.db.postgres import PooledPostgresEngine
from hub.db.sqlite import PooledSQLiteEngine
from hub.fhir import search
from hub.fhir.description import Date, Resource, String, Token
from hub.fhir.order import cursor_of, sortable
from hub.kernel.ids import new_id
from tests.fhir.toy import toy_hub

# Most plans are asked of SQLite alone: PostgreSQL reads small tables whole, whatever indexes they have.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])

Asked = tuple[str, Sequence[Any]]

RESOURCES = (*hub.directory.fhir.RESOURCES, *hub.consent.fhir.RESOURCES, *hub.referrals.fhir.RESOURCES)
LARGE = {
    "member", "consent", "consent_grant", "service_request", "task", "procedure", "resource_version", "task_output",
    "request_consent", "member_organization", "appointment", "person", "organization",
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Asked]]:
    """What the database was asked."""
    seen: list[Asked] = []

    def note(engine: type[Any], name: str) -> None:
        run = getattr(engine, name)

        async def noting(self: Any, sql: str, args: Sequence[Any]) -> Any:
            seen.append((sql, args))
            return await run(self, sql, args)

        monkeypatch.setattr(engine, name, noting)

    for name in ("fetch", "look_up", "write"):
        note(PooledSQLiteEngine, name)
        note(PooledPostgresEngine, name)
    note(PooledPostgresEngine, "alone")  # what is asked together goes there at once
    yield seen
    monkeypatch.undo()


async def scans(engine: Engine, sql: str, args: Sequence[Any]) -> list[str]:
    """The steps of the plan that read a large table, or an index of it, from end to end."""
    aliases = {name: name for name in LARGE}
    words = sql.split()
    for table, alias in pairwise(words):
        if table in LARGE:
            aliases[alias.strip(",()")] = table
    if isinstance(engine, PooledPostgresEngine):
        async with engine.transaction():
            await fetch("SET LOCAL enable_seqscan = off")  # then it reads a table whole only where no index serves
            rows = await engine.fetch(f"EXPLAIN {sql}", args)
        steps = [str(next(iter(row.values()))) for row in rows]
        return [step for step in steps if step.strip(" ->").startswith(tuple(f"Seq Scan on {one} " for one in LARGE))]
    rows = await engine.fetch(f"EXPLAIN QUERY PLAN {sql}", args)
    steps = [row["detail"].split() for row in rows]
    sorts = any(step[:3] == ["USE", "TEMP", "B-TREE"] for step in steps)
    found = [" ".join(step) for step in steps if step[0] == "SCAN" and step[1] in aliases]
    # A page in the order of an index: it stops when it is full.
    return [step for step in found if sorts or not step.startswith("SCAN r USING INDEX")]


def each_parameter() -> Iterator[tuple[Resource, str, str]]:
    """Whatever the CapabilityStatement offers: a value of each parameter, and each order both ways."""
    for resource in RESOURCES:
        for param in (*resource.search, Token("_id"), Date("_lastUpdated")):
            if isinstance(param, Token):
                value = "true" if param.boolean else "90000001A" if param.name == "identifier" else new_id()
            elif isinstance(param, Date):
                value = "2026-11-01"
            else:
                value = "Or" if isinstance(param, String) else f"{param.targets[0]}/{new_id()}"
            yield resource, param.name, value
            if sortable(param):
                yield resource, "_sort", param.name
                yield resource, "_sort", f"-{param.name}"


@pytest.mark.parametrize("few", [0, search.FEW], ids=["many may be seen", "few may be seen"])
async def test_no_search_that_is_offered_reads_a_table_from_end_to_end(
    cast: Any, database: Engine, asked: list[Asked], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    found: dict[str, list[str]] = {}
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        for resource, name, value in each_parameter():
            asked.clear()
            query = f"{resource.name}?{name}={value}"
            assert (await toy.get(f"/fhir/{query}", Prefer="handling=strict")).status_code == 200, query
            for sql, args in {
                one[0]: one[1] for one in asked if one[0].lstrip().startswith(("SELECT", "WITH"))
            }.items():
                if steps := await scans(database, sql, args):
                    found.setdefault(query if name == "_sort" else query.partition("=")[0], []).extend([*steps, sql])
    if not few:  # a State has some hundreds of people in eighty organizations: nobody may see more than is looked up
        found = {query: steps for query, steps in found.items() if not query.startswith(("Organization?", "Practit"))}
    assert found == {}


@on_sqlite
async def test_tasks_of_several_statuses_are_merged_out_of_an_index_and_not_sorted(
    cast: Any, database: Engine, asked: list[Asked]
) -> None:
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        answer = await toy.get("/fhir/Task?status=requested,accepted,in-progress&_sort=-_lastUpdated")
        assert answer.status_code == 200
    (sql, args), *_ = [one for one in asked if " FROM task r " in one[0]]
    steps = [row["detail"] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", args)]
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert sum("task_owner_status" in step or "task_requester_status" in step for step in steps) == 6


@on_sqlite
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("Task?focus=ServiceRequest/{}", "task_service_request"),
        ("Task?patient=Patient/{}", "task_member"),
        ("Task?patient.identifier=90000001A", "task_member"),
        ("Task?patient:Patient.identifier=90000001A", "task_member"),
        ("ServiceRequest?patient=Patient/{}", "service_request_member"),
        ("Procedure?based-on=ServiceRequest/{}", "procedure_service_request"),
        ("Consent?patient=Patient/{}", "consent_member"),
    ],
)
async def test_what_is_named_is_looked_for_and_not_all_that_the_asker_may_see(
    cast: Any, database: Engine, asked: list[Asked], query: str, index: str
) -> None:
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        assert (await toy.get(f"/fhir/{query.format(new_id())}&_count=20")).status_code == 200
    table = {"Task": "task", "ServiceRequest": "service_request"}.get(query.partition("?")[0], query.partition("?")[0])
    (sql, args), *_ = [one for one in asked if f" FROM {table.lower()} r " in one[0]]
    steps = [row["detail"] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", args)]
    assert f"SEARCH r USING INDEX {index} " in f"{steps[0]} ", steps


@on_sqlite
@pytest.mark.parametrize(
    "query", ["Procedure?performer={}", "ServiceRequest?requester={}", "ServiceRequest?performer={}"]
)
async def test_what_is_between_two_organizations_is_a_range_of_an_index(
    cast: Any, database: Engine, asked: list[Asked], query: str
) -> None:
    """Without, a county that looks for a large plan's would walk through all of one of the two."""
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        assert (await toy.get(f"/fhir/{query.format(f'Organization/{cast.alameda}')}&_count=20")).status_code == 200
    (sql, args), *_ = [one for one in asked if "service_request" in one[0] and "document" in one[0]]
    steps = [row["detail"] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", args)]
    assert any("service_request_between (requester=? AND performer=?" in step for step in steps), steps


IN_ORDER = [
    ("Patient?family=gar", "member_family"),
    ("Patient?family=gar&given=an", "member_family"),
    ("Patient?family:exact=Ortiz", "member_family"),
    ("Patient?family=gar,ort", "member_family member_family"),
    ("Patient?given=an", "member_given"),
    ("Patient?name=an", "member_family member_given"),
    ("Patient?birthdate=1950-01-01", "member_born"),
    ("Patient?birthdate=ge1950", "member_born"),
    ("Patient?family=gar&birthdate=1950-01-01", "member_born"),
    ("Patient?family=gar&given=an&birthdate=1950-01-01", "member_born"),
    ("Patient?family=gar&birthdate=ge1950", "member_family"),
    ("Patient?_sort=-family", "member_family"),
    ("Patient?_sort=birthdate", "member_born"),
    ("Consent?status=active", "consent_status"),
    ("Consent?status=rejected&_sort=-_lastUpdated", "consent_status"),
    ("Consent?date=ge2026-09-01", "consent_given"),
    ("Consent?_sort=-date", "consent_given"),
    ("Task?authored-on=ge2026-09-01", "task_requester_authored task_owner_authored"),
    ("Task?authored-on=ge2026-09-01&status=requested", "task_requester_authored task_owner_authored"),
    ("Task?_sort=authored-on", "task_requester_authored task_owner_authored"),
    ("Task?_sort=-authored-on&status=requested", "task_requester_authored task_owner_authored"),
    ("Task?business-status=6.0", "task_requester task_owner"),
    ("ServiceRequest?authored=2026-09-01", "service_request_requester_authored service_request_performer_authored"),
    ("ServiceRequest?_sort=authored", "service_request_requester_authored service_request_performer_authored"),
    ("ServiceRequest?_sort=-authored", "service_request_requester_authored service_request_performer_authored"),
    ("ServiceRequest?status=revoked", "service_request_requester service_request_performer"),
    ("Procedure?date=ge2026-09-01", "procedure_performed"),
    ("Procedure?_sort=-date", "procedure_performed"),
    ("Procedure?status=completed", "procedure_updated"),
    ("Procedure?performer=Organization/x", "procedure_performer"),
    ("Procedure?performer=Organization/x&_sort=-date", "procedure_performer_performed"),
]


@on_sqlite
@pytest.mark.parametrize(("query", "indexes"), IN_ORDER)
async def test_a_page_is_read_out_of_indexes_in_its_order(
    cast: Any, database: Engine, asked: list[Asked], monkeypatch: pytest.MonkeyPatch, query: str, indexes: str
) -> None:
    """Nothing is sorted: each part walks its own index, for one who may see more than can be looked up."""
    monkeypatch.setattr(search, "FEW", -1)
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        kind = query.partition("?")[0]
        table = {"Patient": "member", "ServiceRequest": "service_request"}.get(kind, kind.lower())
        own = await toy.get(f"/fhir/{query}&_count=1", Prefer="handling=strict")
        assert own.status_code == 200
        pages = [one for one in asked if f" FROM {table} r " in one[0] and "document" in one[0]]
        for sql, args in pages[:1]:
            steps = [row["detail"] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", args)]
            walked = [
                step.split(" INDEX ")[1].split()[0] for step in steps if step.startswith(("SEARCH r ", "SCAN r "))
            ]
            assert set(walked) == set(indexes.split()) and len(walked) >= len(indexes.split()), steps
            assert not [step for step in steps if "TEMP B-TREE" in step], steps
        assert pages


NEXT_PAGES = [
    ("Task?_lastUpdated=gt2026-01-01", ["2026-11-01T00:00:00+00:00", "x"], [3, 3]),
    ("Task?_lastUpdated=lt2027-01-01&_sort=-_lastUpdated", ["2026-11-01T00:00:00+00:00", "x"], [3, 3]),
    ("Task?authored-on=ge2026-01-01", ["2026-11-01T00:00:00+00:00", "x"], [3, 3]),
    ("Patient?family=gar", ["garcía", "x"], [2]),
    # The second range begins behind the place, and is not walked to from there.
    ("Patient?family=gar,ort", ["garcía", "x"], [1, 2]),
    ("Patient?birthdate=1950,1960", ["1950-06-01", "x"], [1, 2]),
]


@on_sqlite
@pytest.mark.parametrize(("query", "place", "columns"), NEXT_PAGES)
async def test_a_page_begins_where_the_last_one_ended_or_where_its_range_begins(
    cast: Any,
    database: Engine,
    asked: list[Asked],
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    place: list[str],
    columns: list[int],
) -> None:
    """`columns`: how many of an index's say where a walk begins. All before that would be walked past in vain."""
    monkeypatch.setattr(search, "FEW", -1)
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        assert (await toy.get(f"/fhir/{query}&_count=1&_cursor={cursor_of(place)}")).status_code == 200
    table = {"Patient": "member"}.get(query.partition("?")[0], "task")
    (sql, args), *_ = [one for one in asked if f" FROM {table} r " in one[0] and "document" in one[0]]
    steps = await database.fetch(f"EXPLAIN {sql}", args)
    opened = {row["p1"] for row in steps if row["opcode"] == "OpenRead" and str(row["p4"]).startswith("k(")}
    # The index of the rows is opened with its table; the others are of what is asked about each row.
    begun = [int(row["p4"]) for row in steps if row["opcode"].startswith("Seek") and row["p1"] in opened]
    assert sorted(begun)[: len(columns)] == columns, begun


MAY_BE_MANY = [
    "Task?_sort=_id", "Task?_sort=_lastUpdated,-_id", "Task?_lastUpdated=ne2026", "Task?_lastUpdated=2020,2026-11",
    "Task?_lastUpdated:missing=true", "Task?_lastUpdated=ge2020&_lastUpdated=ge2026",
    "Task?status=completed&status=requested", "Task?output=Procedure/x", "ServiceRequest?supporting-info=Consent/x",
]  # fmt: skip
FEW = ["Task?_lastUpdated=ge2026", "Task?status=requested,accepted&_sort=-_lastUpdated", "Task?focus=x&_sort=_id"]


@on_sqlite
async def test_what_may_walk_past_many_rows_keeps_no_event_loop_waiting(
    cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    look_up = PooledSQLiteEngine.look_up

    async def noting(self: PooledSQLiteEngine, sql: str, args: Sequence[Any]) -> Any:
        seen.append(sql)
        return await look_up(self, sql, args)

    monkeypatch.setattr(PooledSQLiteEngine, "look_up", noting)
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        for query in (*MAY_BE_MANY, *FEW):
            seen.clear()
            assert (await toy.get(f"/fhir/{query}")).status_code == 200
            pages = [sql for sql in seen if " r WHERE " in sql and "document" in sql]
            assert bool(pages) == (query in FEW), query


@on_sqlite
async def test_a_walk_through_a_whole_table_is_noticed(cast: Any, database: Engine) -> None:
    assert await scans(database, "SELECT r.id FROM task r WHERE r.document = 'x'", []) == ["SCAN r"]
    assert await scans(database, "SELECT r.id FROM task r WHERE r.owner = 'x'", []) == []
    assert await fetch("SELECT 1 FROM task") == []


MANY = {
    "Consent": [
        "CREATE TEMP TABLE consent ON COMMIT DROP AS SELECT i::text AS id, 'x' AS recorder"
        " FROM generate_series(1, 3000) i",
        "CREATE TEMP TABLE consent_grant ON COMMIT DROP AS SELECT id AS consent, 'x' AS recipient, 'x' AS discloser"
        " FROM consent",
        "CREATE INDEX ON pg_temp.consent_grant (consent)",
        "ANALYZE pg_temp.consent, pg_temp.consent_grant",
    ],
    "Procedure": [
        "CREATE TEMP TABLE procedure ON COMMIT DROP AS SELECT i::text AS id, i::text AS service_request,"
        " 'x' AS performer FROM generate_series(1, 3000) i",
        "CREATE TEMP TABLE service_request ON COMMIT DROP AS SELECT id, 'x' AS requester FROM procedure",
        "CREATE INDEX ON pg_temp.service_request (id)",
        "ANALYZE pg_temp.procedure, pg_temp.service_request",
    ],
}


@pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)])
@pytest.mark.parametrize("resource", [hub.consent.fhir.CONSENT, hub.referrals.fhir.PROCEDURE], ids=lambda one: one.name)
async def test_postgresql_asks_of_each_row_who_may_see_it_instead_of_reading_all_grants_first(
    cast: Any, database: Engine, resource: Resource
) -> None:
    """Of tables with many rows, which stand in front of the hub's own for one transaction."""
    sql, args = resource.visible(cast.poppy_system)

    async def plan(condition: str) -> str:
        found = await fetch(f"EXPLAIN SELECT r.id FROM {resource.table_name} r WHERE {condition}", *args)
        return "\n".join(next(iter(row.values())) for row in found)

    async with database.transaction():
        for statement in MANY[resource.name]:
            await fetch(statement)
        assert "hashed" not in await plan(sql)
        assert "hashed" in await plan(sql.replace(ROW_BY_ROW, ""))
