"""A measurement in a process of its own, so that its memory is its own: `await apart("bench.rows.export:here", {...})`.

The function is async, takes the keywords and returns plain values; `peak` (MiB) is added.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

from bench.memory import peak_memory


async def apart(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.apart", function, json.dumps(arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{function} ended with {process.returncode}")
    return dict(json.loads(out.splitlines()[-1]))


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    found = asyncio.run(getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2])))
    sys.stdout.write(json.dumps({**found, "peak": peak_memory()}) + "\n")


if __name__ == "__main__":
    main()
