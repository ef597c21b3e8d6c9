"""Reads of the mail that is kept: for the job that sends it."""

from __future__ import annotations

from hub.db.engine import fetch
from hub.notifications.rules import Letter


async def letter(mail_id: str) -> Letter | None:
    rows = await fetch(
        "SELECT id, to_address, subject, body, link, calendar, calendar_method, created_at, sent_at FROM mail"
        " WHERE id = {}",
        mail_id,
    )
    return Letter(**rows[0]) if rows else None
