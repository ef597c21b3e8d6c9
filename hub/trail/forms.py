"""The filter of the access log."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from hub.trail.queries import LogFilter
from hub.trail.rules import FEATURES


class LogForm(BaseModel):
    since: date | None = Field(None, title="From")
    until: date | None = Field(None, title="To")
    action: str = Field("", max_length=64, title="What")
    person: str = Field("", max_length=100, title="Person or system")
    outcome: Literal["", "permitted", "refused", "failed"] = Field("", title="Outcome")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.until < self.since:
            raise ValueError("The first day must not be after the last day")
        return self

    def wanted(self) -> LogFilter:
        return LogFilter(self.since, self.until, self.action, self.person, self.outcome)


ACTIONS = sorted(FEATURES.items(), key=lambda item: item[1])
