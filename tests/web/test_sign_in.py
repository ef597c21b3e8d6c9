"""Signing in, out, and what ends a session."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.audit.tables import AuditEntry
from hub.auth.actions import create_account, deactivate_account, revoke_sessions
from hub.auth.queries import account_of
from hub.auth.rules import BY_ADDRESS, BY_NAME, SESSION_COOKIE
from hub.auth.tables import Account, LoginAttempt, WebSession
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.errors import Conflict, Invalid
from tests.conftest import NOW
from tests.web_client import PASSWORD, Visitor, Web, account_for, text_of, username_of

WRONG = "The user name or the password is not right"


async def _try(visitor: Visitor, username: str, password: str = PASSWORD, **more: str) -> Any:
    return await visitor.post_form("/sign-in", {"username": username, "password": password, **more}, follow=False)


async def _actions() -> list[tuple[str, str, str]]:
    """What the trail holds of signing in; the cast was recorded before."""
    rows = await (
        AuditEntry.select(AuditEntry.action, AuditEntry.outcome, AuditEntry.actor_id)
        .where(AuditEntry.action.like("auth:%"))
        .order_by(AuditEntry.id)
    )
    return [(row["action"], row["outcome"], row["actor_id"]) for row in rows]


async def test_somebody_signs_in_with_name_and_password_and_is_greeted_by_name(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    visitor = kit.visitor()
    answer = await _try(visitor, " Marisol.Vega ", next="/stub")
    assert (answer.status_code, answer.headers["location"]) == (303, "/stub")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION_COOKIE))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    assert "Marisol Vega , Alameda County" in await visitor.text("/stub")
    assert await _actions() == [("auth:session:begin", "permitted", cast.marisol.id)]


async def test_only_a_hash_of_the_cookie_is_stored(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    visitor = kit.visitor()
    await _try(visitor, "marisol.vega")
    rows = await WebSession.select()
    assert len(rows) == 1
    assert visitor.cookies[SESSION_COOKIE] not in str(rows)


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    answers = [await _try(kit.visitor(), name, "wrong") for name in ("marisol.vega", "nobody.here")]
    assert [answer.status_code for answer in answers] == [422, 422]
    texts = [text_of(answer) for answer in answers]
    assert WRONG in texts[0]
    assert texts[0] == texts[1]
    assert [outcome for _, outcome, _ in await _actions()] == ["failed", "failed"]


async def test_the_same_work_is_done_for_an_unknown_name(kit: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.auth import accounts

    seen: list[str] = []
    verify = accounts._hasher.verify
    monkeypatch.setattr(accounts._hasher, "verify", lambda p, h: seen.append(h[:9]) or verify(p, h))
    await _try(kit.visitor(), "nobody.here", "wrong")
    assert seen == ["$argon2id"]


async def test_what_was_typed_as_name_stays_and_the_password_does_not(kit: Web) -> None:
    answer = await _try(kit.visitor(), "nobody.here", "hunter2 hunter2")
    assert 'value="nobody.here"' in answer.text
    assert "hunter2" not in answer.text
    assert "<title>Error: Sign in" in answer.text


async def test_after_five_attempts_even_the_right_password_is_refused_for_a_while(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    visitor = kit.visitor()
    for _ in range(BY_NAME.attempts):
        assert (await _try(visitor, "marisol.vega", "wrong")).status_code == 422
    locked = await _try(visitor, "marisol.vega")
    assert locked.status_code == 429
    assert "Wait 15 minutes and try again" in text_of(locked)
    assert int(locked.headers["retry-after"]) == 900
    tags = [action for action, _, _ in await _actions()]
    assert tags == ["auth:session:refuse"] * 4 + ["auth:account:lock", "auth:session:refuse"]
    with clock.set_to(NOW + BY_NAME.locked + timedelta(seconds=1)):
        assert (await _try(visitor, "marisol.vega")).status_code == 303


async def test_guesses_sent_at_once_count_one_by_one(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    visitors = [kit.visitor() for _ in range(BY_NAME.attempts + 3)]
    for visitor in visitors:
        await visitor.csrf_token()
    answers = await asyncio.gather(*[_try(visitor, "marisol.vega", "wrong") for visitor in visitors])
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [422] * BY_NAME.attempts + [429] * 3


async def test_a_success_forgets_the_failures_before_it(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    for _ in range(2):
        for _ in range(BY_NAME.attempts - 1):
            await _try(kit.visitor(), "marisol.vega", "wrong")
        assert (await _try(kit.visitor(), "marisol.vega")).status_code == 303


async def test_an_address_that_tries_many_names_is_locked_too(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    await _try(kit.visitor(), "nobody", "wrong")
    await LoginAttempt.update({LoginAttempt.failures: BY_ADDRESS.attempts}, force=True)
    assert (await _try(kit.visitor(), "marisol.vega")).status_code == 429


async def test_signing_in_leads_only_to_pages_of_the_hub(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x"):
        answer = await _try(kit.visitor(), "marisol.vega", next=target)
        assert answer.headers["location"] == "/", target


async def test_a_visitor_is_asked_to_sign_in_and_comes_back_to_the_page(kit: Web) -> None:
    answer = await kit.visitor().get("/stub?page=2&f=today", follow=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/stub%3Fpage%3D2%26f%3Dtoday")
    page = await kit.visitor().get("/stub?page=2&f=today")
    assert 'name="next" value="/stub?page=2&amp;f=today"' in page.text


async def test_the_session_gets_a_new_id_at_sign_in_and_a_presented_one_is_never_adopted(cast: Any, kit: Web) -> None:
    await account_for(cast.marisol)
    visitor = kit.visitor()
    visitor.cookies[SESSION_COOKIE] = "f" * 64
    await _try(visitor, "marisol.vega")
    first = visitor.cookies[SESSION_COOKIE]
    assert first != "f" * 64
    await _try(visitor, "marisol.vega")
    assert visitor.cookies[SESSION_COOKIE] != first
    assert await WebSession.count() == 1


async def test_signing_out_ends_the_session_on_the_server(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    stolen = kit.visitor()
    stolen.cookies = dict(marisol.cookies)
    answer = await marisol.post_form("/sign-out")
    assert "You are signed out" in text_of(answer)
    assert (await stolen.get("/stub", follow=False)).status_code == 303
    assert await WebSession.count() == 0


async def test_a_revoked_session_ends_with_the_next_request(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    assert (await marisol.get("/stub", follow=False)).status_code == 200
    account = await account_of(cast.marisol.id)
    assert account is not None
    await revoke_sessions(HUB, account.id)
    assert (await marisol.get("/stub", follow=False)).status_code == 303


async def test_a_deactivated_account_has_no_session_and_no_way_in(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    await deactivate_account(HUB, await account_for(cast.marisol))
    assert (await marisol.get("/stub", follow=False)).status_code == 303
    assert (await _try(kit.visitor(), "marisol.vega")).status_code == 422


async def test_somebody_who_left_the_organization_is_out_at_once(cast: Any, kit: Web) -> None:
    from hub.directory.tables import Person

    marisol = await kit.sign_in(cast.marisol)
    await Person.update({Person.active: False}).where(Person.id == cast.marisol.id)
    assert (await marisol.get("/stub", follow=False)).status_code == 303
    assert await WebSession.count() == 0


async def test_an_unused_session_ends_and_a_used_one_goes_on(cast: Any, kit: Web) -> None:
    used, unused = await kit.sign_in(cast.marisol), await kit.sign_in(cast.thomas)
    with clock.set_to(NOW + timedelta(hours=8)):
        assert (await used.get("/stub", follow=False)).status_code == 200
    with clock.set_to(NOW + timedelta(hours=10)):
        assert (await used.get("/stub", follow=False)).status_code == 200
        assert (await unused.get("/stub", follow=False)).status_code == 303


async def test_a_page_that_changes_nothing_writes_no_session(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.get("/stub", follow=False)
    assert not [one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION_COOKIE)]


async def test_a_form_sent_after_the_session_ended_loses_nothing(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    await account_for(cast.marisol)
    await marisol.csrf_token()
    await WebSession.delete(force=True)
    typed = {"title": "IHSS “MOU” & more", "elements": ["identity", "need"], "note": "Two\nlines", "version": 3}
    asked = await marisol.post_form("/stub/form", typed)
    assert asked.status_code == 401
    assert "What you typed is kept" in text_of(asked)
    held = _hidden(asked.text)
    assert "_csrf_token" not in held["held"]
    resumed = await marisol.post_form("/sign-in", {**held, "username": "marisol.vega", "password": PASSWORD})
    assert "You are signed in again" in text_of(resumed)
    again = _pairs(resumed.text)
    assert ("elements", "need") in again
    form = await marisol.post_form(
        "/stub/form",
        {name: [v for n, v in again if n == name] for name, _ in again if name != "_csrf_token"},
    )
    assert form.status_code == 200
    assert "IHSS “MOU” &amp; more" in form.text
    assert "Two\nlines" in form.text
    assert form.text.count(" checked>") == 2
    assert "What you typed is still here" in text_of(form)


def _pairs(text: str) -> list[tuple[str, str]]:
    import html
    import re

    main = text.split("<main", 1)[1]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', main)
    return [(name, html.unescape(value)) for name, value in found]


def _hidden(text: str) -> dict[str, str]:
    return {name: value for name, value in _pairs(text) if name != "_csrf_token"}


async def test_an_account_needs_a_name_and_a_long_password_and_a_person_has_one(cast: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await create_account(HUB, cast.marisol.id, "m", "short")
    assert [issue.where for issue in refused.value.issues] == ["username", "password"]
    account = await create_account(HUB, cast.marisol.id, "Marisol.Vega", PASSWORD)
    row = await Account.select().where(Account.id == account).first()
    assert row is not None
    assert row["username"] == username_of(cast.marisol)
    assert row["password_hash"].startswith("$argon2id$")
    with pytest.raises(Conflict):
        await create_account(HUB, cast.thomas.id, "marisol.vega", PASSWORD)
