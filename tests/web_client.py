"""Driving the pages: signed-in clients without a browser, the app on a real socket, and Chromium on top of it.

async def test_…(cast, web):
    marisol = await web.sign_in(cast.marisol)
    page = await marisol.get("/mous")
    done = await marisol.post_form("/mous/new", {"title": "…", "sections": ["a", "b"]})   # follows the redirect
"""

from __future__ import annotations

import asyncio
import atexit
import html
import re
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from jinja2 import ChoiceLoader, FileSystemLoader
from litestar import Litestar
from playwright.async_api import Browser, BrowserContext, Page

from hub.app import create_app
from hub.auth.accounts import hash_password
from hub.auth.queries import account_of
from hub.auth.rules import SESSION_COOKIE
from hub.auth.sessions import token_hash
from hub.auth.tables import Account, WebSession
from hub.db.engine import Engine, bind
from hub.kernel import clock
from hub.kernel.actor import Actor
from hub.kernel.ids import new_id
from hub.kernel.jsontext import encode
from hub.settings import Settings
from tests.kit.browser import axe_violations, open_browser

PASSWORD = "correct horse battery staple"  # of every account that the tests make
_TOKEN = re.compile(r'name="_csrf_token" value="([^"]+)"')
_TAGS = re.compile(r"<(script|style)[^>]*>.*?</\1>|<[^>]+>", re.S)
_hashes: dict[str, str] = {}

TEMPLATES = Path(__file__).parent / "web" / "templates"
DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 320, "height": 640}


def test_settings(folder: Path, **changes: Any) -> Settings:
    return Settings(data=folder, embedded_worker=False, **changes)


test_settings.__test__ = False  # type: ignore[attr-defined]


async def account_for(actor: Actor) -> str:
    """The actor's account, made on first use; the user name is the e-mail's first part, the password PASSWORD."""
    found = await account_of(actor.id)
    if found:
        return found.id
    if PASSWORD not in _hashes:
        _hashes[PASSWORD] = await hash_password(PASSWORD)
    account = Account(
        id=new_id(), username=username_of(actor), password_hash=_hashes[PASSWORD], person=actor.id,
        created_at=clock.now(),
    )  # fmt: skip
    await Account.insert(account)
    return str(account.id)


def username_of(actor: Actor) -> str:
    return actor.name.replace(" ", ".").lower()


async def session_for(actor: Actor) -> str:
    """The cookie of a session that is already signed in."""
    account, token = await account_for(actor), secrets.token_hex(32)
    await WebSession.insert(
        WebSession(
            token_hash=token_hash(token),
            account=account,
            data=encode({"account": account, "person": actor.id}),
            expires_at=clock.now() + timedelta(hours=9),
        )
    )
    return token


def text_of(answer: httpx.Response) -> str:
    """What a person reads on the page: no tags, single spaces."""
    return " ".join(html.unescape(_TAGS.sub(" ", answer.text)).split())


def fields_of(answer: httpx.Response) -> dict[str, str]:
    """The hidden fields of the page's forms."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
    return {name: html.unescape(value) for name, value in found}


@dataclass
class Visitor:
    """Somebody at a browser without JavaScript; `follow=False` shows the redirect itself."""

    http: httpx.AsyncClient
    actor: Actor | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, *, follow: bool = True, **options: Any) -> httpx.Response:
        return await self._send("GET", path, follow, **options)

    async def text(self, path: str) -> str:
        return text_of(await self.get(path))

    async def post_form(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        follow: bool = True,
        token: str | None = None,
        files: Any = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a form as a browser would, with the token that the pages carry. A value may be a list."""
        data = {name: _sent(value) for name, value in (fields or {}).items() if value is not None}
        data["_csrf_token"] = token if token is not None else await self.csrf_token()
        return await self._send("POST", path, follow, data=data, files=files, **options)

    async def csrf_token(self) -> str:
        if "hub_csrf" not in self.cookies:
            await self.get("/help")
        return self.cookies["hub_csrf"]

    async def _send(self, method: str, path: str, follow: bool, **options: Any) -> httpx.Response:
        for _ in range(10):
            headers = {**options.pop("headers", {})}
            if self.cookies:
                headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            self.http.cookies.clear()
            answer = await self.http.request(method, path, headers=headers, follow_redirects=False, **options)
            self._keep_cookies(answer)
            if not (follow and answer.is_redirect):
                return answer
            method, path, options = "GET", answer.headers["location"], {}
        raise AssertionError("redirected without end")

    def _keep_cookies(self, answer: httpx.Response) -> None:
        for header in answer.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            value = rest.split(";", 1)[0]
            if value == "null" or "max-age=0" in rest.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def _sent(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [_sent(one) for one in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(getattr(value, "value", value))


@dataclass
class Web:
    """The app on the test's database, without a socket."""

    app: Litestar
    http: httpx.AsyncClient

    def visitor(self) -> Visitor:
        return Visitor(self.http)

    async def sign_in(self, actor: Actor) -> Visitor:
        """Somebody whose session is there already; the sign-in page has tests of its own."""
        return Visitor(self.http, actor, {SESSION_COOKIE: await session_for(actor)})


_apps: dict[tuple[Settings, tuple[int, ...]], tuple[Litestar, Sequence[Any]]] = {}


def make_app(engine: Engine, settings: Settings, routes: Sequence[Any] = ()) -> Litestar:
    """The app; where a test brings pages of its own, these stand alone, with their templates in tests/web/templates.

    One that was made for these settings serves the next test too, on that test's database: an app keeps nothing from
    one request to the next, and making one and parsing its templates costs half a second.
    """
    key = (settings, tuple(map(id, routes)))
    if key in _apps:
        bind(engine)
        return _apps[key][0]
    only = {"features": ("auth",)} if routes else {}
    app = create_app(settings, engine=engine, with_worker=False, routes=routes, **only)
    if routes:
        environment = app.template_engine.engine  # type: ignore[union-attr]
        environment.loader = ChoiceLoader([environment.loader, FileSystemLoader(TEMPLATES)])
    _apps[key] = app, routes  # with the routes, so that nothing else gets their ids
    return app


@asynccontextmanager
async def open_web(engine: Engine, folder: Path, routes: Sequence[Any] = (), **changes: Any) -> AsyncIterator[Web]:
    """`folder` is the data folder, the same for all tests of a worker."""
    app = make_app(engine, test_settings(folder, **changes), routes)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=("203.0.113.7", 50000))
    async with _alive(app), httpx.AsyncClient(transport=transport, base_url="http://hub.test") as http:
        yield Web(app, http)


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncIterator[None]:
    """The app's lifespan in a task of its own: a fixture is set up and torn down in two different tasks, which the
    lifespan's task group does not allow."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    try:
        yield
    finally:
        stop.set()
        await task


@dataclass
class Live:
    """The app on a real socket, in this process, so that the test's clock holds for it too."""

    base: str
    app: Litestar

    async def cookies(self, actor: Actor) -> dict[str, str]:
        return {SESSION_COOKIE: await session_for(actor)}


@cache
def _door() -> socket.socket:
    """One port for all tests of a worker, so that the app has the same address in each."""
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    door.listen(64)
    atexit.register(door.close)
    return door


@asynccontextmanager
async def open_live(engine: Engine, folder: Path, routes: Sequence[Any] = (), **changes: Any) -> AsyncIterator[Live]:
    with _door().dup() as own:
        base = f"http://127.0.0.1:{own.getsockname()[1]}"
        settings = test_settings(folder, base_url=base, **changes)
        app = make_app(engine, settings, routes)
        config = uvicorn.Config(app, log_config=None, log_level="error", lifespan="on", ws="none")
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(_serving(server, own))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells no other way
            await asyncio.sleep(0.01)
        if task.done():
            task.result()
        try:
            yield Live(base, app)
        finally:
            server.should_exit = True
            await task


async def _serving(server: uvicorn.Server, door: socket.socket) -> None:
    try:
        await server._serve([door])
    except SystemExit as stop:  # out of a task it would end the test run's loop, and every test after this one
        raise RuntimeError("the app did not start") from stop


@dataclass
class Chromium:
    """A real browser in front of a live app."""

    browser: Browser
    live: Live

    async def open(
        self, actor: Actor | None = None, path: str = "/", *, viewport: dict[str, int] | None = None,
        javascript: bool = True,
    ) -> Page:  # fmt: skip
        """A page in a window of its own, signed in as the actor."""
        context: BrowserContext = await self.browser.new_context(
            viewport=viewport or DESKTOP,  # type: ignore[arg-type]
            java_script_enabled=javascript,
            base_url=self.live.base,
            locale="en-US",
            timezone_id="America/Los_Angeles",
        )
        context.set_default_timeout(10_000)
        if actor is not None:
            for name, value in (await self.live.cookies(actor)).items():
                await context.add_cookies([{"name": name, "value": value, "url": self.live.base}])
        page = await context.new_page()
        await page.goto(path)
        return page


@asynccontextmanager
async def open_chromium(live: Live) -> AsyncIterator[Chromium]:
    async with open_browser() as browser:
        yield Chromium(browser, live)


async def sideways(page: Page) -> list[str]:
    """The elements that make the page wider than its window; none is right."""
    return list(
        await page.evaluate(
            """() => {
                const wide = document.documentElement.clientWidth;
                if (document.documentElement.scrollWidth <= wide) return [];
                return [...document.querySelectorAll("body *")]
                    .filter(e => !e.closest("thead") && e.getBoundingClientRect().right > wide + 1)
                    .map(e => e.tagName.toLowerCase() + "." + e.className).slice(0, 8);
            }"""
        )
    )


async def check_page(page: Page) -> None:
    """What holds for every page: axe finds nothing, one heading in the title's words, no sideways scroll at 1366 and
    320 pixels, and the content policy stopped nothing of ours."""
    before = page.viewport_size
    headings = await page.locator("h1").all_inner_texts()
    assert len(headings) == 1, f"{page.url} has the headings {headings}"
    assert headings[0].strip() in await page.title()
    for viewport in (DESKTOP, PHONE):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        wide = await sideways(page)
        assert wide == [], f"{page.url} scrolls sideways at {viewport['width']} px: {wide}"
        assert await axe_violations(page) == [], page.url
    if before:
        await page.set_viewport_size(before)
