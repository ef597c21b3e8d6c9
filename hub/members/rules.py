"""What a CIN is, and when two records are the same person. Pure."""

from __future__ import annotations

import re

CIN_SYSTEM = "urn:ihss-hub:cin"
"""The hub's own identifier system for the Medi-Cal Client Index Number: none is published."""

IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
MEDICAID_NUMBER = "MC"

CLAIMED = "claimed"
"""An organization knew somebody's CIN, name and birth date, and no more: it does not count as one that serves them."""

_CIN = re.compile(r"[0-9A-Z]{9}")


def normal_cin(text: str) -> str | None:
    """Nine letters or digits, upper case (domain.md 2.4), or None. A longer card number begins with it."""
    bare = re.sub(r"[\s-]", "", text).upper()
    if len(bare) == 14:  # the card's 14 characters begin with the CIN
        bare = bare[:9]
    return bare if _CIN.fullmatch(bare) else None


def masked_cin(cin: str) -> str:
    """Only the last four characters."""
    return f"…{cin[-4:]}"


def name_key(name: str) -> str:
    """What a member's name is found by: folded, and short enough for an index."""
    return fold(name)[:128]


def fold(name: str) -> str:
    """For comparing names: without case and surrounding space."""
    return " ".join(name.casefold().split())
