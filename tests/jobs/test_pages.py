"""The page of failed jobs."""

from __future__ import annotations

from typing import Any

from hub.db.engine import fetch, fetch_value
from hub.jobs.actions import enqueue
from hub.kernel import clock


async def test_a_failed_job_is_seen_and_tried_again(cast: Any, web: Any) -> None:
    await enqueue("mail:send", {"mail": "m-1"})
    await fetch("UPDATE job SET state = 'dead', finished_at = {}, error = 'Busy: the server is away.'", clock.now())
    job = await fetch_value("SELECT id FROM job")
    arturo = await web.sign_in(cast.arturo)
    text = await arturo.text("/system/jobs")
    assert "mail:send" in text
    assert "the server is away" in text
    done = await arturo.post_form(f"/system/jobs/{job}/retry")
    assert "No job has failed for good" in done.text
    assert await fetch_value("SELECT state FROM job") == "waiting"
    again = await arturo.post_form(f"/system/jobs/{job}/retry")
    assert again.status_code == 422


async def test_a_plan_does_not_see_what_failed_for_a_county(cast: Any, web: Any) -> None:
    await enqueue("mail:send", {"mail": "m-1"}, organization=cast.alameda)
    await enqueue("duties:escalate", {})
    await fetch("UPDATE job SET state = 'dead', finished_at = {}, error = 'Busy: the server is away.'", clock.now())
    jobs = {row["kind"]: row["id"] for row in await fetch("SELECT kind, id FROM job")}
    county, plan = await web.sign_in(cast.arturo), await web.sign_in(cast.daniel)
    of_county, of_plan = await county.text("/system/jobs"), await plan.text("/system/jobs")
    assert "mail:send" in of_county
    assert "mail:send" not in of_plan
    assert "duties:escalate (for all)" in of_county
    assert "duties:escalate (for all)" in of_plan
    assert (await plan.post_form(f"/system/jobs/{jobs['mail:send']}/retry")).status_code == 404
    assert await fetch_value("SELECT state FROM job WHERE kind = 'mail:send'") == "dead"


async def test_it_is_not_for_everybody(cast: Any, web: Any) -> None:
    marisol = await web.sign_in(cast.marisol)
    assert (await marisol.get("/system/jobs")).status_code == 403
