"""Which transaction the running task is in."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any


class Current:
    """In place of the context variable of Piccolo's engines. A task that was started inside a transaction inherits it
    and may live longer: for such a task there is none any more, where Piccolo would go on with a dead connection.
    """

    __slots__ = ("_inherited",)

    def __init__(self, name: str) -> None:
        self._inherited: ContextVar[Any] = ContextVar(name, default=None)

    def get(self) -> Any:
        """The transaction (it has an attribute `ended`), or None."""
        transaction = self._inherited.get()
        return None if transaction is None or transaction.ended else transaction

    def set(self, transaction: Any) -> Token[Any]:
        return self._inherited.set(transaction)

    def reset(self, token: Token[Any]) -> None:
        self._inherited.reset(token)
