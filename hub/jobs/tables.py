"""Durable work: the outbox and the schedule are rows of one table."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import code, code_or_none, instant, instant_or_none, key, number, text, text_or_none


class Job(Table, tablename="job"):
    """Something to do outside the transaction that asked for it. States: waiting, running, done, dead."""

    id = key()
    kind = code(index=True)  # such as mail:send, duties:escalate
    unique_key = code_or_none(unique=True)  # the same key twice is the same job
    payload = text()  # JSON: ids only
    state = code()
    run_at = instant()
    attempts = number(default=0)
    lease_holder = code_or_none()
    lease_until = instant_or_none()
    created_at = instant()
    finished_at = instant_or_none()
    error = text_or_none()  # the class of the error and our words, never data
    organization = code_or_none()  # whose job it is; none: the hub's own
