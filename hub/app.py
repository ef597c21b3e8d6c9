"""The composition root: it alone knows every feature, and hands each what it needs of the others."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
from typing import Any

from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader, State
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

from hub import exchange as composed
from hub.audit.actions import record_pending
from hub.audit.batching import all_written
from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.auth.guards import check_routes, deny_by_default
from hub.auth.pages import sign_in_instead
from hub.auth.sessions import STORE, SessionStore, WhoAsks, session_config
from hub.consent.actions import show_names
from hub.db.engine import Engine, bind, fetch_value, make_engine
from hub.db.migrate import pending
from hub.db.transaction import on_refusal
from hub.directory.queries import load_user
from hub.exchange import RESOURCES, exchange, faces
from hub.fhir import models
from hub.jobs.rules import Scheduled
from hub.jobs.worker import Handler, Worker
from hub.kernel.errors import Unauthenticated
from hub.notifications import jobs as notifications
from hub.settings import Settings
from hub.web import security
from hub.web.errors import error_page
from hub.web.templates import NavItem, SubjectPaths, folder, make_environment

NAV = (
    NavItem("My work", "/", "work.read", "w"),
    NavItem("Referrals", "/referrals", "referral.read", "r"),
    NavItem("Members", "/members", "member.read", "m"),
    NavItem("MOUs", "/mous", "mou.read", "u"),
    NavItem("Meetings", "/meetings", "meeting.read", "q"),
    NavItem("Directory", "/directory", "directory.read", "d"),
    NavItem("Reports", "/reports", "report.read", "p"),
    NavItem("Access log", "/access-log", "audit.read", "a"),
    NavItem("System", "/system/jobs", "system.read", "s"),
)
FEATURES = (
    "auth", "duties", "directory", "mou", "members", "consent", "referrals", "meetings", "reports", "trail", "jobs",
)  # fmt: skip
WORKING = ("duties", "mou", "meetings", "notifications")  # the features with jobs
_YEAR = 365 * 24 * 3600


class SchemaBehind(RuntimeError):
    """The database lacks migrations that this code needs."""


@get("/health", opt={"public": True})
async def health() -> dict[str, str]:
    """For a load balancer: whether this process reaches its database. Says nothing else."""
    await fetch_value("SELECT 1 AS one")
    return {"status": "ok"}


def pages_of(features: Sequence[str]) -> list[ModuleType]:
    """Each feature's `pages` module, where it has one."""
    names = [f"hub.{feature}.pages" for feature in features]
    return [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]


async def refuse_if_behind() -> None:
    """Raise `SchemaBehind` unless the database has every migration of this code."""
    behind = await pending()
    if behind:
        count = f"{len(behind)} migration{'' if len(behind) == 1 else 's'}"
        raise SchemaBehind(f"The database is behind by {count}. Run hub migrate, then start again.")


def create_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    with_worker: bool | None = None,
    features: Sequence[str] = FEATURES,
    routes: Sequence[Any] = (),
) -> Litestar:
    """The hub. With `engine` the caller owns the database and closes it; `routes` are added (tests do so)."""
    own = engine is None
    database = engine or make_engine(settings.database, settings, serving=True)
    bind(database)
    on_refusal(record_pending)
    modules = pages_of(features)
    static = folder("static")
    beside = [one for one in routes if getattr(one, "opt", {}).get("api") is True]
    handlers: list[Any] = [health, _static_files(static), *(one for one in routes if one not in beside)]
    for module in modules:
        handlers += module.ROUTES
    subjects = SubjectPaths(getattr(module, "SUBJECTS", {}) for module in modules)
    environment = make_environment(folder("templates"), static, nav=NAV, subjects=subjects)
    # The API is no part of it: it knows its callers by their tokens, and takes no cookie.
    pages = Router(
        "/",
        route_handlers=handlers,
        guards=[deny_by_default],
        middleware=[
            session_config(hours=settings.session_hours, secure=settings.secure_cookies).middleware,
            WhoAsks(load_user),
            security.csrf(security.secret_of(settings.data / "keys" / "forms"), secure=settings.secure_cookies),
        ],
    )
    app = Litestar(
        route_handlers=[pages, *exchange(settings), *beside],
        stores={STORE: SessionStore()},
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment)),
        exception_handlers={Exception: _face, 404: _face, 500: _face},
        before_send=[security.add_headers],
        lifespan=[_lifespan(settings, database if own else None, with_worker)],
        state=State({"settings": settings, "load_user": load_user, "show_names": show_names}),
        request_max_body_size=settings.max_body_bytes,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    check_routes(app)
    return app


def load_ahead() -> None:
    """For a server that listens by now: have the models ready by the time that the first document comes in."""
    models.load_ahead([*(resource.name for resource in RESOURCES), "Bundle"])


def _static_files(directory: Any) -> Router:
    """Their addresses change with their content, so a browser may keep them for a year."""
    return create_static_files_router(
        path="/static",
        directories=[directory],
        opt={"public": True},
        cache_control=CacheControlHeader(public=True, max_age=_YEAR, immutable=True),
    )


def _face(request: Request[Any, Any, State], error: Exception) -> Response[Any]:
    """How this face says that something went wrong: by the path, because the router's own 404 knows no more."""
    path = request.url.path
    for prefix, face in faces().items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return face(request, error)
    if isinstance(error, Unauthenticated):
        return sign_in_instead(request)
    return error_page(request, error)


def _lifespan(
    settings: Settings, owned: Engine | None, with_worker: bool | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    work = settings.embedded_worker if with_worker is None else with_worker

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        try:
            await refuse_if_behind()
            async with _worker(settings) if work else _nothing():
                yield
        finally:
            await all_written()
            if owned is not None:
                await owned.close()

    return running


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def make_worker(settings: Settings) -> Worker:
    """The worker with the jobs and the schedule of every feature, and the sealer of the audit trail."""
    modules = [composed, *(importlib.import_module(f"hub.{feature}.jobs") for feature in WORKING)]
    handlers: dict[str, Handler] = {}
    schedule: list[Scheduled] = []
    for module in modules:
        handlers.update(module.JOBS)
        schedule += getattr(module, "SCHEDULE", [])
    handlers.update(notifications.jobs(settings))
    return Worker(handlers, schedule, sealer=Sealer(Keys(settings.data / "keys")))


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set; the job at hand is ended first."""
    async with _worker(settings):
        await stop.wait()


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[None]:
    """The worker beside whatever runs inside."""
    on_refusal(record_pending)
    stop = asyncio.Event()
    working = asyncio.create_task(make_worker(settings).run_forever(stop))
    try:
        yield
    finally:
        stop.set()
        await working
