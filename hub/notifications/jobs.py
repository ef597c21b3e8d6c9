"""Sending the mail that is kept. Without a mail server it stays kept, and the job is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hub.duties.actions import NOTIFY
from hub.notifications.actions import SEND, mark_sent, notify_duty
from hub.notifications.queries import letter
from hub.notifications.rules import Server, message_of
from hub.settings import Settings, settings

_SECONDS = 30

Handler = Callable[[dict[str, Any]], Awaitable[None]]


async def deliver(mail_id: str, with_settings: Settings) -> None:
    """Hand one mail to the mail server, unless that was done before. A failure raises: the worker tries again.

    A crash between the server's answer and our note of it sends it twice; both copies carry the same Message-ID.
    """
    kept = await letter(mail_id)
    if kept is None or kept.sent_at is not None or not with_settings.smtp_url:
        return
    import aiosmtplib  # where mail is sent, not at each start

    server = Server.parse(with_settings.smtp_url)
    await aiosmtplib.send(
        message_of(kept, with_settings.mail_from, with_settings.base),
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.tls,
        timeout=_SECONDS,
    )
    await mark_sent(mail_id)


def jobs(with_settings: Settings | None = None) -> dict[str, Handler]:
    """The handlers; by default with the settings of this process, read when a job runs."""

    async def send(payload: dict[str, Any]) -> None:
        await deliver(payload["mail"], with_settings or settings())

    async def notify(payload: dict[str, Any]) -> None:
        await notify_duty(payload["duty"], payload["step"])

    return {SEND: send, NOTIFY: notify}


JOBS: dict[str, Handler] = jobs()
