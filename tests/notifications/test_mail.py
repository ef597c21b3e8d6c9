"""Mail is written with the change, sent by the worker to a real SMTP server, and says nothing about a member."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP

from hub.db.engine import fetch, fetch_value
from hub.db.transaction import unit_of_work
from hub.duties import actions as duties
from hub.duties.jobs import JOBS as DUTY_JOBS
from hub.jobs.worker import Worker
from hub.kernel import clock
from hub.kernel.actor import HUB
from hub.kernel.errors import Forbidden
from hub.notifications.actions import send_mail
from hub.notifications.jobs import jobs
from hub.notifications.rules import Server
from hub.settings import Settings
from tests.conftest import NOW

INVITE = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


class Inbox:
    """What a mail server received; it can refuse, as a busy one does."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.busy = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.busy:
            return "451 Try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, str]]:
    handler = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler), "127.0.0.1", 0)
    yield handler, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def settings_for(folder: Path, smtp_url: str) -> Settings:
    return Settings(data=folder, smtp_url=smtp_url, base_url="https://hub.example.org", mail_from="hub@example.org")


async def test_a_mail_is_sent_once_with_its_invitation(cast: Any, inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    received, url = inbox
    mail = await send_mail(
        cast.priya, cast.marisol.id, "Quarterly meeting", "You are invited.", calendar=INVITE, method="REQUEST",
        link="/meetings/1",
    )  # fmt: skip
    handlers = jobs(settings_for(tmp_path, url))
    worker = Worker(handlers)
    assert await worker.drain() >= 1
    await handlers["mail:send"]({"mail": mail})
    assert len(received.received) == 1
    message = received.received[0]
    assert received.recipients == ["marisol.vega@example.org"]
    assert message["Message-ID"] == f"<{mail}@hub.example.org>"
    plain = message.get_body(("plain",))
    assert plain is not None and plain.get_content().split()[-1] == "https://hub.example.org/meetings/1"
    calendars = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert [part.get_param("method") for part in calendars] == ["REQUEST"]
    assert [part.get_filename() for part in message.iter_attachments()] == ["invite.ics"]
    assert await fetch_value("SELECT sent_at FROM mail WHERE id = {}", mail) is not None


async def test_without_a_mail_server_mail_is_kept_and_the_job_is_done(cast: Any, tmp_path: Path) -> None:
    mail = await send_mail(HUB, cast.marisol.id, "A", "B")
    await Worker(jobs(settings_for(tmp_path, ""))).drain()
    assert await fetch_value("SELECT sent_at FROM mail WHERE id = {}", mail) is None
    assert await fetch_value("SELECT state FROM job WHERE kind = 'mail:send'") == "done"


async def test_a_busy_mail_server_gets_the_mail_later(cast: Any, inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    received, url = inbox
    await send_mail(HUB, cast.marisol.id, "A", "B")
    worker = Worker(jobs(settings_for(tmp_path, url)))
    received.busy = True
    await worker.drain()
    assert await fetch_value("SELECT state FROM job WHERE kind = 'mail:send'") == "waiting"
    received.busy = False
    with clock.set_to(NOW + timedelta(hours=2)):
        await worker.drain()
    assert len(received.received) == 1


async def test_a_change_that_is_rolled_back_sends_no_mail(cast: Any) -> None:
    @unit_of_work
    async def refused() -> None:
        await send_mail(HUB, cast.marisol.id, "A", "B")
        raise Forbidden("No")

    with pytest.raises(Forbidden):
        await refused()
    assert await fetch("SELECT id FROM mail") == []
    assert await fetch("SELECT id FROM job") == []


async def test_the_same_news_is_one_mail_and_one_who_left_gets_none(cast: Any) -> None:
    assert await send_mail(HUB, cast.marisol.id, "A", "B", once="news") is not None
    assert await send_mail(HUB, cast.marisol.id, "A", "B", once="news") is None
    await fetch("UPDATE person SET active = {} WHERE id = {}", False, cast.thomas.id)
    assert await send_mail(HUB, cast.thomas.id, "A", "B") is None


async def test_an_unanswered_referral_is_told_to_the_liaison_and_then_to_the_responsible_person(
    cast: Any, inbox: tuple[Inbox, str], tmp_path: Path
) -> None:
    received, url = inbox
    await duties.open_duty(
        cast.priya, "referral-answer", subject=("Task", "task-1"), organization=cast.alameda,
        counterpart=cast.poppy, position="ihss_liaison", title="Answer the referral to IHSS",
        why="Golden Poppy sent it", start=date(2026, 11, 18), member=cast.rosa,
    )  # fmt: skip
    worker = Worker({**DUTY_JOBS, **jobs(settings_for(tmp_path, url))})
    for days in (8, 14, 14, 30):  # overdue, escalated, and running again does nothing new
        with clock.set_to(NOW + timedelta(days=days)):
            await DUTY_JOBS["duties:escalate"]({})
            await worker.drain()
    assert received.recipients == ["marisol.vega@example.org", "thomas.okafor@example.org"]
    assert [message["Subject"] for message in received.received] == [
        "Overdue: Answer the referral to IHSS",
        "Escalated to you: Answer the referral to IHSS",
    ]
    for message in received.received:
        assert "Rosa" not in message.as_string() and "Mendoza" not in message.as_string()
        assert "https://hub.example.org/duties/" in message.as_string()


def test_the_mail_server_is_read_from_its_address_and_the_password_is_in_no_error() -> None:
    assert Server.parse("smtp://mail.example.org") == Server("mail.example.org", 25, False, None, None)
    assert Server.parse("smtps://a:b%40c@mail.example.org") == Server("mail.example.org", 465, True, "a", "b@c")
    with pytest.raises(ValueError) as error:
        Server.parse("http://a:secret@mail.example.org")
    assert "secret" not in str(error.value)
