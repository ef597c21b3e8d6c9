"""What a mail says and how it is put together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

SMTP_PORT, SMTPS_PORT = 25, 465


@dataclass(frozen=True, slots=True)
class Letter:
    """What is kept of a mail."""

    id: str
    to_address: str
    subject: str
    body: str
    link: str | None
    calendar: str | None
    calendar_method: str | None
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    tls: bool  # from the first byte (smtps); else STARTTLS where the server offers it
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Server:
        """From `smtp://user:password@host:port`. Raises ValueError, without the password in its words."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("HUB_SMTP_URL must look like smtp://user:password@host:port")
        tls = parts.scheme == "smtps"
        return cls(
            parts.hostname,
            parts.port or (SMTPS_PORT if tls else SMTP_PORT),
            tls,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )


def one_line(text: str) -> str:
    """Fit for a header: a line break in it could begin another header."""
    return " ".join(text.split())


def message_of(letter: Letter, sender: str, base: str) -> EmailMessage:
    """The message on the wire. The same mail always has the same Message-ID, so that a second copy can be told."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to_address
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(letter.created_at)
    message["Message-ID"] = f"<{letter.id}@{(urlsplit(base).hostname or 'ihss-hub')}>"
    message["Auto-Submitted"] = "auto-generated"
    link = f"\n\n{base}{letter.link}\n" if letter.link else "\n"
    message.set_content(letter.body.rstrip() + link)
    if letter.calendar:
        method = letter.calendar_method or "REQUEST"
        message.add_alternative(letter.calendar, subtype="calendar", params={"method": method})
        message.add_attachment(letter.calendar.encode(), maintype="application", subtype="ics", filename="invite.ics")
    return message
