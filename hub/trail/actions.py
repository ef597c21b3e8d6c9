"""Reading the trail leaves an entry too."""

from __future__ import annotations

from dataclasses import asdict

from hub.audit.actions import Entry, record
from hub.kernel.actor import Actor
from hub.trail.queries import LogFilter, LogPage, LogRow, access_log, who_saw


async def open_log(actor: Actor, wanted: LogFilter, before: str | None = None) -> LogPage:
    """A page of the access log; that it was opened is on record before it is shown."""
    page = await access_log(actor, wanted, before)
    await record(actor, Entry("trail:log:read", "AuditEntry", detail=_kept(wanted)))
    return page


async def export_log(actor: Actor, wanted: LogFilter) -> None:
    """On record before the first row goes out."""
    actor.require("audit.read")
    await record(actor, Entry("trail:log:export", "AuditEntry", detail=_kept(wanted)))


async def open_who_saw(actor: Actor, member: str) -> list[LogRow]:
    rows = await who_saw(actor, member)
    await record(actor, Entry("trail:member-log:read", "AuditEntry", member, member=member))
    return rows


def _kept(wanted: LogFilter) -> dict[str, str]:
    """The filter, without the name that may have been typed into it."""
    filled = {name: str(value) for name, value in asdict(wanted).items() if value}
    return {**filled, "person": "given"} if wanted.person else filled
