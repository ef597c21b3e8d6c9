"""Pages that show every part of the kit, for looking at it and for testing it without a feature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from litestar import Request, Response, get, post
from pydantic import BaseModel, Field, model_validator

from hub.kernel.errors import Invalid, Issue, Stale
from hub.web.forms import Form
from hub.web.page import actor_of, page, redirect
from hub.web.paging import Paging


class Kind(StrEnum):
    COUNTY = "county"
    PLAN = "plan"


class Entry(BaseModel):
    title: str = Field(title="Title", max_length=40)
    kind: Kind = Field(title="Kind of organization")
    effective_date: date = Field(title="Effective date")
    elements: list[str] = Field(title="Data elements", min_length=1)
    days: int | None = Field(None, title="Days", ge=1)
    note: str | None = Field(None, title="Note")
    version: int = 1

    @model_validator(mode="after")
    def _sound(self) -> Entry:
        if self.days and self.days > 90 and not self.note:
            raise ValueError("Say in the note why it takes so long")
        return self


@dataclass(frozen=True)
class Event:
    when: datetime
    title: str
    who: str
    note: str = ""
    anchor: str = ""


EVENTS = [
    Event(datetime(2026, 11, 18, 17, 5, tzinfo=UTC), "Accepted", "Marisol Vega, Alameda County", "Visit on Friday."),
    Event(datetime(2026, 11, 17, 22, 40, tzinfo=UTC), "Received", "Golden Poppy care management"),
    Event(datetime(2026, 11, 17, 22, 40, tzinfo=UTC), "Sent", "Priya Raman, Golden Poppy Health Plan"),
]
NAMES = [
    "Rosa Mendoza", "Henry Abara", "Hovhannes Ter-Mkrtchyan", "María de los Ángeles Hernández Villanueva", "Ana Lim",
    "Bao Tran", "Կարապետ Հովհաննիսյան", "Joy Okoye", "Kim Vu", "Lou Petit", "Mai Her", "Noe Diaz",
]  # fmt: skip
DUE = "due in 3 working days, Wednesday December 2, 2026 (November 26 is a holiday)"


@get("/stub", opt={"needs": "work.read"})
async def show_list(request: Request[Any, Any, Any]) -> Response[Any]:
    rows = [(name, f"Referral for {name}", n) for n, name in enumerate(NAMES)]
    return page(request, "stub/list.html", title="My work", rows=rows, due=DUE, paging=Paging.of(request, 312))


@get("/stub/case", opt={"needs": "work.read"})
async def show_case(request: Request[Any, Any, Any]) -> Response[Any]:
    return page(request, "stub/case.html", title="Referral for Rosa M. to Community Supports", events=EVENTS, due=DUE)


@get("/stub/form", opt={"needs": "work.read"})
async def show_form(request: Request[Any, Any, Any]) -> Response[Any]:
    return page(request, "stub/form.html", title="Record an MOU", form=None)


@post("/stub/form", opt={"needs": "work.read"})
async def send_form(request: Request[Any, Any, Any]) -> Response[Any]:
    form = await Form.read(request, Entry)
    if form.ok:
        if form.data.title == "Stale":
            raise Stale("Somebody else changed this meanwhile. Nothing was saved.")
        if form.data.title == "Broken":
            raise RuntimeError(f"about {form.data.note}")
        try:
            if form.data.title == "Taken":
                raise Invalid("No.", issues=[Issue("title", "This title is taken"), Issue("plan", "No such plan")])
            return redirect("/stub", flash=f"MOU recorded by {actor_of(request).name}")
        except Invalid as refusal:
            form.refuse(refusal)
    return page(request, "stub/form.html", title="Record an MOU", form=form, status=form.status)


@post("/stub/act", opt={"needs": "mou.sign"})
async def act(request: Request[Any, Any, Any]) -> Response[Any]:
    return redirect("/stub", flash="Done")


ROUTES = [show_list, show_case, show_form, send_form, act]
