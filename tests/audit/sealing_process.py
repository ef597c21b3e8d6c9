"""A sealer in a process of its own, for `test_sealing`: says how much it sealed, stops at SIGTERM.

Arguments: the database's address, the folder of keys, the holder's name, the lease in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import timedelta
from pathlib import Path

from hub.audit.keys import Keys
from hub.audit.sealing import Sealer
from hub.db.engine import bind, make_engine

PAUSE = 0.02


async def main(address: str, folder: str, holder: str, lease: str) -> None:
    database = make_engine(address)
    bind(database)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sealer = Sealer(Keys(Path(folder)), holder, lease=timedelta(seconds=float(lease)))
    print("ready", flush=True)
    while not stop.is_set():
        if count := await sealer.run_once():
            print(f"sealed {count}", flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE)
    await sealer.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
