"""How much memory this process holds at most."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

_MIB = 2**20


def peak_memory() -> float:
    """MiB: the most since the last `forget_peak`, or since the process began."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / _MIB if sys.platform == "darwin" else used / 1024


def forget_peak() -> None:
    """From now on; where the system cannot, the peak stays that of the whole life."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
