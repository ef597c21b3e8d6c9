"""A process that checks stretches of the trail for `verify`: lines of JSON in, lines of JSON out.

It is a program of its own, and imports little, so that it is there in a tenth of a second and takes little memory.
The database's address comes as its first line, not as an argument: it may hold a password.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from hub.audit.checking import Stretch
from hub.audit.reading import open_trail


async def main() -> None:
    address = sys.stdin.buffer.readline().decode().rstrip("\n")
    async with open_trail(address) as trail:
        while line := sys.stdin.buffer.readline():  # this process does one thing at a time, so it may wait here
            found = await trail.check(msgspec.json.decode(line, type=Stretch))
            sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main())
