"""A small State, read as people and systems read the hub: everything in it holds by the hub's own rules."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
import pytest_asyncio

from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.audit.verifying import verify
from hub.auth.actions import sign_in
from hub.consent.queries import may_release
from hub.db.engine import Engine, bind, fetch, fetch_value, make_engine
from hub.directory.queries import load_user
from hub.duties.actions import escalate_overdue
from hub.duties.queries import work_of
from hub.exchange import RESOURCES
from hub.fhir.parse import check, decode_document
from hub.kernel import clock
from hub.kernel.calendar import Quarter
from hub.kernel.jsontext import decode
from hub.meetings.actions import open_quarter
from hub.referrals.actions.desk import take_step
from hub.referrals.rules import ENDED, ClosureReason, Event, Status
from hub.reports.queries import gather
from hub.reports.rules import Direction, closure_reasons, count, median_days_to_answer, median_days_to_close
from hub.simulate.build import State
from tests.conftest import NOW
from tests.fhir.api import Api, token_for
from tests.kit.postgres import Postgres
from tests.simulate.build import SMALL, TODAY, small_state, user


@dataclass
class Built:
    url: str
    state: State


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """One State for the tests of this file on each database; what they change in it does not matter to the others."""
    server: Postgres | None = None
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        url = server.create_database("small_state")
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('state') / 'hub.sqlite'}"

    async def build() -> State:
        engine = make_engine(url)
        try:
            return await small_state(engine)
        finally:
            await engine.close()

    with clock.set_to(NOW):
        yield Built(url, asyncio.run(build()))
    if server is not None:
        server.drop_database("small_state")


@pytest_asyncio.fixture
async def database(built: Built) -> AsyncIterator[Engine]:
    engine = make_engine(built.url)
    bind(engine)
    with clock.set_to(NOW):
        yield engine
    await engine.close()


@pytest.fixture
def state(built: Built, database: Engine) -> State:
    return built.state


def busiest(state: State) -> Any:
    """The pair with most members whose plan has software."""
    return max((pair for pair in state.world.executed if pair.plan.system), key=lambda pair: pair.weight)


async def test_it_has_what_was_asked_for(state: State) -> None:
    async def number(table: str, where: str = "") -> int:
        return int(await fetch_value(f"SELECT count(*) FROM {table} {where}"))

    assert await number("organization", "WHERE kind = 'county'") == SMALL["counties"]
    assert await number("organization", "WHERE kind = 'plan'") == SMALL["plans"]
    assert await number("member") == SMALL["members"]
    assert await number("task") == SMALL["referrals"]
    assert await number("consent", "WHERE revoked_at IS NOT NULL") > 5
    served = "SELECT member FROM member_organization WHERE relation = 'plan' AND until_date IS NULL"
    assert await number("member", f"WHERE id IN ({served} GROUP BY member HAVING count(*) > 1)") > 5
    assert await number("meeting", "WHERE state = 'held'") > 6 * len(state.world.executed)
    states = {row["status"] for row in await fetch("SELECT DISTINCT status FROM task")}
    assert states >= set(Status) - {Status.DRAFT, Status.ON_HOLD}
    reasons = {row["closure_reason"] for row in await fetch("SELECT DISTINCT closure_reason FROM task")}
    assert reasons >= set(ClosureReason)


async def test_nothing_in_it_points_nowhere_and_nothing_happened_today_or_later(database: Engine, state: State) -> None:
    if database.engine_type == "sqlite":
        assert await fetch("PRAGMA foreign_key_check") == []
    start = clock.start_of(TODAY)
    for table, column in (
        ("resource_version", "updated_at"), ("referral_event", "recorded_at"), ("duty_event", "recorded_at"),
        ("meeting_event", "recorded_at"), ("agreement_event", "recorded_at"), ("task", "updated_at"),
    ):  # fmt: skip
        assert not await fetch(f"SELECT id FROM {table} WHERE {column} >= {{}} LIMIT 1", start), table
    assert not await fetch("SELECT id FROM task WHERE sent_on < {} LIMIT 1", state.world.size.first_day)
    assert not await fetch("SELECT id FROM member WHERE cin NOT LIKE '0%' OR length(cin) <> 9 LIMIT 1")


async def test_every_stored_document_passes_the_hubs_own_checks(state: State) -> None:
    for resource in RESOURCES:
        rows = await fetch(f"SELECT id, version, document FROM {resource.table_name}")
        assert rows, resource.name
        for row in rows:
            document = decode_document(row["document"].encode())
            check(resource, document)
            assert (document["id"], document["meta"]["versionId"]) == (row["id"], str(row["version"]))
        old = await fetch(
            "SELECT document FROM resource_version WHERE resource_type = {} AND version > 1 ORDER BY id LIMIT 200",
            resource.name,
        )
        for row in old:
            check(resource, decode_document(row["document"].encode()))


async def test_every_version_is_kept_and_the_last_one_is_the_current_one(state: State) -> None:
    for resource in RESOURCES:
        wrong = await fetch(
            f"SELECT r.id FROM {resource.table_name} r WHERE (SELECT count(*) FROM resource_version v"
            f" WHERE v.resource_type = '{resource.name}' AND v.resource_id = r.id) <> r.version OR NOT EXISTS"
            f" (SELECT 1 FROM resource_version v WHERE v.resource_type = '{resource.name}' AND v.resource_id = r.id"
            " AND v.version = r.version AND v.document = r.document) LIMIT 1"
        )
        assert wrong == [], resource.name


async def test_what_was_sent_was_permitted_and_what_is_open_can_be_read_over_fhir(state: State, web: Any) -> None:
    """The decision function is asked about each open referral; the API gives and withholds as it decides."""
    seen = Counter[bool]()
    apis = {p.system: Api(web.http, await token_for(p.system)) for p in state.world.plans if p.system}
    rows = await fetch("SELECT id, member, requester, owner, status, document FROM task")
    for row in [row for row in rows if Status(row["status"]) not in ENDED][:40]:
        decision = await may_release(row["member"], row["requester"], row["owner"], [decode(row["document"])])
        plan = next(p for p in state.world.plans if p.id in (row["requester"], row["owner"]))
        if plan.system is None:
            continue
        answer = await apis[plan.system].get(f"/Task/{row['id']}")
        allowed = decision.permitted or row["requester"] == plan.id
        assert answer.status_code == (200 if allowed else 404)
        if allowed:
            assert answer.text == row["document"]
        seen[allowed] += 1
    assert seen[True] > 10


async def test_a_plans_system_signs_in_with_its_key_and_pages_through_its_referrals(state: State, web: Any) -> None:
    plan = busiest(state).plan
    told = next(one for one in state.ways.told["systems"] if one["organization_id"] == plan.id)
    now = int(clock.now().timestamp())
    assertion = jwt.encode(
        {"iss": told["client_id"], "sub": told["client_id"], "aud": "http://127.0.0.1:8000/oauth/token",
         "exp": now + 240, "jti": str(uuid4())},
        jwt.PyJWK(told["private_jwk"]).key, "ES384", {"kid": told["private_jwk"]["kid"]},
    )  # fmt: skip
    answer = await web.http.post("/oauth/token", data={
        "grant_type": "client_credentials", "scope": told["scopes"], "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    })  # fmt: skip
    assert answer.status_code == 200, answer.text
    api = Api(web.http, answer.json()["access_token"])
    bundle = (await api.get("/Task?_count=20&_include=Task:focus&status=completed")).json()
    kinds = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
    assert kinds["Task"] == 20 and kinds["ServiceRequest"] >= 10


async def test_its_people_sign_in_and_see_their_work(state: State, web: Any) -> None:
    pair = busiest(state)
    told = next(one for one in state.ways.told["users"] if one["username"] == pair.county_liaison.username)
    signed_in = await sign_in(told["username"], told["password"], load_user)
    assert signed_in.actor.id == pair.county_liaison.id
    work = await work_of(signed_in.actor, TODAY)
    open_duties = await fetch_value(
        "SELECT count(*) FROM duty WHERE organization = {} AND counterpart = {} AND position = 'ihss_liaison'"
        " AND state = 'open'",
        pair.county.id,
        pair.plan.id,
    )
    mine = sum(1 for row in work.rows if row.organization == pair.county.id and row.counterpart == pair.plan.id)
    assert open_duties > 0 and mine == open_duties
    visitor = await web.sign_in(signed_in.actor)
    for path in ("/", "/referrals", "/members", "/mous", "/meetings", "/directory"):
        page = await visitor.get(path)
        assert page.status_code == 200, path
    task = await fetch_value(
        "SELECT id FROM task WHERE owner = {} AND status = 'completed' ORDER BY id LIMIT 1", pair.county.id
    )
    assert "Completed" in await visitor.text(f"/referrals/{task}")


async def test_a_quarters_report_has_the_figures_of_a_count_by_hand(state: State) -> None:
    county = busiest(state).county
    for quarter in (Quarter.of(TODAY), Quarter.of(TODAY).previous, Quarter.of(TODAY).previous.previous):
        report = await gather(county.id, quarter, TODAY)
        end = min(quarter.end, TODAY)
        tasks = await _histories(county.id)
        for direction in Direction:
            rows = [row for row in tasks if (row["requester"] == county.id) == (direction is Direction.COUNTY_TO_PLAN)]
            expected = _by_hand(rows, quarter, end)
            found = {name: count(f"referral:{direction}:{name}", report.total, report.period) for name in expected}
            assert found == expected, (quarter, direction)
            reasons = Counter(
                row["closure_reason"] for row in rows
                if row["closed"] and quarter.start <= row["closed"] <= end and row["status"] != "entered-in-error"
            )  # fmt: skip
            told = {r: n for r, n in closure_reasons(direction, report.total, report.period) if r != "not-recorded"}
            assert told == dict(reasons)
            assert (median_days_to_answer(direction, report.total, report.period) is not None) == (
                expected["accepted"] + expected["rejected"] > 0
            )
            assert (median_days_to_close(direction, report.total, report.period) is not None) == (
                expected["closed"] > 0
            )


_CLOSED = ("completed", "failed", "cancelled", "entered-in-error")


async def _histories(county: str) -> list[dict[str, Any]]:
    rows = await fetch("SELECT * FROM task WHERE requester = {} OR owner = {}", county, county)
    events = await fetch("SELECT task, to_status, effective_date FROM referral_event ORDER BY task, task_version")
    for row in rows:
        days: dict[str, date] = {}
        for event in events:
            if event["task"] == row["id"]:
                days.setdefault(event["to_status"], event["effective_date"])
        row["accepted"], row["rejected"] = days.get("accepted"), days.get("rejected")
        closing = [
            days[status] for status in ("completed", "failed", "cancelled", "entered-in-error") if status in days
        ]
        row["closed"] = min(closing, default=None)
    return rows


def _by_hand(rows: list[dict[str, Any]], quarter: Quarter, end: date) -> dict[str, int]:
    def within(day: date | None) -> bool:
        return day is not None and quarter.start <= day <= end

    def by(day: date | None) -> bool:
        return day is not None and day <= end

    return {
        "sent": sum(within(row["sent_on"]) for row in rows),
        "accepted": sum(within(row["accepted"]) for row in rows),
        "rejected": sum(within(row["rejected"]) for row in rows),
        "closed": sum(within(row["closed"]) for row in rows),
        "loop-closed": sum(within(row["loop_closed_on"]) for row in rows),
        "unanswered": sum(
            by(row["sent_on"]) and not by(row["accepted"]) and not by(row["rejected"]) and not by(row["closed"])
            for row in rows
        ),
        "in-work": sum(by(row["accepted"]) and not by(row["closed"]) for row in rows),
    }


async def test_the_hubs_own_jobs_find_nothing_that_was_forgotten(state: State) -> None:
    """Last night's escalation and quarter's opening have run in the State: as of yesterday nothing is left to do."""
    yesterday = TODAY - timedelta(days=1)
    with clock.set_to(clock.start_of(yesterday) + timedelta(hours=5)):
        assert await escalate_overdue(yesterday) == 0
        assert await open_quarter(yesterday) == 0


async def test_its_trail_is_whole_and_says_that_it_was_made(database: Engine, state: State, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    await Sealer(keys).close()
    report = await verify(database, keys)
    assert report.first_bad is None and report.unsealed == 0
    rows = await fetch("SELECT action, detail FROM audit_entry ORDER BY recorded_at, id LIMIT 2")  # of before the tests
    assert [row["action"] for row in rows] == ["simulate:state:begin", "simulate:state:build"]
    assert decode(rows[1]["detail"])["seed"] == SMALL["seed"]


async def test_people_go_on_working_in_it(state: State, web: Any) -> None:
    """A referral that waits is accepted in the page, as in any hub."""
    task = await fetch("SELECT id, version FROM task WHERE status = 'requested' ORDER BY id LIMIT 1")
    owner = await fetch_value("SELECT owner FROM task WHERE id = {}", task[0]["id"])
    side = next(one for one in state.world.sides if one.id == owner)
    await take_step(await user(side.liaisons[0].id), task[0]["id"], Event.ACCEPT, version=task[0]["version"])
    ended = await fetch("SELECT state FROM duty WHERE subject_id = {} AND rule = 'referral-answer'", task[0]["id"])
    assert ended[0]["state"] in ("met", "missed")
