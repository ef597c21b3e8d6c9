"""What is typed about meetings."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from pydantic import BaseModel, Field

from hub.kernel.clock import CALIFORNIA


class When(BaseModel):
    """Date, time and place of a meeting; times are California's."""

    starts_on: date = Field(title="the date")
    starts_at: time = Field(title="the time")
    minutes_long: int = Field(60, title="Length in minutes")
    place: str = Field(title="the place", max_length=500)

    @property
    def instant(self) -> datetime:
        return datetime.combine(self.starts_on, self.starts_at, CALIFORNIA).astimezone(UTC)


class NewMeeting(When):
    agreement: str = Field(title="an MOU")


class Move(When):
    version: int
    note: str = Field("", max_length=1000)


class Cancel(BaseModel):
    version: int
    note: str = Field("", title="why it is cancelled", max_length=1000)


class Versioned(BaseModel):
    version: int


class NewItem(BaseModel):
    topic: str = Field(title="a topic")
    title: str = Field(title="what is to be discussed", max_length=300)
    confidential: bool = False


class ItemWords(BaseModel):
    title: str = Field(title="what is to be discussed", max_length=300)


class Hold(BaseModel):
    version: int
    held_on: date = Field(title="the day of the meeting")
    attended: list[str] = Field(default_factory=list, title="who was present")
    others_present: str = Field("", max_length=1000)


class Minutes(BaseModel):
    """What was said to an item comes as `discussed-` and its id."""

    version: int
    minutes: str = Field("", max_length=50_000)
    decisions: str = Field("", max_length=20_000)
    act: str = "finish"


class NewActionItem(BaseModel):
    title: str = Field(title="what is to be done", max_length=300)
    owner: str = Field(title="who does it")
    due_on: date = Field(title="the due date")
    confidential: bool = False


class Posting(BaseModel):
    version: int
    posted_on: date = Field(title="the day of posting")
    where: str = Field(title="the address of the page", max_length=500)


class EndActionItem(BaseModel):
    version: int
    act: str = "done"
    done_on: date | None = Field(None, title="the day on which it was done")
    outcome: str = Field("", title="what came of it", max_length=2000)
