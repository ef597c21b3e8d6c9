"""Lists of values in SQL."""

from __future__ import annotations

from collections.abc import Iterable


def padded(values: Iterable[str]) -> list[str]:
    """For `IN (…)`: each value once, the last one again until there are 1, 2, 4, 8, … of them.

    So a statement comes in few lengths, and the database meets one that it has prepared already.
    """
    found = list(dict.fromkeys(values))
    if found:
        found += [found[-1]] * ((1 << (len(found) - 1).bit_length()) - len(found))
    return found


def marks(values: list[str]) -> str:
    return ", ".join(["{}"] * len(values))
