"""Mail that the hub sends: written in the transaction of the change, sent by a job."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import code, code_or_none, instant, instant_or_none, key, text, text_or_none


class Mail(Table, tablename="mail"):
    """One message to one person. No personal data of members: a link to sign in instead."""

    id = key()
    once = text(unique=True)  # what it is about: the same news is one mail, however often its job runs
    to_person = code()
    to_address = text()
    subject = text()
    body = text()
    link = text_or_none()  # path of the page that it is about; the address in front of it comes when it is sent
    calendar = text_or_none()  # an iCalendar object to attach
    calendar_method = code_or_none()  # REQUEST, CANCEL
    created_at = instant()
    sent_at = instant_or_none()
