"""What the sign-in page sends."""

from __future__ import annotations

from pydantic import BaseModel, Field


class SignIn(BaseModel):
    username: str = Field(title="your user name", max_length=200)
    password: str = Field(title="your password", max_length=200, repr=False)
    next: str = ""
    held_path: str = ""  # the page that a form was on its way to when the session had ended
    held: str = ""  # its fields, as JSON
