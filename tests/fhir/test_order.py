"""What a search finds by a range of an index is what a look at every row finds, in that order, over all pages."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import pytest_asyncio

import hub.consent.fhir
import hub.directory.fhir
import hub.referrals.fhir
from hub.db.engine import fetch
from hub.fhir import search
from hub.kernel.jsontext import encode
from tests import cast as people
from tests.cast import Cast
from tests.fhir.toy import toy_hub
from tests.referrals.build import agree, referral_from_county, referral_from_plan

RESOURCES = (*hub.directory.fhir.RESOURCES, *hub.consent.fhir.RESOURCES, *hub.referrals.fhir.RESOURCES)
NAMES = [
    ("Ana", "García"), ("ANA", "GARCÍA LÓPEZ"), ("Ángel", "Garber"), ("ángel", "Ortiz"), ("Garrick", "Garber"),
    ("Anabel", "Gar%"), ("Mary Ann", "O’Neal"), ("Zoë", "Straße"), ("Ana", "Ortiz"), ("Garth", "Zimmer"),
]  # fmt: skip
BORN = [date(1950, 1, 1), date(1950, 1, 2), date(1950, 1, 31), date(1951, 6, 1), date(1960, 2, 29)]

Person = dict[str, Any]
Asked = Callable[[Person], bool]


@pytest_asyncio.fixture
async def known(cast: Cast) -> list[Person]:
    """Members of Alameda whom Golden Poppy may see, and as many whom it may not."""
    for number, (given, family) in enumerate([*NAMES, *NAMES]):
        born = BORN[number % len(BORN)]
        one = await people.member(f"9001{number:04d}A", given, family, born, cast.alameda, cast.poppy)
        if number < len(NAMES):
            await agree(cast.marisol, one, cast.alameda, cast.poppy)
    rows = await fetch("SELECT id, given, family, birth_date, cin FROM member")
    return [row for row in rows if "90010000A" <= row["cin"] <= f"9001{len(NAMES) - 1:04d}A"]


def begins(column: str, *values: str) -> Asked:
    return lambda one: any(one[column].casefold().startswith(value.casefold()) for value in values)


def both(*asked: Asked) -> Asked:
    return lambda one: all(each(one) for each in asked)


def either(*asked: Asked) -> Asked:
    return lambda one: any(each(one) for each in asked)


def born(test: Callable[[date], bool]) -> Asked:
    return lambda one: test(one["birth_date"])


PEOPLE: list[tuple[str, Asked]] = [
    ("family=gar", begins("family", "gar")),
    ("family=GARCÍA", begins("family", "garcía")),
    ("family=gar,garc,ort", begins("family", "gar", "ort")),
    ("family=gar%25", begins("family", "gar%")),
    ("family=strasse", begins("family", "strasse", "straße")),
    ("family:exact=García", lambda one: one["family"] == "García"),
    ("family:contains=l%C3%B3", lambda one: "ló" in one["family"].casefold()),
    ("family:contains=%25", lambda one: "%" in one["family"]),
    ("given=ána,ángel", begins("given", "ángel")),
    ("given=mary", begins("given", "mary")),
    ("given=ann", lambda one: False),
    ("name=gar", either(begins("given", "gar"), begins("family", "gar"))),
    ("name=gar,ana", either(begins("given", "gar", "ana"), begins("family", "gar", "ana"))),
    ("name:contains=an", lambda one: "an" in f"{one['given']} {one['family']}".casefold()),
    ("family=gar&given=an", both(begins("family", "gar"), begins("given", "an"))),
    ("birthdate=1950-01-01", born(lambda day: day == BORN[0])),
    ("birthdate=1950-01", born(lambda day: day.year == 1950)),
    ("birthdate=1950-01-01,1950-01-02,1950", born(lambda day: day.year == 1950)),
    ("birthdate=ge1950-01-02&birthdate=lt1960", born(lambda day: date(1950, 1, 2) <= day < date(1960, 1, 1))),
    ("birthdate=ne1950", born(lambda day: day.year != 1950)),
    ("birthdate:missing=false", lambda one: True),
    ("family=gar&birthdate=1950-01-01", both(begins("family", "gar"), born(lambda day: day == BORN[0]))),
    ("family=ortiz&given=ana&birthdate=1951", both(begins("family", "ortiz"), begins("given", "ana"))),
    ("family=gar&_sort=-birthdate", begins("family", "gar")),
    ("family=gar&_lastUpdated=ge2000", begins("family", "gar")),
    ("identifier=90010000A&family=gar", lambda one: one["cin"] == "90010000A"),
    ("family=" + "a" * 200, lambda one: False),
]


@pytest.mark.parametrize("few", [search.FEW, -1])
@pytest.mark.parametrize("ours", [False, True])
async def test_members_are_found_by_names_and_birth_dates_whatever_leads_to_them(
    cast: Cast, known: list[Person], monkeypatch: pytest.MonkeyPatch, ours: bool, few: int
) -> None:
    """`ours`: asked by who holds the records, else by who may see some of them. `few`: looked up, or walked through."""
    monkeypatch.setattr(search, "FEW", few)
    actor, of = cast.poppy_system, known
    if ours:
        actor = people.system(cast.alameda, cast.marisol.organization_kind, "Case management")
        every = await fetch("SELECT id, given, family, birth_date, cin, source FROM member")
        of = [row for row in every if row["source"] == cast.alameda]
    async with toy_hub(actor, RESOURCES) as toy:
        for query, test in PEOPLE:
            expected = {one["id"] for one in of if test(one)}
            found = await toy.ids(f"/fhir/Patient?{query}&_count=2")
            assert sorted(found) == sorted(expected), query
            body = (await toy.get(f"/fhir/Patient?{query}&_summary=count")).json()
            assert body["total"] == len(expected), query
        # Of all that can be theirs, where those are many, none is given.
        total = (await toy.get("/fhir/Patient?_summary=count")).json().get("total")
        assert total == (None if few < 0 else len(of)), (total, ours)


async def test_members_come_in_the_order_of_what_they_are_found_by(cast: Cast, known: list[Person]) -> None:
    of = {one["id"]: one for one in known}
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:

        async def told(query: str, key: str) -> list[Any]:
            return [of[one][key] for one in await toy.ids(f"/fhir/Patient?{query}&_count=3")]

        families = [one.casefold() for one in await told("family=gar", "family")]
        assert families == ["gar%", "garber", "garber", "garcía", "garcía lópez"]
        days = await told("birthdate=ge1950", "birth_date")
        assert days == sorted(days) and len(days) == len(NAMES)
        days = await told("birthdate=ge1950&_sort=-birthdate", "birth_date")
        assert days == sorted(days, reverse=True) and len(days) == len(NAMES)
        # By either name: where the one that matches would stand.
        names = [of[one] for one in await toy.ids("/fhir/Patient?name=gar&_count=2")]
        keys = [one["family" if one["family"].casefold().startswith("gar") else "given"].casefold() for one in names]
        assert keys == ["gar%", "garber", "garber", "garcía", "garcía lópez", "garth"]


AT = [datetime(2026, 9, day, 12, tzinfo=UTC) for day in (3, 1, 2, 2)]
DATED = [
    ("Task", "task", "authored_at", "authored-on", False),
    ("ServiceRequest", "service_request", "authored_at", "authored", True),
]


@pytest.mark.parametrize(("kind", "table", "column", "name", "may_lack"), DATED)
async def test_referrals_come_by_their_date_both_ways_and_those_without_one_last(
    cast: Cast, kind: str, table: str, column: str, name: str, may_lack: bool
) -> None:
    await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    for _ in range(4):
        await referral_from_plan(cast)
        await referral_from_county(cast)
    rows = await fetch(f"SELECT id FROM {table} ORDER BY id")
    at = {row["id"]: AT[number % 4] if number < 6 or not may_lack else None for number, row in enumerate(rows)}
    assert len(at) == 8
    for row_id, moment in at.items():
        await fetch(f"UPDATE {table} SET {column} = {{}} WHERE id = {{}}", moment, row_id)
    dated = sorted([(moment, row_id) for row_id, moment in at.items() if moment])
    bare = sorted([row_id for row_id, moment in at.items() if not moment])
    upwards, downwards = [one for _, one in dated], [one for _, one in reversed(dated)]

    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        for count in (1, 3, 50):
            path = f"/fhir/{kind}?_count={count}"
            assert await toy.ids(f"{path}&_sort={name}") == [*upwards, *bare]
            assert await toy.ids(f"{path}&_sort=-{name}") == [*downwards, *reversed(bare)]
            assert await toy.ids(f"{path}&{name}=ge2026-09-02") == [one for when, one in dated if when.day > 1]
            assert await toy.ids(f"{path}&{name}=2026-09-02,ge2026-09-03") == [o for w, o in dated if w.day > 1]
            assert await toy.ids(f"{path}&{name}=ge2026-09-02&_sort=-{name}") == [o for o in downwards if at[o].day > 1]
            assert await toy.ids(f"{path}&{name}:missing=true") == bare
            found = await toy.ids(f"{path}&{name}=lt2026-09-03&_sort=-_lastUpdated")
            assert sorted(found) == sorted(one for when, one in dated if when.day < 3)


FORGED = [
    ("Patient?family=gar", ["gar\x00", "x"]),
    ("Patient?birthdate=ge1950", ["1950-01-01", "\x00"]),
    ("Task?_lastUpdated=ge2026", ["0001-01-01T00:00:00+14:00", "x"]),
    ("Task?_sort=authored-on", ["9999-12-31T23:59:59-14:00", "x"]),
    ("Task?status=requested", "[" * 5000),
]


@pytest.mark.parametrize(("query", "place"), FORGED)
async def test_a_place_that_no_row_can_have_is_refused(cast: Cast, query: str, place: list[str] | str) -> None:
    text = place if isinstance(place, str) else encode(place)
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        answer = await toy.get(f"/fhir/{query}&_cursor={cursor}")
        assert answer.status_code == 400 and "_cursor" in answer.text


async def test_a_place_without_a_value_where_each_row_has_one_finds_nothing(cast: Cast, known: list[Person]) -> None:
    cursor = base64.urlsafe_b64encode(encode([None, "x"]).encode()).decode().rstrip("=")
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        assert await toy.ids(f"/fhir/Patient?family=gar,ort&_cursor={cursor}") == []


async def test_blanks_are_no_name_to_search_for(cast: Cast, known: list[Person]) -> None:
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        for query in ("family=%20", "name=gar,%20", "given:contains=%20%20"):
            answer = await toy.get(f"/fhir/Patient?{query}")
            assert answer.status_code == 400 and "has no value" in answer.text, query


async def test_as_many_values_as_a_search_may_have_are_looked_for_and_more_are_refused(
    cast: Cast, known: list[Person]
) -> None:
    names = "ortiz," + ",".join([f"x{number}" for number in range(499)])
    codes = "requested," + ",".join([f"x{number}" for number in range(499)])
    expected = sorted([one["id"] for one in known if one["family"] == "Ortiz"])
    many = f"authored-on={','.join([f'{1000 + year}' for year in range(8)])}" + f"&status={codes}" * 5
    async with toy_hub(cast.poppy_system, RESOURCES) as toy:
        for modifier in ("", ":contains"):
            assert sorted(await toy.ids(f"/fhir/Patient?name{modifier}={names}")) == expected
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = await toy("POST", "/fhir/Task/_search", content=many, headers=form)
        assert answer.status_code == 200 and answer.json()["total"] == 0
        answer = await toy("POST", "/fhir/Task/_search", content=f"{many}&{many}&{many}", headers=form)
        assert answer.status_code == 400 and answer.json()["issue"][0]["code"] == "too-costly"
