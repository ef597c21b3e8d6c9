"""Every page and every form, walked over the app's own routes: by strangers, by nobody, and with odd input."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.db.engine import fetch_value
from hub.kernel import clock
from hub.meetings.actions import schedule
from hub.referrals import drafts
from hub.referrals.actions.desk import Outcome, take_step
from hub.referrals.rules import Event
from tests.cast import Cast, executed_mou
from tests.referrals.build import agree, referral_from_plan

PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
OUTSIDE = ("/fhir", "/oauth", "/static", "/health")
WORDS = {"event": "accept", "section": "referrals", "position": "ihss_liaison", "quarter": "2026-Q4"}
COUNTED = ("task", "service_request", "consent", "consent_grant", "member", "procedure", "meeting", "agenda_item",
           "action_item", "agreement_party", "resource_version", "appointment", "referral_event", "referral_draft",
           "mou_term", "duty_event")  # fmt: skip


@dataclass
class World:
    """What Alameda and Golden Poppy have on file, by the name of the route's parameter."""

    ids: dict[str, str]

    def paths(self, route: str) -> str:
        return PARAMETER.sub(lambda found: self.ids[found[1]], route)


@pytest.fixture
async def world(cast: Cast) -> World:
    agreed = await agree(cast.marisol, cast.rosa, cast.alameda, cast.poppy)
    task = await referral_from_plan(cast)
    await take_step(cast.marisol, task, Event.ACCEPT, version=1)
    await take_step(cast.marisol, task, Event.COMPLETE, version=2, outcome=Outcome("Done", clock.today()))
    meeting = await schedule(cast.priya, cast.mou, datetime(2026, 12, 2, 18, tzinfo=UTC), 60, "Room 4")
    found = {
        "task_id": task,
        "consent_id": agreed,
        "member_id": cast.rosa,
        "agreement_id": cast.mou,
        "party": cast.poppy,
        "organization": cast.alameda,
        "meeting_id": meeting,
        "draft_id": await drafts.start(cast.thomas, cast.rosa),
        "duty_id": await fetch_value("SELECT id FROM duty LIMIT 1"),
        "item_id": await fetch_value("SELECT id FROM agenda_item LIMIT 1"),
        "job_id": "no-such-job",
        **WORDS,
    }
    await executed_mou(cast.sonoma, cast.laurel)  # the strangers have partners of their own
    return World(found)


def routes(web: Any) -> list[tuple[str, str]]:
    """(path, method) of every page and form."""
    return sorted(
        (route.path, method)
        for route in web.app.routes
        if not route.path.startswith(OUTSIDE)
        for method in getattr(route, "methods", ())
        if method in ("GET", "POST")
    )


async def counts() -> dict[str, int]:
    return {table: await fetch_value(f"SELECT count(*) FROM {table}") for table in COUNTED}


async def test_no_page_or_form_of_others_opens_for_a_stranger(cast: Cast, web: Any, world: World) -> None:
    before = await counts()
    opened = []
    with_parameters = [(path, method) for path, method in routes(web) if PARAMETER.search(path)]
    assert len(with_parameters) > 50
    for actor in (cast.ruth, cast.lena):
        visitor = await web.sign_in(actor)
        for path, method in with_parameters:
            address = world.paths(path)
            if method == "GET":
                answer = await visitor.get(address, follow=False)
            else:
                answer = await visitor.post_form(address, {"version": 1, "reason": "x", "step": "store"}, follow=False)
            if answer.status_code not in (403, 404):
                opened.append((actor.name, method, address, answer.status_code))
            assert "Mendoza" not in answer.text and "90000001A" not in answer.text, address
    assert opened == []
    assert await counts() == before


async def test_every_list_of_a_stranger_is_silent_about_others(cast: Cast, web: Any, world: World) -> None:
    for actor in (cast.ruth, cast.lena, cast.sam):
        visitor = await web.sign_in(actor)
        for path, method in routes(web):
            if method == "GET" and not PARAMETER.search(path):
                answer = await visitor.get(path)
                assert answer.status_code in (200, 403), path
                for secret in ("Mendoza", "Rosa M", "90000001A", cast.rosa, world.ids["task_id"]):
                    assert secret not in answer.text, (actor.name, path)


async def test_nobody_who_is_not_signed_in_sees_or_changes_anything(cast: Cast, web: Any, world: World) -> None:
    before = await counts()
    public = {"/help", "/sign-in"}
    for path, method in routes(web):
        if path in public:
            continue
        visitor = web.visitor()
        address = world.paths(path)
        if method == "GET":
            answer = await visitor.get(address, follow=False)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"), address
        else:
            answer = await visitor.post_form(address, {"version": 1}, follow=False)
            assert answer.status_code in (303, 401), address
    assert await counts() == before


async def test_no_form_is_taken_without_its_token(cast: Cast, web: Any, world: World) -> None:
    before = await counts()
    for actor in (cast.thomas,):
        visitor = await web.sign_in(actor)
        await visitor.csrf_token()
        for path, method in routes(web):
            if method == "POST":
                for token in ("", "0" * 128):
                    answer = await visitor.post_form(world.paths(path), {"version": 1}, token=token, follow=False)
                    assert answer.status_code == 403, path
    assert await counts() == before


ODD = ("\x00", "a\x00b", "\U0001f600" * 200, "x" * 100_000, "0001-01-01", "9999-12-31", "9" * 20, "-1",
       "<script>alert(1)</script>", "\u202e")  # fmt: skip
DEEP = ("a\x00b", "\U0001f600" * 200, "0001-01-01", "9" * 20)  # in one field at a time: these reach the actions
_FIELD = re.compile(r"<(input|select|textarea)([^>]*)>(.*?)(?=<(?:input|select|textarea|button)|</form)", re.S)
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_OPTION = re.compile(r'<option[^>]* value="([^"]+)"')
_LIKELY = {"date": "2026-12-02", "time": "10:00", "number": "1", "email": "a@example.org", "tel": "510-555-0100"}


def filled_in(page: str) -> tuple[dict[str, str], list[str]]:
    """The fields of a page's forms with something likely in each, and the names of those that one types into."""
    fields: dict[str, str] = {}
    typed = []
    for tag, attributes, rest in _FIELD.findall(page):
        told = dict(_ATTRIBUTE.findall(attributes))
        name, kind = told.get("name"), told.get("type", "text")
        if not name or name == "_csrf_token" or name in fields:
            continue
        if tag == "select":
            fields[name] = (_OPTION.findall(rest) or ["x"])[0]
        elif kind in ("hidden", "radio", "checkbox"):
            fields[name] = told.get("value", "on")
        else:
            fields[name] = told.get("value") or _LIKELY.get(kind, "Words that somebody typed")
            typed.append(name)
    return fields, typed


async def test_no_form_fails_over_what_is_typed(cast: Cast, web: Any, world: World) -> None:
    """Every form that Alameda may open, each field in turn filled in oddly: refused or kept, never 5xx."""
    failed, stored = [], 0
    visitor = await web.sign_in(cast.thomas)
    for path, method in routes(web):
        if method != "POST" or path == "/sign-out":
            continue
        address = world.paths(path)
        for value in ODD:
            fields, typed = filled_in((await visitor.get(address, follow=False)).text)
            sent = [dict.fromkeys(fields or {"version", "words", "reason"}, value)]
            sent += [{**fields, name: value} for name in typed if value in DEEP]
            for one in sent:
                answer = await visitor.post_form(address, one, follow=False)
                stored += answer.status_code == 303
                if answer.status_code >= 500:
                    failed.append((address, {k: v[:20] for k, v in one.items()}, answer.status_code))
                assert "<script>alert" not in answer.text, address
    assert failed == []
    assert stored > 20  # or nothing odd has got as far as an action


@pytest.mark.parametrize("odd", ["%00", "a%00b", "%ED%A0%80", "%FF", "x" * 3000, "..%2f..", "%0d%0aX:y"])
async def test_no_address_fails_over_its_signs(cast: Cast, web: Any, world: World, odd: str) -> None:
    visitor = await web.sign_in(cast.thomas)
    for path, method in routes(web):
        if method != "GET":
            continue
        addresses = [PARAMETER.sub(odd, path)] if PARAMETER.search(path) else []
        query = "&".join(f"{name}={odd}" for name in ("page", "partner", "member", "person", "before", "since", "side",
                                                      "state", "figure", "quarter", "next", "format"))  # fmt: skip
        addresses.append(f"{world.paths(path)}?{query}")
        for address in addresses:
            answer = await visitor.get(address, follow=False)
            assert answer.status_code < 500, address
            assert "x" not in answer.headers


async def test_a_session_is_never_one_that_somebody_else_gave(cast: Cast, web: Any) -> None:
    from hub.auth.rules import SESSION_COOKIE
    from tests.web_client import PASSWORD, account_for, username_of

    await account_for(cast.marisol)
    visitor = web.visitor()
    visitor.cookies[SESSION_COOKIE] = "planted-by-somebody"
    fields = {"username": username_of(cast.marisol), "password": PASSWORD}
    for target, expected in (("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil.example", "/"),
                             ("/mous\r\nSet-Cookie: a=b", "/"), ("/mous", "/mous")):  # fmt: skip
        answer = await visitor.post_form("/sign-in", {**fields, "next": target}, follow=False)
        assert (answer.status_code, answer.headers["location"]) == (303, expected)
        assert visitor.cookies[SESSION_COOKIE] != "planted-by-somebody"


async def test_a_name_with_odd_signs_is_a_wrong_name(cast: Cast, web: Any) -> None:
    visitor = web.visitor()
    for name in ("a\x00b", "\U0001f600", "x" * 199):
        answer = await visitor.post_form("/sign-in", {"username": name, "password": "p\x00"}, follow=False)
        assert answer.status_code == 422
