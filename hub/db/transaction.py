"""The unit of work: what an action writes lands whole or not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from hub.db.engine import engine, is_serialization_failure, is_unique_violation
from hub.db.sqlite import PooledSQLiteEngine
from hub.db.sqlite_writer import GroupFailed
from hub.kernel.errors import Busy, Conflict, Refusal

P = ParamSpec("P")
R = TypeVar("R")

_TRIES = 5


class _Hooks:
    record_refusal: Callable[[Any], Awaitable[None]] | None = None


def on_refusal(record: Callable[[Any], Awaitable[None]]) -> None:
    """Say how the audit entry that a refusal carries is written (`hub.app` does)."""
    _Hooks.record_refusal = staticmethod(record)


def in_unit_of_work() -> bool:
    return engine().current_transaction.get() is not None


def unit_of_work(action: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Run an action in one transaction. Re-entrant: the outermost commits, retries and records refusals.

    An action has no side effect but the database, so that it can be tried again: after a serialization failure, after
    two at once inserted the same unique key (the second try then finds the other's row), and, on SQLite, when a COMMIT
    failed that it shared with others.
    """
    return _whole(action, prompt=False)


def prompt_unit_of_work(action: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """`unit_of_work` for what somebody who only reads waits for: on SQLite it goes before those who write."""
    return _whole(action, prompt=True)


def reading(action: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """An action that changes nothing and may take long: no transaction, in which it would keep SQLite's one writer from
    everybody. Its entry in the trail is written when it has read; its refusals are recorded.
    """

    @wraps(action)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await action(*args, **kwargs)
        except Refusal as refusal:
            if not in_unit_of_work():
                await _record(refusal)
            raise

    return whole


async def at_once(*parts: Coroutine[Any, Any, Any]) -> list[Any]:
    """Reads that do not need each other, beside each other; one after the other in a unit of work, which has one
    connection.
    """
    if in_unit_of_work():
        return [await part for part in parts]
    return list(await asyncio.gather(*parts))


async def _record(refusal: Refusal) -> None:
    if refusal.audit is not None and _Hooks.record_refusal is not None:
        audit, refusal.audit = refusal.audit, None
        await _Hooks.record_refusal(audit)


def _transaction(alone: bool, prompt: bool) -> Any:
    bound = engine()
    if isinstance(bound, PooledSQLiteEngine):
        return bound.transaction(alone=alone, prompt=prompt)
    return bound.transaction()


def _whole(action: Callable[P, Awaitable[R]], prompt: bool) -> Callable[P, Coroutine[Any, Any, R]]:
    @wraps(action)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_unit_of_work():
            return await action(*args, **kwargs)
        attempt, alone = 0, False
        while True:
            attempt += 1
            try:
                async with _transaction(alone, prompt):
                    return await action(*args, **kwargs)
            except Refusal as refusal:
                await _record(refusal)
                raise
            except GroupFailed:
                if alone:
                    raise
                alone = True
            except Exception as error:
                again = is_serialization_failure(error) or is_unique_violation(error)
                if not again:
                    raise
                if attempt >= _TRIES:
                    if is_unique_violation(error):
                        raise Conflict("The same entry was recorded meanwhile. Reload and look again.") from error
                    raise Busy("The database is busy. Nothing was changed; try again.") from error
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads the retries

    return whole
