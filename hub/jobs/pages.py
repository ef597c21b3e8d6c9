"""The hub's own work that failed: a person sees it and starts it again."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from hub.jobs import actions
from hub.jobs.queries import dead_jobs, queue
from hub.web.page import Html, WebRequest, actor_of, page, redirect

SUBJECTS = {"Job": "/system/jobs#job-{id}"}


@get("/system/jobs", opt={"needs": "system.read"})
async def failed_jobs(request: WebRequest) -> Html:
    actor = actor_of(request)
    return page(
        request,
        "jobs/dead.html",
        title="The hub’s own work",
        jobs=await dead_jobs(actor),
        queue=await queue(actor),
    )


@post("/system/jobs/{job_id:str}/retry", opt={"needs": "system.read"})
async def retry_job(request: WebRequest, job_id: FromPath[str]) -> Response[Any]:
    await actions.retry(actor_of(request), job_id)
    return redirect("/system/jobs", flash="The job will be tried again within a few seconds.")


ROUTES: list[Any] = [failed_jobs, retry_job]
