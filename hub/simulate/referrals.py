"""Referrals as rows: request, Task, every version of both, outcome, history, and what was owed at each step."""

from __future__ import annotations

from collections.abc import Mapping

from hub.referrals import document
from hub.referrals.rules import (
    BUSINESS_STATUS,
    ENDED,
    SERVICE_WORDS,
    WORDS,
    ClosureReason,
    Event,
    Status,
    closure_reason,
)
from hub.simulate.duties import LIAISON, Duties, End, Who
from hub.simulate.rows import Rows
from hub.simulate.rules import Moment, ids
from hub.simulate.story import Step, Stories, Story
from hub.simulate.templates import Gaps, Template, gap
from hub.simulate.world import Side, World

_IN_WORK = (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD)
_SAID = {status: words.lower() for status, words in WORDS.items()}
_ACCEPTED, _REQUESTED = Status.ACCEPTED, Status.REQUESTED


class Referrals:
    """Makes the rows of referrals by their numbers."""

    def __init__(self, world: World, stories: Stories, versions: Mapping[str, str]) -> None:
        seed = world.size.seed
        self._world, self._stories = world, stories
        self._duties = Duties(world.days, seed, "task", versions)
        self._request_id, self._task_id, self._done_id = ids(seed, "request"), ids(seed, "task"), ids(seed, "done")
        self._version_id, self._event_id = ids(seed, "taskv"), ids(seed, "taskev")
        self._output_id, self._named_id = ids(seed, "output"), ids(seed, "named")
        self._forms: dict[tuple[object, ...], Template] = {}

    def add(self, rows: Rows, number: int) -> bool:
        """False where the State has nobody to refer."""
        story = self._stories.tell(number)
        if story is None:
            return False
        _Referral(self, rows, story).write()
        return True


class _Referral:
    """One referral on its way into rows."""

    def __init__(self, maker: Referrals, rows: Rows, story: Story) -> None:
        self.maker, self.rows, self.story = maker, rows, story
        pair = story.member.pair
        self.requester, self.owner = (pair.plan, pair.county) if story.to_county else (pair.county, pair.plan)
        sent = story.sent
        self.request = maker._request_id(sent.ids, story.number)
        self.task = maker._task_id(sent.ids, story.number)
        self._versions = story.number * 16

    def _who(self, side: Side, at: Moment) -> tuple[Who, str]:
        """Who acts for a side, and how. An owner to whom the consent gives nothing any more has the page."""
        story, pair = self.story, self.story.member.pair
        if side is pair.county:
            return Who(pair.county_liaison.id, pair.county_liaison.name), "page"
        revoked = story.consent.revoked
        blind = side is self.owner and revoked is not None and at.day >= revoked.day
        if story.over_api and side.system and not blind:
            return Who(side.system, side.system_name), "fhir"
        return Who(pair.plan_liaison.id, pair.plan_liaison.name), "page"

    def _keep(self, kind: str, row_id: str, version: int, at: Moment, source: str, text: str) -> None:
        self._versions += 1
        self.rows["resource_version"].append((
            self.maker._version_id(at.ids, self._versions), kind, row_id, version, "POST" if version == 1 else "PUT",
            at.row, source, text,
        ))  # fmt: skip

    def write(self) -> None:
        story, rows, text = self.story, self.rows, self.maker._world.days.text
        sent, member, service = story.sent, story.member.id, story.service
        self._write_request()
        by, channel = self._who(self.requester, sent)
        values = (self.task, sent.fhir, sent.fhir, self.request, member, self.requester.id, self.owner.id)
        document_text = self._task_form(_REQUESTED, 1, None, None, False).fill(*values)
        self._keep("Task", self.task, 1, sent, self.requester.id, document_text)
        self._event("send", None, _REQUESTED, sent, by, self.requester, channel, 1, None)
        status, version, updated = _REQUESTED, 1, sent
        accepted = ended = reason = None
        for step in story.steps:
            status, version, updated = step.after, version + 1, step.at
            actor = self.owner if step.by_owner else self.requester
            by, channel = self._who(actor, step.at)
            procedure = self._write_outcome(step, actor) if step.event is Event.COMPLETE else None
            filled: tuple[str, ...] = (self.task, step.at.fhir, *values[2:])
            if step.reason:
                filled = (*filled, step.reason)
            if procedure:
                filled = (*filled, procedure)
            form = self._task_form(status, version, step.reason or None, step.closure, procedure is not None)
            document_text = form.fill(*filled)
            self._keep("Task", self.task, version, step.at, actor.id, document_text)
            self._event(
                step.event.value, step.before, status, step.at, by, actor, channel, version, step.reason or None
            )
            if status is _ACCEPTED:
                accepted = text[step.at.day]
            if status in ENDED:
                ended = text[step.at.day]
                found = closure_reason(status, step.closure.value if step.closure else None)
                reason = found.value if found else None
        business = BUSINESS_STATUS.get(status)
        rows["task"].append((
            self.task, version, updated.row, self.requester.id, document_text, status.value,
            business[0] if business else None, self.request, member, self.requester.id, self.owner.id, service.value,
            story.priority, sent.row, text[sent.day], accepted, ended, reason,
            text[story.closed.day] if story.closed else None,
        ))  # fmt: skip
        self._write_duties()

    def _write_request(self) -> None:
        story, rows, sent = self.story, self.rows, self.story.sent
        member, service = story.member.id, story.service
        values: tuple[str, ...] = (
            self.request,
            sent.fhir,
            sent.fhir,
            member,
            self.requester.id,
            self.owner.id,
            story.need,
        )
        if story.named:
            values = (*values, story.consent.id)
            rows["request_consent"].append(
                (self.maker._named_id(sent.ids, story.number), self.request, story.consent.id)
            )
        document_text = self._request_form("active", 1).fill(*values)
        self._keep("ServiceRequest", self.request, 1, sent, self.requester.id, document_text)
        status, version, updated = "active", 1, sent.row
        if story.closed is not None:
            version, updated = 2, story.closed.row
            status = "revoked" if story.steps[-1].after is Status.CANCELLED else "completed"
            document_text = self._request_form(status, 2).fill(values[0], story.closed.fhir, *values[2:])
            self._keep("ServiceRequest", self.request, 2, story.closed, self.requester.id, document_text)
        rows["service_request"].append((
            self.request, version, updated, self.requester.id, document_text, status, "order", story.priority, member,
            self.requester.id, self.owner.id, service.value, SERVICE_WORDS[service], sent.row,
        ))  # fmt: skip

    def _write_outcome(self, step: Step, actor: Side) -> str:
        story, at = self.story, step.at
        procedure = self.maker._done_id(at.ids, story.number)
        on = self.maker._world.days.text[at.day]
        document_text = self._outcome_form().fill(
            procedure, at.fhir, self.request, story.member.id, step.outcome, on, actor.id
        )
        self._keep("Procedure", procedure, 1, at, actor.id, document_text)
        self.rows["procedure"].append((
            procedure, 1, at.row, actor.id, document_text, "completed", story.member.id, self.request, actor.id, on,
        ))  # fmt: skip
        self.rows["task_output"].append((self.maker._output_id(at.ids, story.number), self.task, procedure))
        return procedure

    def _event(
        self, event: str, before: Status | None, after: Status, at: Moment, by: Who, side: Side, channel: str,
        version: int, note: str | None,
    ) -> None:  # fmt: skip
        self.rows["referral_event"].append((
            self.maker._event_id(at.ids, self.story.number * 16 + version), self.task, event,
            before.value if before else None, after.value, by.id, by.name, side.id, channel,
            self.maker._world.days.text[at.day], at.row, version, note,
        ))  # fmt: skip

    def _write_duties(self) -> None:
        """As `hub.referrals.actions.clocks` opens and settles them."""
        story, number = self.story, self.story.number * 8
        steps, requester, owner = story.steps, self.requester, self.owner
        words = SERVICE_WORDS[story.service]
        end = None
        if steps:
            said = _SAID[steps[0].after]
            answered = steps[0].after in (Status.ACCEPTED, Status.REJECTED)
            how = f"Answered: {said}." if answered else f"No answer is owed any more: {said}."
            end = End(steps[0].at, self._actor(steps[0]), how, not answered)
        self._duty(
            number, "referral-answer", owner, requester, f"Answer the referral for {words}",
            f"{requester.short} waits for the answer of {owner.short}.", story.sent,
            self._who(requester, story.sent)[0], end,
        )  # fmt: skip
        for place, step in enumerate(steps):
            if step.after in _IN_WORK:
                end = None
                if place + 1 < len(steps):
                    after = steps[place + 1]
                    end = End(after.at, self._actor(after), f"It moved on: {_SAID[after.after]}.")
                self._duty(
                    number + 1 + place, "referral-progress", owner, requester, f"Work on the referral for {words}",
                    f"{owner.short} accepted it; nothing recorded since.", step.at, self._actor(step), end,
                    f"v{place + 2}",
                )  # fmt: skip
            elif step.after is not Status.VOID:
                end = None
                if story.closed is not None:
                    by = self._who(requester, story.closed)[0]
                    end = End(story.closed, by, "The requester closed its ServiceRequest.")
                self._duty(
                    number + 7, "referral-close-own", requester, owner, f"Close the loop on the referral for {words}",
                    f"{owner.short} ended it: {_SAID[step.after]}. {requester.short} closes its request.", step.at,
                    self._actor(step), end,
                )  # fmt: skip

    def _actor(self, step: Step) -> Who:
        return self._who(self.owner if step.by_owner else self.requester, step.at)[0]

    def _duty(
        self, number: int, rule: str, owes: Side, other: Side, title: str, why: str, opened: Moment, by: Who,
        end: End | None, period: str | None = None,
    ) -> None:  # fmt: skip
        self.maker._duties.add(
            self.rows, number, rule, ("Task", self.task), owes, other, LIAISON[owes.kind], title, why, opened, by, end,
            period=period, member=self.story.member.id,
        )  # fmt: skip

    def _request_form(self, status: str, version: int) -> Template:
        story = self.story
        key = ("request", story.service, story.named, status)
        found = self.maker._forms.get(key)
        if found is None:
            gaps = Gaps("at", "sent")
            told = document.service_request(
                member=gap("member"), service=story.service, requester=gap("requester"), performer=gap("performer"),
                at=gaps.instant("sent"), need=gap("need"), priority=story.priority,
                consents=(gap("consent"),) if story.named else (),
            )  # fmt: skip
            names = ["id", "at", "sent", "member", "requester", "performer", "need"]
            names += ["consent"] if story.named else []
            found = Template({**told, "status": status}, version, names, gaps)
            self.maker._forms[key] = found
        return found

    def _task_form(
        self, status: Status, version: int, reason: str | None, closure: ClosureReason | None, outcome: bool
    ) -> Template:
        key = ("task", self.story.priority, status, version, reason is None, closure, outcome)
        found = self.maker._forms.get(key)
        if found is None:
            gaps = Gaps("at", "sent")
            told = document.task(
                service_request=gap("request"), member=gap("member"), requester=gap("requester"), owner=gap("owner"),
                at=gaps.instant("sent"), priority=self.story.priority,
            )  # fmt: skip
            if status is not _REQUESTED:
                told = document.apply_step(
                    told, status, gaps.instant("at"), reason=gap("reason") if reason else "", closure=closure,
                    procedure_id=gap("procedure") if outcome else None,
                )  # fmt: skip
            names = ["id", "at", "sent", "request", "member", "requester", "owner"]
            names += [*(["reason"] if reason else []), *(["procedure"] if outcome else [])]
            found = Template(told, version, names, gaps)
            self.maker._forms[key] = found
        return found

    def _outcome_form(self) -> Template:
        found = self.maker._forms.get(("outcome",))
        if found is None:
            gaps = Gaps("at", "on")
            told = document.procedure(
                member=gap("member"), service_request=gap("request"), performer=gap("performer"), words=gap("words"),
                on=gaps.day("on").isoformat(),
            )  # fmt: skip
            found = Template(told, 1, ["id", "at", "request", "member", "words", "on", "performer"], gaps)
            self.maker._forms["outcome",] = found
        return found
