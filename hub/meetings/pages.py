"""Pages of the quarterly meetings."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from hub.directory import queries as directory
from hub.kernel import clock
from hub.kernel.calendar import Quarter
from hub.kernel.errors import BadRequest, Invalid, Stale
from hub.meetings import actions, queries
from hub.meetings.agenda_pages import ROUTES as AGENDA_ROUTES
from hub.meetings.forms import Cancel, Hold, Minutes, Move, NewMeeting, Posting, Versioned
from hub.meetings.invitation import Method, calendar_text
from hub.meetings.item_pages import ROUTES as ITEM_ROUTES
from hub.meetings.queries import MeetingRow
from hub.meetings.rules import Act, QuarterState, State, next_act, propose_days
from hub.web.forms import Form
from hub.web.page import Html, WebRequest, actor_of, page, redirect

READ, WRITE = {"needs": "meeting.read"}, {"needs": "meeting.write"}

STATE_WORDS = {
    QuarterState.NONE: "No meeting this quarter",
    QuarterState.SCHEDULED: "Scheduled this quarter",
    QuarterState.HELD: "Held this quarter",
}


@get("/meetings", opt=READ)
async def register(request: WebRequest) -> Html:
    actor, today = actor_of(request), clock.today()
    everything = await queries.partnerships(actor, today)
    chosen = request.query_params.get("show", "")
    tabs = [("All", "/meetings", chosen == "", len(everything))]
    for state, words in STATE_WORDS.items():
        number = sum(p.binding and p.state is state for p in everything)
        tabs.append((words, f"/meetings?show={state}", chosen == state, number))
    shown = [p for p in everything if not chosen or (p.binding and p.state == chosen)]
    return page(
        request,
        "meetings/register.html",
        title="Quarterly meetings",
        partnerships=shown,
        any=bool(everything),
        tabs=tabs,
        words=STATE_WORDS,
        quarter=Quarter.of(today),
        open_items=len(await queries.action_items(actor, open_only=True)),
    )


async def _mou_options(request: WebRequest) -> list[tuple[str, str]]:
    known = await queries.partnerships(actor_of(request), clock.today())
    return [(p.agreement, f"{p.partner_name} – {p.title}") for p in known if p.binding]


async def _new_page(request: WebRequest, form: Form[NewMeeting]) -> Html:
    today = clock.today()
    options = await _mou_options(request)
    return page(
        request,
        "meetings/new.html",
        title="Schedule a quarterly meeting",
        status=form.status,
        form=form,
        options=options,
        proposals=propose_days(today, await directory.holidays()),
    )


@get("/meetings/new", opt=WRITE)
async def new(request: WebRequest) -> Html:
    days = propose_days(clock.today(), await directory.holidays())
    asked, options = request.query_params.get("agreement", ""), await _mou_options(request)
    only = options[0][0] if len(options) == 1 else ""
    known = {"agreement": asked or only, "minutes_long": 60}
    first = {"starts_on": days[0], "starts_at": "10:00"} if days else {}
    return await _new_page(request, Form.blank(NewMeeting, **known, **first))


@post("/meetings/new", opt=WRITE)
async def create(request: WebRequest) -> Response[Any]:
    form = await Form.read(request, NewMeeting)
    if form.ok:
        data = form.data
        try:
            made = await actions.schedule(
                actor_of(request), data.agreement, data.instant, data.minutes_long, data.place
            )
            return redirect(f"/meetings/{made}", "Meeting scheduled. Look over the agenda, then invite.")
        except Invalid as refusal:
            form.refuse(refusal)
    return await _new_page(request, form)


@get("/meetings/{meeting_id:str}", opt=READ)
async def show(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    actor, today = actor_of(request), clock.today()
    row = await queries.meeting(actor, meeting_id)
    items, hidden = await queries.agenda(actor, row.id)
    present = await queries.attendance(row.id)
    act = next_act(
        row.state,
        day=row.day,
        today=today,
        invited=any(one.invited for one in present),
        minuted=row.minuted_on is not None,
        posted=row.posted_on is not None,
        by_plan=actor.organization == row.plan,
    )
    return page(
        request,
        "meetings/show.html",
        title=row.title,
        meeting=row,
        partner=row.partner_of(actor.organization),
        agenda=queries.grouped([item for item in items if not item.removed]),
        hidden=hidden,
        attendance=present,
        seats=[] if present else await queries.seats(row),
        items=await queries.action_items(actor, meeting=row.id),
        events=await queries.events(row.id),
        act=act if actor.can("meeting.write") else None,
        Act=Act,
        State=State,
        by_plan=actor.organization == row.plan,
        next_duty=await queries.posting_duty(row),
    )


@get("/meetings/{meeting_id:str}/invitation.ics", opt=READ)
async def invitation_file(request: WebRequest, meeting_id: FromPath[str]) -> Response[bytes]:
    row = await queries.meeting(actor_of(request), meeting_id)
    method = Method.CANCEL if row.state == State.CANCELLED else Method.REQUEST
    text = calendar_text(await queries.invitation(row), clock.now(), method)
    return Response(
        text.encode(),
        media_type=f"text/calendar; charset=utf-8; method={method.value}",
        headers={"Content-Disposition": f'attachment; filename="quarterly-meeting-{row.day}.ics"'},
    )


@post("/meetings/{meeting_id:str}/invite", opt=WRITE)
async def send_invitation(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    form = await Form.read(request, Versioned)
    if not form.ok:
        raise BadRequest("The form was not complete. Go back and try again.")
    sent = await actions.invite(actor_of(request), meeting_id, form.data.version)
    return redirect(f"/meetings/{meeting_id}", f"Invitation sent to {sent} people.")


async def _step_page(
    request: WebRequest, template: str, title: str, row: MeetingRow, form: Form[Any], **context: Any
) -> Html:
    heading = f"{title}: {row.county_name} and {row.plan_name}"
    return page(
        request, f"meetings/{template}.html", title=heading, status=form.status, form=form, meeting=row, **context
    )


@get("/meetings/{meeting_id:str}/move", opt=WRITE)
async def move_form(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    row = await queries.meeting(actor_of(request), meeting_id)
    local = row.starts_at.astimezone(clock.CALIFORNIA)
    form = Form.blank(
        Move,
        starts_on=local.date(),
        starts_at=local.strftime("%H:%M"),
        minutes_long=row.minutes_long,
        place=row.place,
    )
    return await _step_page(request, "move", "Move the meeting", row, form)


@post("/meetings/{meeting_id:str}/move", opt=WRITE)
async def move(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    actor, form = actor_of(request), await Form.read(request, Move)
    if form.ok:
        data = form.data
        try:
            await actions.move(actor, meeting_id, data.version, data.instant, data.minutes_long, data.place, data.note)
            return redirect(f"/meetings/{meeting_id}", "Meeting moved. Who was invited has the new invitation.")
        except (Invalid, Stale) as refusal:
            form.refuse(refusal)
    row = await queries.meeting(actor, meeting_id)
    return await _step_page(request, "move", "Move the meeting", row, form)


@get("/meetings/{meeting_id:str}/cancel", opt=WRITE)
async def cancel_form(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    row = await queries.meeting(actor_of(request), meeting_id)
    return await _step_page(request, "cancel", "Cancel the meeting", row, Form.blank(Cancel))


@post("/meetings/{meeting_id:str}/cancel", opt=WRITE)
async def cancel(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    actor, form = actor_of(request), await Form.read(request, Cancel)
    if form.ok:
        try:
            await actions.cancel(actor, meeting_id, form.data.version, form.data.note)
            return redirect(f"/meetings/{meeting_id}", "Meeting cancelled. The quarter still needs one.")
        except (Invalid, Stale) as refusal:
            form.refuse(refusal)
    row = await queries.meeting(actor, meeting_id)
    return await _step_page(request, "cancel", "Cancel the meeting", row, form)


async def _hold_page(request: WebRequest, row: MeetingRow, form: Form[Hold]) -> Html:
    at_table = {
        s.person: (s.person, s.name, f"{s.organization_name}, {s.position_words}") for s in await queries.seats(row)
    }
    for one in await queries.attendance(row.id):
        at_table.setdefault(one.person, (one.person, one.name, one.organization_name))
    people = list(at_table.values())
    return await _step_page(request, "hold", "Record the meeting", row, form, people=people)


@get("/meetings/{meeting_id:str}/hold", opt=WRITE)
async def hold_form(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    row = await queries.meeting(actor_of(request), meeting_id)
    return await _hold_page(request, row, Form.blank(Hold, held_on=min(row.day, clock.today())))


@post("/meetings/{meeting_id:str}/hold", opt=WRITE)
async def hold(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    actor, form = actor_of(request), await Form.read(request, Hold)
    if form.ok:
        data = form.data
        try:
            await actions.hold(
                actor,
                meeting_id,
                data.version,
                held_on=data.held_on,
                attended=data.attended,
                others_present=data.others_present,
            )
            return redirect(f"/meetings/{meeting_id}/minutes", "Attendance recorded. Now the minutes.")
        except (Invalid, Stale) as refusal:
            form.refuse(refusal)
    return await _hold_page(request, await queries.meeting(actor, meeting_id), form)


async def _minutes_page(request: WebRequest, row: MeetingRow, form: Form[Minutes]) -> Html:
    actor = actor_of(request)
    items, hidden = await queries.agenda(actor, row.id)
    return await _step_page(
        request,
        "minutes",
        "Minutes",
        row,
        form,
        agenda=queries.grouped([item for item in items if not item.removed]),
        hidden=hidden,
        items=await queries.action_items(actor, meeting=row.id),
    )


@get("/meetings/{meeting_id:str}/minutes", opt=WRITE)
async def minutes_form(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    row = await queries.meeting(actor_of(request), meeting_id)
    form = Form.blank(Minutes, minutes=row.minutes or "", decisions=row.decisions or "")
    return await _minutes_page(request, row, form)


@post("/meetings/{meeting_id:str}/minutes", opt=WRITE)
async def minutes(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    actor, form = actor_of(request), await Form.read(request, Minutes)
    if form.ok:
        data, said = form.data, {}
        for name, words in form.raw.items():
            if name.startswith("discussed-"):
                said[name.removeprefix("discussed-")] = str(words)
        finish = data.act == "finish"
        try:
            await actions.minute(
                actor,
                meeting_id,
                data.version,
                minutes=data.minutes,
                decisions=data.decisions,
                discussed=said,
                finish=finish,
            )
            if data.act == "item":
                return redirect(f"/meetings/{meeting_id}/action-items/new")
            return redirect(f"/meetings/{meeting_id}", "Minutes finished." if finish else "Draft saved.")
        except (Invalid, Stale) as refusal:
            form.refuse(refusal)
    return await _minutes_page(request, await queries.meeting(actor, meeting_id), form)


@get("/meetings/{meeting_id:str}/post", opt=WRITE)
async def post_form(request: WebRequest, meeting_id: FromPath[str]) -> Html:
    row = await queries.meeting(actor_of(request), meeting_id)
    form = Form.blank(Posting, posted_on=clock.today())
    return await _step_page(request, "post", "Record the posting", row, form)


@post("/meetings/{meeting_id:str}/post", opt=WRITE)
async def record_posting(request: WebRequest, meeting_id: FromPath[str]) -> Response[Any]:
    actor, form = actor_of(request), await Form.read(request, Posting)
    if form.ok:
        data = form.data
        try:
            await actions.post(actor, meeting_id, data.version, posted_on=data.posted_on, where=data.where)
            return redirect(f"/meetings/{meeting_id}", "Posting recorded.")
        except (Invalid, Stale) as refusal:
            form.refuse(refusal)
    row = await queries.meeting(actor, meeting_id)
    return await _step_page(request, "post", "Record the posting", row, form)


ROUTES: list[Any] = [
    register,
    new,
    create,
    show,
    invitation_file,
    send_invitation,
    move_form,
    move,
    cancel_form,
    cancel,
    hold_form,
    hold,
    minutes_form,
    minutes,
    post_form,
    record_posting,
    *AGENDA_ROUTES,
    *ITEM_ROUTES,
]
SUBJECTS = {"Meeting": "/meetings/{id}", "ActionItem": "/action-items/{id}"}
