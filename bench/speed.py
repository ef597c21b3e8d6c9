"""How fast the machine is at this moment. Machines are shared: one day's milliseconds are another's two."""

from __future__ import annotations

import time

_STEPS = 200_000


def step() -> float:
    """Nanoseconds of processor time for a step of a plain loop: the best of three."""
    return min(_loop() for _ in range(3)) / _STEPS * 1e9


def _loop() -> float:
    began, total = time.process_time(), 0
    for number in range(_STEPS):
        total += number
    return time.process_time() - began
