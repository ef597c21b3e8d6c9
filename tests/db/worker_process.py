"""One more worker of the hub, for the tests: a process of its own. Reads orders on standard input, a line each."""

from __future__ import annotations

import asyncio
import sys

from hub.db.engine import add, bind, engine, fetch, make_engine
from hub.db.transaction import unit_of_work
from hub.kernel.ids import new_id


@unit_of_work
async def claim(name: str, row_id: str) -> str:
    """Whose the name is: its first claimer's."""
    found = await fetch("SELECT id FROM tag WHERE name = {}", name)
    if found:
        return str(found[0]["id"])
    await add("tag", {"id": row_id, "name": name})
    return row_id


async def obey() -> None:
    for line in iter(sys.stdin.readline, ""):
        order, *names = line.split()
        if order == "see":
            rows = await fetch("SELECT name FROM tag ORDER BY name")
            print(*[row["name"] for row in rows], flush=True)
        else:
            print(*await asyncio.gather(*[claim(name, new_id()) for name in names]), flush=True)
    await engine().close()


if __name__ == "__main__":
    bind(make_engine(sys.argv[1]))
    asyncio.run(obey())
