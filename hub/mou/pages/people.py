"""The named positions of an MOU: who, since when, who follows, who was told."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from hub.directory import queries as directory
from hub.directory.rules import NAMES, REQUIRED_FOR_MOU, Position
from hub.duties import queries as duties
from hub.kernel import clock
from hub.kernel.errors import NotFound, Refusal
from hub.mou import actions, queries
from hub.mou.forms import EndForm, PositionForm, ToldForm
from hub.mou.pages.register import words
from hub.mou.queries import AgreementView, SeatView
from hub.mou.rules import BEFORE_EXECUTION, IN_FORCE, NewPerson
from hub.web.forms import Form
from hub.web.page import WebRequest, actor_of, page, redirect


def _seat(view: AgreementView, position: str, plan: str | None) -> SeatView:
    """The seat of a position; with several plans, that of (or towards) the plan that is asked for."""
    if position not in set(Position) or Position(position) not in REQUIRED_FOR_MOU:
        raise NotFound("An MOU names no such position.")
    plan = plan or view.row.plan
    for one in view.seats:
        if one.seat.position == position and plan in (one.seat.organization, one.seat.counterpart):
            return one
    raise NotFound("This MOU has no such position.")


def _may_name(request: WebRequest, view: AgreementView, seat: SeatView) -> bool:
    actor = actor_of(request)
    own = seat.seat.organization == actor.organization
    if view.state in BEFORE_EXECUTION:
        return actor.can("mou.write")
    return view.state in IN_FORCE and own and actor.can("mou.write")


async def _position_page(
    request: WebRequest,
    view: AgreementView,
    seat: SeatView,
    form: Form[Any],
    end_form: Form[EndForm] | None = None,
    told_form: Form[ToldForm] | None = None,
) -> Response[Any]:
    people = [(one.id, one.name) for one in await directory.people(seat.seat.organization)]
    owed = [
        duty
        for duty in await duties.duties_of(("Agreement", view.id), clock.today())
        if duty.rule.startswith("contact-change") and duty.state == "open"
        and duty.organization == seat.seat.organization
    ]  # fmt: skip
    failed = next((one for one in (form, end_form, told_form) if one is not None and one.summary), form)
    return page(
        request,
        "mou/position.html",
        title=f"{NAMES[seat.seat.position]} of {seat.seat.organization_name}",
        form=failed,
        naming=form,
        ending=end_form,
        telling=told_form,
        status=failed.status,
        view=view,
        row=view.row,
        seat=seat,
        history=await directory.tenures(seat.seat.organization, seat.seat.counterpart, seat.seat.position),
        people=people,
        may_name=_may_name(request, view, seat),
        own=seat.seat.organization == actor_of(request).organization,
        told=owed,
        address=f"/mous/{view.id}/positions/{seat.seat.position.value}{_query(view, seat)}",
        path_of_position=f"/mous/{view.id}/positions/{seat.seat.position.value}",
        query=_query(view, seat),
        **words(),
    )


def _query(view: AgreementView, seat: SeatView) -> str:
    plan = next((p for p in (seat.seat.organization, seat.seat.counterpart) if p != view.row.county), view.row.plan)
    return "" if plan == view.row.plan else f"?plan={plan}"


async def _found(request: WebRequest, agreement_id: str, position: str) -> tuple[AgreementView, SeatView]:
    view = await queries.agreement(actor_of(request), agreement_id)
    return view, _seat(view, position, request.query_params.get("plan"))


def _first_day(view: AgreementView) -> date:
    """Before the MOU takes effect people are named for that day."""
    effective = view.row.effective_date
    return max(clock.today(), effective) if effective and view.state in BEFORE_EXECUTION else clock.today()


@get("/mous/{agreement_id:str}/positions/{position:str}", opt={"needs": "mou.read"})
async def show_position(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], position: FromPath[str]
) -> Response[Any]:
    view, seat = await _found(request, agreement_id, position)
    form = Form.blank(PositionForm, from_date=_first_day(view))
    return await _position_page(request, view, seat, form)


@post("/mous/{agreement_id:str}/positions/{position:str}", opt={"needs": "mou.write"})
async def name_position(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], position: FromPath[str]
) -> Response[Any]:
    view, seat = await _found(request, agreement_id, position)
    form = await Form.read(request, PositionForm)
    if form.ok:
        data = form.data
        somebody_new = any((data.given, data.family, data.email, data.phone, data.title))
        new = NewPerson(data.given, data.family, data.email, data.phone, data.title or None)
        try:
            await actions.name_position(
                actor_of(request),
                agreement_id,
                organization=seat.seat.organization,
                counterpart=seat.seat.counterpart,
                position=seat.seat.position,
                person=data.person or None,
                new_person=new if somebody_new else None,
                deputy=data.deputy or None,
                from_date=data.from_date,
                note=data.note or None,
            )
            return redirect(f"/mous/{agreement_id}#positions", flash=f"{NAMES[seat.seat.position]} named.")
        except Refusal as refusal:
            form.refuse(refusal)
    return await _position_page(request, view, seat, form)


@post("/mous/{agreement_id:str}/positions/{position:str}/end", opt={"needs": "mou.write"})
async def end_position(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], position: FromPath[str]
) -> Response[Any]:
    view, seat = await _found(request, agreement_id, position)
    form = await Form.read(request, EndForm)
    if form.ok:
        data = form.data
        try:
            await actions.end_position(
                actor_of(request), agreement_id, data.appointment, data.until_date, data.note or None
            )
            return redirect(f"/mous/{agreement_id}#positions", flash="The last day is recorded.")
        except Refusal as refusal:
            form.refuse(refusal)
    return await _position_page(
        request, view, seat, Form.blank(PositionForm, from_date=_first_day(view)), end_form=form
    )


@post("/mous/{agreement_id:str}/positions/{position:str}/told", opt={"needs": "mou.write"})
async def record_told(
    request: Request[Any, Any, Any], agreement_id: FromPath[str], position: FromPath[str]
) -> Response[Any]:
    view, seat = await _found(request, agreement_id, position)
    form = await Form.read(request, ToldForm)
    if form.ok:
        data = form.data
        try:
            await actions.record_told(actor_of(request), agreement_id, data.rule, data.period, data.on, data.how)
            return redirect(f"/mous/{agreement_id}#positions", flash="It is recorded that they were told.")
        except Refusal as refusal:
            form.refuse(refusal)
    return await _position_page(
        request, view, seat, Form.blank(PositionForm, from_date=_first_day(view)), told_form=form
    )


ROUTES: list[Any] = [show_position, name_position, end_position, record_told]
