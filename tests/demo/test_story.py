"""The demonstration, made once: what it promises is there, and wants attention today."""

from __future__ import annotations

import asyncio
import io
import json
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from rich.console import Console

from hub.audit.keys import Keys
from hub.audit.verifying import verify
from hub.auth.actions import sign_in
from hub.consent.queries import consents_of
from hub.db.engine import Engine, bind, fetch, fetch_value, make_engine
from hub.db.migrate import migrate
from hub.demo.accounts import make_keys, public_sets
from hub.demo.command import make_demonstration, prepare, show
from hub.demo.engine import InPlaceSQLiteEngine
from hub.demo.marker import Mark
from hub.demo.people import DEMONSTRATION_USERS
from hub.demo.story import tell
from hub.directory.queries import load_system, load_user
from hub.duties.queries.work import work_of
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.calendar import Quarter
from hub.meetings import queries as meetings
from hub.mou.rules import State as MouState
from hub.referrals.rules import ClosureReason, Status
from hub.settings import Settings
from tests.conftest import NOW
from tests.kit.postgres import Postgres

SUNDAY = datetime(2027, 1, 3, 17, 0, tzinfo=UTC)  # after a holiday, in the first days of a quarter
TODAY = clock.legal_date(NOW)


@dataclass
class Made:
    settings: Settings
    accounts: dict[str, Any]


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """`hub demo`, up to where it would serve."""
    own = Settings(data=tmp_path_factory.mktemp("demo") / "data", port=8765)
    with clock.set_to(NOW):
        yield Made(own, prepare(own, quiet()))


@pytest_asyncio.fixture
async def opened(made: Made) -> AsyncIterator[Engine]:
    engine = make_engine(made.settings.database)
    bind(engine)
    with clock.set_to(NOW):
        yield engine
    await engine.close()


async def actor(username: str) -> Actor:
    person = await fetch_value("SELECT person FROM account WHERE username = {}", username)
    found = await load_user(person)
    assert found is not None
    return found


async def count_by(table: str, column: str) -> dict[str, int]:
    rows = await fetch(f"SELECT {column} AS what, count(*) AS n FROM {table} GROUP BY 1")
    return {row["what"]: row["n"] for row in rows}


async def test_it_holds_the_58_counties_made_up_plans_and_a_dozen_mous_in_every_state(opened: Engine) -> None:
    assert await fetch_value("SELECT count(*) FROM organization WHERE kind = 'county'") == 58
    assert await fetch_value("SELECT count(*) FROM organization WHERE kind = 'plan'") == 8
    states = await count_by("agreement", "state")
    assert set(states) == set(MouState) and sum(states.values()) >= 12
    assert await fetch_value("SELECT count(*) FROM agreement WHERE template = 'none'") == 1
    assert await fetch_value("SELECT count(*) FROM agreement_event WHERE event = 'effort'") >= 3
    soon = await fetch("SELECT id FROM agreement WHERE state = 'executed' AND renewal = 'fixed' AND end_date <= {}",
                       TODAY + timedelta(days=30))  # fmt: skip
    assert len(soon) == 1


async def test_some_two_hundred_referrals_in_every_state_both_ways_with_believable_ends(opened: Engine) -> None:
    states = await count_by("task", "status")
    assert set(states) == set(Status) and 180 <= sum(states.values()) <= 240
    kinds = await fetch("SELECT o.kind, count(*) AS n FROM task t JOIN organization o ON o.id = t.requester GROUP BY 1")
    assert min(row["n"] for row in kinds) > 60 and len(kinds) == 2
    assert set(await count_by("task", "closure_reason")) >= set(ClosureReason)
    channels = await count_by("referral_event", "channel")
    assert channels["fhir"] > 100 and channels["page"] > 100
    answers = await fetch("SELECT state, count(*) AS n FROM duty WHERE rule = 'referral-answer' GROUP BY 1")
    ended = {row["state"]: row["n"] for row in answers}
    assert ended["met"] > 10 * ended["missed"] > 0
    assert 130 <= await fetch_value("SELECT count(*) FROM member") <= 200


async def test_consents_of_every_kind_are_on_file(opened: Engine) -> None:
    assert set(await count_by("consent", "status")) == {"active", "inactive", "rejected"}
    assert await fetch_value("SELECT count(*) FROM consent WHERE revoked_at IS NOT NULL") == 1
    assert await fetch_value("SELECT count(*) FROM consent WHERE until_date < {}", TODAY) >= 1
    assert await fetch_value("SELECT count(*) FROM consent WHERE until_date >= {} AND until_date <= {}",
                             TODAY, TODAY + timedelta(days=6)) >= 1  # fmt: skip
    pairs = await fetch("SELECT consent, count(*) AS n FROM consent_grant GROUP BY 1")
    assert {row["n"] for row in pairs} == {1, 2}
    assert any("PSY" in row["labels"] for row in await fetch("SELECT labels FROM consent_grant"))
    marisol = await actor("marisol.vega")
    refused = await fetch("SELECT member FROM consent WHERE status = 'rejected'")
    assert [consent.status for consent in await consents_of(marisol, refused[0]["member"])] == ["rejected"]


async def test_the_hub_has_refused_for_each_of_the_three_reasons_and_the_trail_says_so(opened: Engine) -> None:
    rows = await fetch("SELECT basis FROM audit_entry WHERE outcome = 'refused'")
    assert {row["basis"].split(":")[0] for row in rows} == {"authority", "data-elements", "consent"}


async def test_three_quarters_of_meetings_are_held_and_this_one_is_scheduled_but_for_one_mou(opened: Engine) -> None:
    marisol, this = await actor("marisol.vega"), Quarter.of(TODAY)
    by_quarter = await count_by("meeting", "quarter")
    for quarter in (this.previous, this.previous.previous, this.previous.previous.previous):
        assert by_quarter[str(quarter)] >= 6
    partnerships = {one.partner_name: one for one in await meetings.partnerships(marisol, TODAY)}
    assert partnerships["Golden Poppy"].state == "scheduled"
    assert partnerships["Blue Oak"].state == "none"
    current = partnerships["Bay Laurel"].current
    assert current is not None
    items, _ = await meetings.agenda(marisol, current.id)
    proposed = " ".join(item.title for item in items if item.kind == "proposed")
    assert "left waiting" in proposed and "has no MCP-IHSS Liaison" in proposed
    assert [item for item in items if item.kind == "carried"]
    held = await meetings.meeting(marisol, partnerships["Golden Poppy"].past[0].id)
    assert held.minutes and held.decisions and held.minuted_on


async def test_one_thing_of_each_kind_wants_the_main_countys_attention_today(opened: Engine) -> None:
    marisol, thomas = await actor("marisol.vega"), await actor("thomas.okafor")
    rows = (await work_of(marisol, TODAY)).rows
    answers = [row for row in rows if row.rule == "referral-answer" and row.organization == marisol.home]
    assert [row for row in answers if row.due_on == TODAY]
    assert [row for row in answers if row.due_on < TODAY and row.escalated and not row.on_agenda]
    assert [row for row in answers if row.on_agenda]
    assert [row for row in rows if row.rule == "referral-close-own" and row.organization == marisol.home]
    assert [row for row in rows if row.rule == "meeting-action" and row.due_on < TODAY]
    assert [row for row in rows if row.rule == "meeting-quarterly" and row.counterpart_name == "Blue Oak"]
    assert [row for row in rows if "vacant" in row.as_who]
    assert [row for row in rows if row.rule == "contact-change-plan-county"]
    escalated = [row for row in (await work_of(thomas, TODAY)).rows if "Escalated" in row.as_who]
    assert len(escalated) >= 2
    assert len(rows) <= 50  # what a person can look at
    assert await fetch_value("SELECT count(*) FROM job WHERE state = 'dead'") > 0


async def test_its_trail_is_whole_and_all_of_it_is_sealed(made: Made, opened: Engine) -> None:
    report = await verify(make_engine(made.settings.database), Keys(made.settings.data / "keys"))
    assert report.first_bad is None and report.unsealed == 0 and report.rows > 4000


async def test_the_accounts_of_the_file_let_their_people_in(made: Made, opened: Engine) -> None:
    path = made.settings.data / "demo" / "accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = json.loads(path.read_text("utf-8"))
    assert told == made.accounts and told["base"] == "http://127.0.0.1:8765"
    assert [(user["name"], user["role"]) for user in told["users"]] == list(DEMONSTRATION_USERS)
    for user in told["users"]:
        signed_in = await sign_in(user["username"], user["password"], load_user)
        assert signed_in.actor.organization_name == user["organization"]
        assert signed_in.actor.roles == (user["role"],)


async def test_the_keys_of_the_file_fit_the_registered_public_ones(made: Made, opened: Engine) -> None:
    told = made.accounts["systems"]
    assert {system["private_jwk"]["alg"] for system in told} == {"ES384", "RS384"}
    for system in told:
        row = await load_system(system["client_id"])
        assert row is not None and row.scopes == system["scopes"]
        private = system["private_jwk"]
        token = jwt.encode(
            {"iss": system["client_id"]}, jwt.PyJWK(private).key, private["alg"], {"kid": private["kid"]}
        )
        (public,) = json.loads(row.jwks or "")["keys"]
        assert "d" not in public and public["kid"] == private["kid"]
        assert jwt.decode(token, jwt.PyJWK(public).key, [private["alg"]]) == {"iss": system["client_id"]}


def test_a_second_start_keeps_what_is_there_and_tells_its_new_address(made: Made) -> None:
    async def tasks() -> int:
        engine = make_engine(made.settings.database)
        bind(engine)
        try:
            return int(await fetch_value("SELECT count(*) FROM audit_entry"))
        finally:
            await engine.close()

    before = asyncio.run(tasks())
    again = prepare(made.settings.model_copy(update={"port": 8766}), quiet())
    assert again["users"] == made.accounts["users"] and again["base"] == "http://127.0.0.1:8766"
    assert asyncio.run(tasks()) == before
    assert prepare(made.settings, quiet()) == made.accounts


def test_names_and_passwords_are_printed_whole_on_a_narrow_terminal(made: Made) -> None:
    said = io.StringIO()
    show(made.accounts, made.settings, Console(file=said, width=72))
    for user in made.accounts["users"]:
        assert user["username"] in said.getvalue() and user["password"] in said.getvalue()
    for system in made.accounts["systems"]:
        assert system["client_id"] in said.getvalue()


def test_the_same_day_tells_the_same_story(made: Made, tmp_path: Path) -> None:
    async def facts(engine: Engine) -> list[Any]:
        bind(engine)
        try:
            if engine.path != made.settings.database.removeprefix("sqlite:///"):
                await migrate()
                await tell(NOW, Settings(data=tmp_path), public_sets(make_keys()), lambda _: None)
            people = await fetch("SELECT cin, given, family, birth_date FROM member ORDER BY cin")
            counts = [await count_by(t, "state") for t in ("agreement", "meeting", "action_item", "duty", "job")]
            events = await fetch(
                "SELECT event, effective_date, count(*) AS n FROM referral_event GROUP BY 1, 2 ORDER BY 1, 2"
            )
            return [people, counts, await count_by("task", "status"), events]
        finally:
            await engine.close()

    first = asyncio.run(facts(make_engine(made.settings.database)))
    with clock.set_to(NOW):
        second = asyncio.run(facts(InPlaceSQLiteEngine(tmp_path / "again.sqlite", 1)))
    assert first == second


@pytest.mark.postgres
async def test_on_postgresql_and_on_a_sunday_the_story_holds_too(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create_database("demo_story")
    own = Settings(data=tmp_path / "data", database_url=url)
    engine = make_engine(url)
    bind(engine)
    try:
        with clock.set_to(SUNDAY):
            await make_demonstration(own, Mark("m"), lambda _: None)
            assert set(await count_by("task", "status")) == set(Status)
            assert set(await count_by("agreement", "state")) == set(MouState)
            rows = (await work_of(await actor("marisol.vega"), clock.today())).rows
            assert [row for row in rows if row.due_on == clock.today() and row.rule == "referral-progress"]
            assert [row for row in rows if row.rule == "referral-answer" and row.on_agenda]
        report = await verify(make_engine(url), Keys(own.data / "keys"))
        assert report.first_bad is None and report.unsealed == 0
    finally:
        await engine.close()
        postgres.drop_database("demo_story")
