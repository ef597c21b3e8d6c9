"""JSON that keeps what it was given: decimals stay as written (`1.50`), text stays text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")


def decode(text: str | bytes) -> Any:
    return _decoder.decode(text)


def encode(value: Any) -> str:
    return _encoder.encode(value).decode()


def canonical(value: Any) -> bytes:
    """Bytes that are the same for the same value: what is hashed and signed."""
    return _canonical.encode(value)
