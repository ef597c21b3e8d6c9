"""Columns without Piccolo's surprising defaults (now for a date, `''` for a text, cascade for a foreign key)."""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigInt, Boolean, Date, ForeignKey, Integer, OnDelete, Text, Timestamptz, Varchar

from hub.db.engine import is_sqlite
from hub.kernel.ids import new_id


def key() -> Varchar:
    """Primary key: a uuid7 in text form, which is the FHIR id too."""
    return Varchar(length=64, primary_key=True, default=new_id)


def text(**kwargs: Any) -> Text:
    """Required text: Piccolo refuses a row where it was forgotten."""
    return Text(null=False, default=None, **kwargs)


def text_or_none(**kwargs: Any) -> Text:
    return Text(null=True, default=None, **kwargs)


def code(**kwargs: Any) -> Varchar:
    """A required short code, or the id of a row that another feature owns."""
    return Varchar(length=128, null=False, default=None, **kwargs)


def code_or_none(**kwargs: Any) -> Varchar:
    return Varchar(length=128, null=True, default=None, **kwargs)


def instant(**kwargs: Any) -> Timestamptz:
    return Timestamptz(null=False, default=None, **kwargs)


def instant_or_none(**kwargs: Any) -> Timestamptz:
    return Timestamptz(null=True, default=None, **kwargs)


def day(**kwargs: Any) -> Date:
    return Date(null=False, default=None, **kwargs)


def day_or_none(**kwargs: Any) -> Date:
    return Date(null=True, default=None, **kwargs)


def number(default: int | None = None, **kwargs: Any) -> Integer:
    return Integer(null=False, default=default, **kwargs)


def number_or_none(**kwargs: Any) -> Integer:
    return Integer(null=True, default=None, **kwargs)


def big_number(**kwargs: Any) -> BigInt:
    return BigInt(null=False, default=None, **kwargs)


def flag(default: bool = False, **kwargs: Any) -> Boolean:
    return Boolean(null=False, default=default, **kwargs)


def link(table: Any, **kwargs: Any) -> ForeignKey[Any]:
    """A required foreign key that keeps what it points at from being deleted."""
    return ForeignKey(references=table, null=False, default=None, on_delete=OnDelete.restrict, **kwargs)


def link_or_none(table: Any, **kwargs: Any) -> ForeignKey[Any]:
    return ForeignKey(references=table, null=True, default=None, on_delete=OnDelete.restrict, **kwargs)


def listed(dates: str) -> str:
    """SQL: all values of a column of dates in one text, separated by blanks; NULL where there are none."""
    return f"group_concat({dates}, ' ')" if is_sqlite() else f"string_agg(CAST({dates} AS TEXT), ' ')"


def days_between(later: str, earlier: str) -> str:
    """SQL: how many days lie between two columns of dates."""
    return f"CAST(julianday({later}) - julianday({earlier}) AS INTEGER)" if is_sqlite() else f"({later} - {earlier})"
