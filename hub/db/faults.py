"""What a database says when it is away, full or taken, on both engines, as a refusal that says when to try again.

The words of the database's own errors hold rows, so none of them goes further than this.
"""

from __future__ import annotations

import errno
import socket
import sqlite3

import asyncpg

from hub.kernel.errors import Away, Busy, Full

_AWAY = "The database cannot be reached. If you sent a change, look whether it is there before you send it again."
_FULL = "Nothing can be saved now: the database's disk is full, or takes no more writing. Nothing was changed."
_TAKEN = "The database is busy. Nothing was changed; try again."

# SQLite's primary result codes; the extended ones keep them in their low byte.
_SQLITE_TAKEN = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}  # or a quota is used up
_SQLITE_AWAY = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL}

_POSTGRES_AWAY = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.OperatorInterventionError,  # class 57: shut down, crashed, starting up
    asyncpg.PostgresSystemError,  # class 58: the server's own disk
    asyncpg.ReadOnlySQLTransactionError,  # it has become a standby
    asyncpg.InternalClientError,  # the connection was lost between two messages
    ConnectionError,
    TimeoutError,
    socket.gaierror,
)
_NETWORK = {None, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}  # None: several addresses
_POSTGRES_TAKEN = (asyncpg.InsufficientResourcesError, asyncpg.LockNotAvailableError)


def refusal_of_fault(error: BaseException) -> Busy | None:
    """The refusal that a fault of the database comes to; None for any other error."""
    if isinstance(error, Busy):
        return error
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, asyncpg.DiskFullError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return Full(_FULL)
    if isinstance(error, _POSTGRES_TAKEN):
        return Busy(_TAKEN)
    if isinstance(error, _POSTGRES_AWAY) or (isinstance(error, OSError) and error.errno in _NETWORK):
        return Away(_AWAY)
    if isinstance(error, asyncpg.InterfaceError) and "clos" in str(error):  # under a query, or with its pool
        return Away(_AWAY)
    return None


def _of_sqlite(error: sqlite3.Error) -> Busy | None:
    code = getattr(error, "sqlite_errorcode", 0)
    primary = code & 0xFF
    if primary in _SQLITE_TAKEN:
        return Busy(_TAKEN)
    if code in _SQLITE_FULL:
        return Full(_FULL)
    if primary in _SQLITE_AWAY:
        return Away(_AWAY)
    return None
