"""Writing mail, in the transaction of the news that it brings; `jobs` sends it."""

from __future__ import annotations

from hub.audit.actions import Entry, record
from hub.db.engine import add, look_up, write
from hub.db.transaction import unit_of_work
from hub.directory import queries as directory
from hub.duties import queries as duties
from hub.duties.rules import Event, State, whom_to_tell
from hub.jobs.actions import done_here, enqueue
from hub.kernel import clock
from hub.kernel.actor import HUB, Actor
from hub.kernel.ids import new_id

SEND = "mail:send"


@unit_of_work
async def send_mail(
    actor: Actor,
    person_id: str,
    subject: str,
    body: str,
    *,
    calendar: str | None = None,
    method: str | None = None,
    link: str | None = None,
    once: str | None = None,
) -> str | None:
    """Write a mail to a person and ask for its sending. None if they have left, or got this news already.

    `subject` and `body` hold nothing about a member; `link` is the path of the page to look at; `calendar` is an
    iCalendar object, with its `method`. `once` names the news: with the same name there is one mail.
    """
    person = await directory.person(person_id)
    if not person.active:
        return None
    mail_id = new_id()
    news = once or mail_id
    if await look_up("SELECT id FROM mail WHERE once = {}", news):
        return None
    await add(
        "mail",
        {
            "id": mail_id,
            "once": news,
            "to_person": person_id,
            "to_address": person.email,
            "subject": subject,
            "body": body,
            "link": link,
            "calendar": calendar,
            "calendar_method": method,
            "created_at": clock.now(),
        },
    )
    await enqueue(SEND, {"mail": mail_id}, unique_key=f"{SEND}:{mail_id}", organization=person.organization)
    await record(actor, Entry("notifications:mail:write", "Mail", mail_id, detail={"to": person_id, "about": link}))
    return mail_id


@unit_of_work
async def mark_sent(mail_id: str) -> None:
    """The mail server has taken it. True whoever has the job now, so it is kept even where the lease was lost."""
    await write("UPDATE mail SET sent_at = {} WHERE id = {} AND sent_at IS NULL", clock.now(), mail_id)


_SUBJECTS = {Event.OVERDUE: "Overdue: {}", Event.ESCALATED: "Escalated to you: {}"}
_FIRST_LINES = {
    Event.OVERDUE: "This is overdue and stands at the top of your work list.",
    Event.ESCALATED: "This is still not done, so it has become your work too, as the responsible person.",
}


@unit_of_work
async def notify_duty(duty_id: str, step: str) -> str | None:
    """Tell whoever answers for a duty that it is overdue, or that it has come up to them. Once for each step."""
    await done_here()
    event, today = Event(step), clock.today()
    duty = await duties.notice(duty_id, today)
    if duty is None or duty.state != State.OPEN:
        return None  # it was done before the mail was written
    position = duty.escalate_position if event is Event.ESCALATED else duty.position
    kind = (await directory.organization(duty.organization)).kind
    person = whom_to_tell(
        position or duty.position,
        duty.counterpart,
        seats=await duties.seats_of(duty.organization, today),
        responsible=duties.responsible_position(kind),
        on=today,
    )
    if person is None:
        return None
    partner = f"\nPartner: {duty.counterpart_name}" if duty.counterpart_name else ""
    body = f"{_FIRST_LINES[event]}\n\n{duty.title}\nWhy: {duty.why}{partner}\nWhen: {duty.due_words}"
    return await send_mail(
        HUB,
        person,
        _SUBJECTS[event].format(duty.title),
        body,
        link=f"/duties/{duty.id}",
        once=f"duty:{duty.id}:{step}",
    )
