"""What the State writes past the actions is what the actions write for the same facts, to the letter.

The facts are taken from a small State; the actions of the features do the same at the same moments; the rows of both
are compared, with ids replaced by what they stand for.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from hub.consent.actions import record_consent, revoke
from hub.consent.document import consent
from hub.db.engine import Engine, add, fetch
from hub.duties.actions import escalate_overdue
from hub.kernel import clock
from hub.kernel.ids import new_id
from hub.kernel.jsontext import decode
from hub.members.actions import begin_to_serve, record_member
from hub.referrals import document
from hub.referrals.actions.desk import NewReferral, Outcome, close_loop, send_referral, take_step
from hub.referrals.actions.procedures import receive_procedure
from hub.referrals.actions.requests import receive_request
from hub.referrals.actions.tasks import change_task, receive_task
from hub.referrals.rules import Event, Status
from hub.simulate.members import Members
from hub.simulate.referrals import Referrals
from hub.simulate.rows import COLUMNS, empty
from hub.simulate.story import Step, Stories, Story
from tests.simulate.build import SMALL, TODAY, actor, small_state, small_world, stored, user
from tests.simulate.compare import KEYS, Told, told


class Replay:
    """Does with the actions what a story tells."""

    def __init__(self, story: Story) -> None:
        pair = story.member.pair
        self.story, self.pair = story, pair
        self.requester, self.owner = (pair.plan, pair.county) if story.to_county else (pair.county, pair.plan)
        self.task, self.version, self.status = "", 1, Status.REQUESTED

    async def _actor(self, side: Any, channel: str) -> Any:
        if side is self.pair.county:
            return await user(self.pair.county_liaison.id)
        return await actor(self.pair.plan.system if channel == "fhir" else self.pair.plan_liaison.id)

    async def run(self, channels: dict[int, str], closer: str) -> str:
        """`channels`: how each version of the Task came; `closer`: how the request was closed."""
        story = self.story
        moments: list[tuple[datetime, Any]] = [(story.sent.instant, None)]
        moments += [(step.at.instant, step) for step in story.steps]
        moments += [(story.closed.instant, "close")] if story.closed else []
        if story.consent.revoked:  # the State has it as it is today: it is put back, and taken back on its day
            await self._put_back()
            moments = sorted([*moments, (story.consent.revoked.instant, "revoke")], key=lambda moment: moment[0])
        for place, (at, what) in enumerate(moments):
            with clock.set_to(at):
                if what is None:
                    await self._send(channels[1])
                elif what == "revoke":
                    await fetch("DELETE FROM consent_grant WHERE consent = {}", story.consent.id)
                elif what == "close":
                    await close_loop(await self._actor(self.requester, closer), self.task)
                else:
                    await self._step(what, channels[self.version + 1])
            await self._nights(at, moments[place + 1][0] if place + 1 < len(moments) else None)
        return self.task

    async def _put_back(self) -> None:
        given, columns = self.story.consent, COLUMNS["consent_grant"]
        ways = [(given.by.id, given.to.id)] + ([(given.to.id, given.by.id)] if given.two_way else [])
        for discloser, recipient in ways:
            await add("consent_grant", dict(zip(columns, (
                new_id(), given.id, self.story.member.id, discloser, recipient, "TREAT", " ".join(given.labels),
                clock.legal_date(given.at.instant), None, None, None,
            ), strict=True)))  # fmt: skip

    async def _nights(self, after: datetime, until: datetime | None) -> None:
        """The hub's job runs at half past five every morning; for forty days, after which nothing more comes."""
        day = clock.legal_date(after) + timedelta(days=1)
        for _ in range(60):
            dawn = datetime.combine(day, time(5, 30), clock.CALIFORNIA)
            if (until is not None and dawn > until) or day >= TODAY:
                return
            with clock.set_to(dawn):
                await escalate_overdue(day)
            day += timedelta(days=1)

    async def _send(self, channel: str) -> None:
        story, at = self.story, clock.now()
        by = await self._actor(self.requester, channel)
        named = (story.consent.id,) if story.named else ()
        if channel == "page":
            new = NewReferral(story.member.id, self.owner.id, story.service, story.need, story.priority, named)
            self.task = await send_referral(by, new)
            return
        request = await receive_request(by, document.service_request(
            member=story.member.id, service=story.service, requester=self.requester.id, performer=self.owner.id, at=at,
            need=story.need, priority=story.priority, consents=named,
        ))  # fmt: skip
        self.task = (await receive_task(by, document.task(
            service_request=request.id, member=story.member.id, requester=self.requester.id, owner=self.owner.id,
            at=at, priority=story.priority,
        ))).id  # fmt: skip

    async def _step(self, step: Step, channel: str) -> None:
        by = await self._actor(self.owner if step.by_owner else self.requester, channel)
        if channel == "page":
            outcome = Outcome(step.outcome, clock.today()) if step.outcome else None
            await take_step(
                by, self.task, step.event, version=self.version, reason=step.reason, closure=step.closure,
                outcome=outcome,
            )  # fmt: skip
        else:
            await self._over_api(by, step)
        self.version, self.status = self.version + 1, step.after

    async def _over_api(self, by: Any, step: Step) -> None:
        row = (await fetch("SELECT document, service_request FROM task WHERE id = {}", self.task))[0]
        procedure = None
        if step.outcome:
            procedure = (await receive_procedure(by, document.procedure(
                member=self.story.member.id, service_request=row["service_request"], performer=by.home,
                words=step.outcome, on=clock.today().isoformat(),
            ))).id  # fmt: skip
        changed = document.apply_step(
            decode(row["document"]), step.after, clock.now(), reason=step.reason, closure=step.closure,
            procedure_id=procedure,
        )  # fmt: skip
        await change_task(by, self.task, changed)


async def referral_rows(task: str) -> Told:
    """Everything that hangs on a Task."""
    request = (await fetch("SELECT service_request FROM task WHERE id = {}", task))[0]["service_request"]
    found: Told = {
        "service_request": await stored("service_request", "WHERE id = {}", request),
        "task": await stored("task", "WHERE id = {}", task),
        "procedure": await stored("procedure", "WHERE service_request = {}", request),
        "task_output": await stored("task_output", "WHERE task = {}", task),
        "request_consent": await stored("request_consent", "WHERE service_request = {}", request),
        "referral_event": await stored("referral_event", "WHERE task = {}", task),
        "duty": await stored("duty", "WHERE subject_id = {}", task),
        "duty_event": await stored("duty_event", "WHERE duty IN (SELECT id FROM duty WHERE subject_id = {})", task),
    }
    ids = [task, request, *(str(row[0]) for row in found["procedure"])]
    marks = ", ".join("{}" for _ in ids)
    found["resource_version"] = await stored("resource_version", f"WHERE resource_id IN ({marks})", *ids)
    return found


def of_every_kind(stories: Stories, count: int) -> list[Story]:
    """The first referral of each kind: where it ends, who acts how, what happened on the way."""
    found: dict[tuple[object, ...], Story] = {}
    key: tuple[object, ...]
    for number in range(count):
        story = stories.tell(number)
        if story is not None:
            events = {step.event for step in story.steps}
            last = story.steps[-1].after if story.steps else Status.REQUESTED
            waited = bool(story.steps) and (story.steps[0].at.day - story.sent.day) > 12
            key = (last, story.to_county, story.over_api, Event.HOLD in events, waited)
            if story.consent.revoked is not None:
                key = ("revoked", story.over_api, story.to_county)
            found.setdefault(key, story)
    return list(found.values())


async def test_a_referral_of_the_state_is_what_the_actions_write_for_the_same_story(database: Engine) -> None:
    await small_state(database, referrals=0)
    world = small_world()
    members = Members(world)
    stories = Stories(world, members)
    versions = {row["rule"]: row["id"] for row in await fetch("SELECT rule, id FROM rule_version")}
    maker = Referrals(world, stories, versions)
    chosen = of_every_kind(stories, SMALL["referrals"])
    assert {story.steps[-1].after for story in chosen if story.steps} >= {
        Status.COMPLETED, Status.FAILED, Status.REJECTED, Status.CANCELLED, Status.VOID, Status.ACCEPTED,
    }  # fmt: skip
    known = {row["id"] for row in await fetch("SELECT id FROM member UNION SELECT id FROM consent")}
    for story in chosen:
        written = empty()
        assert maker.add(written, story.number)
        channels = {int(row[11] or 0): str(row[8]) for row in written["referral_event"]}
        closer = "fhir" if story.over_api else "page"
        task = await Replay(story).run(channels, closer)
        expected, found = told(written, known), told(await referral_rows(task), known)
        for table in KEYS:
            assert expected[table] == found[table], (story.number, table)


async def test_a_member_with_consents_is_what_the_actions_write(database: Engine) -> None:
    await small_state(database, members=1, referrals=0)
    await fetch("DELETE FROM consent_grant")
    world = small_world()
    members = Members(world)
    seen = set()
    for index in range(1, SMALL["members"]):
        member = members.member(index)
        kind = tuple((c.two_way, c.refused, c.revoked is None, c.until is None, c.labels) for c in member.consents)
        written = empty()
        members.add(written, index)
        members.add_consents(written, index)
        relations = tuple(row[3] for row in written["member_organization"])
        if (kind, relations) in seen or "claimed" in relations:
            continue
        seen.add((kind, relations))
        with clock.set_to(member.recorded.instant):
            source = next(side for side in world.sides if side.id == written["member"][0][3])
            told_document = decode(str(written["member"][0][4]))
            case = written["member"][0][COLUMNS["member"].index("case_number")]
            mine = await record_member(await user(source.liaisons[0].id), _bare(told_document), case)
            for row in written["member_organization"]:
                if row[2] != source.id:
                    await begin_to_serve(mine.id, str(row[2]), str(row[3]), None, _day(row[4]))
        known = {side.id for side in world.sides}
        for given in member.consents:
            await _give(mine.id, given)
        found = await _member_rows(mine.id)
        expected = told(written, known)
        for table, rows in told(found, known).items():
            assert expected[table] == rows, (index, table)
    assert len(seen) > 12


def _day(value: Any) -> Any:
    return datetime.fromisoformat(str(value)).date()


def _bare(told_document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told_document.items() if name not in ("id", "meta")}


async def _give(member: str, given: Any) -> None:
    text = small_world().days.dates
    with clock.set_to(given.at.instant):
        kept = await record_consent(
            await user(given.by.liaisons[0].id),
            consent(
                member=member, given_on=clock.today(), from_date=clock.today(),
                until_date=None if given.until is None else text[given.until],
                organizations=(given.by.id, given.to.id), two_way=given.two_way, form="ASCMI form, AB 133",
                labels=given.labels, refused=given.refused,
            ),
        )  # fmt: skip
    if given.revoked is not None:
        with clock.set_to(given.revoked.instant):
            await revoke(await user(given.by.liaisons[0].id), kept.id, 1)


async def _member_rows(member: str) -> Told:
    found: Told = {
        "member": await stored("member", "WHERE id = {}", member),
        "member_organization": await stored("member_organization", "WHERE member = {}", member),
        "consent": await stored("consent", "WHERE member = {}", member),
        "consent_party": await stored(
            "consent_party", "WHERE consent IN (SELECT id FROM consent WHERE member = {})", member
        ),
        "consent_grant": await stored("consent_grant", "WHERE member = {}", member),
    }
    ids = [member, *(str(row[0]) for row in found["consent"])]
    marks = ", ".join("{}" for _ in ids)
    found["resource_version"] = await stored("resource_version", f"WHERE resource_id IN ({marks})", *ids)
    return found
