"""Forms, errors, headers and guards, with the stub's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
from litestar import get
from litestar.exceptions import ImproperlyConfiguredException

from hub.app import create_app
from hub.db.engine import Engine, make_engine
from hub.web.page import local_path
from hub.web.security import POLICY, secret_of
from tests.web_client import Web, open_web, test_settings, text_of

GOOD = {"title": "MOU", "kind": "county", "effective_date": "12/02/2026", "elements": "identity", "days": ""}


async def test_each_field_says_what_is_missing_and_the_summary_says_the_same(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.post_form("/stub/form", {"title": " ", "days": "soon", "note": "keep me"})
    assert answer.status_code == 422
    assert "<title>Error: Record an MOU" in answer.text
    for field, words in {
        "title": "Enter the title",
        "kind": "Choose the kind of organization",
        "effective_date": "Enter the effective date",
        "elements": "Choose at least one: data elements",
        "days": "Days must be a whole number",
    }.items():
        assert f'<a href="#f-{field}">{words}</a>' in answer.text
        assert f'id="f-{field}-error"' in answer.text
        assert f'id="f-{field}"' in answer.text
    assert "keep me" in answer.text
    assert 'value="soon"' in answer.text
    assert "There are 5 problems" in text_of(answer)


async def test_a_date_may_be_written_the_american_way(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.post_form("/stub/form", GOOD)
    assert answer.status_code == 200
    wrong = await marisol.post_form("/stub/form", {**GOOD, "effective_date": "2/30/2026"})
    assert "Effective date must be a real date, such as 12/02/2026" in text_of(wrong)


async def test_a_rule_over_several_fields_speaks_in_the_summary(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.post_form("/stub/form", {**GOOD, "days": "120"})
    assert answer.status_code == 422
    assert "<li>Say in the note why it takes so long</li>" in answer.text


async def test_a_refusal_is_shown_at_its_field_and_unknown_fields_in_the_summary(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.post_form("/stub/form", {**GOOD, "title": "Taken"})
    assert '<a href="#f-title">This title is taken</a>' in answer.text
    assert "<li>No such plan</li>" in answer.text


async def test_a_message_is_shown_once_after_the_redirect(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    sent = await marisol.post_form("/stub/form", GOOD, follow=False)
    assert sent.status_code == 303
    assert "MOU recorded by Marisol Vega" in await marisol.text("/stub")
    assert "MOU recorded" not in await marisol.text("/stub")


async def test_somebody_else_saved_meanwhile_says_so_and_keeps_what_was_typed(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.post_form("/stub/form", {**GOOD, "title": "Stale", "note": "An hour of work"})
    assert answer.status_code == 412
    assert "Somebody else changed this meanwhile" in text_of(answer)
    assert "An hour of work" in answer.text


async def test_a_form_without_the_token_is_refused(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    for token in ("", "0" * 128):
        answer = await marisol.post_form("/stub/form", GOOD, token=token)
        assert answer.status_code == 403
        assert "reload the page" in text_of(answer)


async def test_what_the_role_does_not_include_is_refused_with_the_reason(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    answer = await marisol.post_form("/stub/act")
    assert answer.status_code == 403
    assert "Your role does not let you sign and execute MOUs" in text_of(answer)
    assert "Marisol Vega" in text_of(answer)


@pytest.mark.parametrize(("path", "status"), [("/nope", 404), ("/sign-out", 405), ("/stub/form/x/y", 404)])
async def test_errors_of_the_router_are_pages_too(kit: Web, path: str, status: int) -> None:
    answer = await kit.visitor().get(path)
    assert answer.status_code == status
    assert "text/html" in answer.headers["content-type"]
    assert answer.headers["x-request-id"] in answer.text


async def test_a_failure_shows_a_number_and_neither_page_nor_log_hold_the_data(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    with structlog.testing.capture_logs() as logged:
        answer = await marisol.post_form("/stub/form", {**GOOD, "title": "Broken", "note": "Rosa Mendoza"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "RuntimeError" not in answer.text
    assert logged[0]["error"] == "RuntimeError"
    assert logged[0]["request_id"] == answer.headers["x-request-id"]
    assert "Rosa" not in str(logged)


async def test_too_large_a_form_is_refused(cast: Any, database: Engine, tmp_path: Path) -> None:
    from tests.web.stub import ROUTES

    async with open_web(database, tmp_path, ROUTES, max_body_bytes=10_000) as kit:
        marisol = await kit.sign_in(cast.marisol)
        answer = await marisol.post_form("/stub/form", {**GOOD, "note": "x" * 20_000})
        assert answer.status_code == 413
        assert "larger than the hub accepts" in text_of(answer)


async def test_every_answer_has_the_policy_a_number_and_is_not_kept(cast: Any, kit: Web) -> None:
    marisol = await kit.sign_in(cast.marisol)
    for path in ("/stub", "/help", "/nope", "/health", "/stub/case"):
        answer = await marisol.get(path)
        assert answer.headers["content-security-policy"] == POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
    assert "'unsafe" not in POLICY


async def test_static_files_are_kept_for_a_year_under_an_address_of_their_content(kit: Web) -> None:
    visitor = kit.visitor()
    page = await visitor.get("/help")
    address = page.text.split('href="/static/hub.css', 1)[1].split('"', 1)[0]
    answer = await visitor.get(f"/static/hub.css{address}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert (await visitor.get("/static/../pyproject.toml")).status_code == 404


async def test_health_says_only_that_it_works(kit: Web) -> None:
    answer = await kit.visitor().get("/health")
    assert answer.json() == {"status": "ok"}


def test_a_page_that_does_not_say_who_may_come_in_keeps_the_app_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @get("/forgotten")
    async def forgotten() -> str:
        return "open"

    @get("/misspelt", opt={"needs": "mou.raed"})
    async def misspelt() -> str:
        return "open"

    engine = make_engine(f"sqlite:///{tmp_path}/hub.sqlite")
    for handler in (forgotten, misspelt):
        with pytest.raises(ImproperlyConfiguredException, match="does not say who may come in"):
            create_app(test_settings(tmp_path), engine=engine, features=("auth",), routes=[handler])


async def test_the_app_refuses_to_start_on_a_schema_that_is_behind(tmp_path: Path) -> None:
    from hub.app import SchemaBehind
    from hub.db.engine import bind

    engine = make_engine(f"sqlite:///{tmp_path}/empty.sqlite")
    bind(engine)
    app = create_app(test_settings(tmp_path), engine=engine, features=("auth",))
    with pytest.RaisesGroup(pytest.RaisesExc(SchemaBehind, match="Run hub migrate")):
        async with app.lifespan():
            pass
    await engine.close()


def test_only_paths_of_this_site_are_local() -> None:
    assert local_path("/mous?x=1") == "/mous?x=1"
    for target in (None, "", "mous", "//x", "/\\x", "https://x", "/a\nb", "/a\\b"):
        assert local_path(target) == "/"


def test_the_forms_secret_is_made_once_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "forms"
    assert secret_of(file) == secret_of(file)
    assert file.stat().st_mode & 0o077 == 0
    assert [one.name for one in file.parent.iterdir()] == ["forms"]
