"""What people type about members."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field, field_validator

from hub.kernel import clock
from hub.members.rules import normal_cin

LANGUAGES = (
    "English", "Spanish", "Arabic", "Armenian", "Cantonese", "Farsi", "Hindi", "Hmong", "Japanese", "Khmer", "Korean",
    "Laotian", "Mandarin", "Punjabi", "Russian", "Tagalog", "Thai", "Vietnamese", "American Sign Language",
)  # fmt: skip
"""Offered, not required: the field takes any language."""


class Search(BaseModel):
    words: str = Field(title="A CIN, case number or name", min_length=2, max_length=120)


class NewMember(BaseModel):
    cin: str = Field(title="CIN", max_length=20)
    given: str = Field(title="Given name", max_length=100)
    family: str = Field(title="Family name", max_length=100)
    birth_date: date = Field(title="Birth date")
    phone: str | None = Field(title="Telephone", default=None, max_length=40)
    address: str | None = Field(title="Address", default=None, max_length=300)
    language: str | None = Field(title="Language", default=None, max_length=60)
    case_number: str | None = Field(title="IHSS case number", default=None, max_length=40)

    @field_validator("cin")
    @classmethod
    def _is_cin(cls, text: str) -> str:
        found = normal_cin(text)
        if found is None:
            raise ValueError("CIN must have 9 letters and digits, such as 90000001A")
        return found

    @field_validator("birth_date")
    @classmethod
    def _was_born(cls, day: date) -> date:
        if not date(1880, 1, 1) <= day <= clock.today():
            raise ValueError("Birth date must be a date in the past")
        return day
