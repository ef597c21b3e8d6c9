"""A process that checks stretches of the trail for `verify`: lines of JSON in, lines of JSON out.

It is a program of its own, and imports little, so that it is there in a tenth of a second and takes little memory.
The database's address comes as its first line, not as an argument: it may hold a password.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from hub.audit.checking import Found, Stretch
from hub.audit.reading import SQLITE, open_trail


def _stretches() -> Iterator[Stretch]:
    """This process does one thing at a time, so it may wait here."""
    while line := sys.stdin.buffer.readline():
        yield msgspec.json.decode(line, type=Stretch)


def _tell(found: Found) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    sys.stdout.buffer.flush()


async def _server(address: str) -> None:
    async with open_trail(address) as trail:
        for stretch in _stretches():
            _tell(await trail.check(stretch))


def _file(address: str) -> None:
    from hub.audit.sqlite_trail import open_file

    with open_file(address) as trail:
        for stretch in _stretches():
            _tell(trail.check_now(stretch))


def main() -> None:
    address = sys.stdin.buffer.readline().decode().rstrip("\n")
    if address.startswith(SQLITE):
        _file(address)
    else:
        import asyncio  # a third of the start of a process that needs none

        asyncio.run(_server(address))


if __name__ == "__main__":
    main()
