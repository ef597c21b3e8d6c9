"""MOUs from their record to today, step by step as the actions of `hub.mou` write them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from hub.demo.words import COUNTY_SHARES, PLAN_SHARES, TERMS
from hub.directory.rules import NAMES, Position
from hub.kernel.calendar import add_months, long_date
from hub.mou.rules import ELEMENT_WORDS, SECTION_NAMES, DataElement, Section
from hub.simulate.duties import RESPONSIBLE, Duties, End, Who
from hub.simulate.rows import Rows, put
from hub.simulate.rules import Moment, ids, mix, stream
from hub.simulate.stage import Stage
from hub.simulate.world import Pair, Side, Staff, World

REVIEWS = (
    ("mou-annual-review", "Review the MOU with {other}"),
    ("exhibit-c-review", "Review the data elements of Exhibit C with {other}"),
)
_EFFORTS = (
    "First call with the plan’s contracting team; they asked for the template and our draft.",
    "Sent our redline of the referral section; no answer yet.",
    "Met by video: agreed on training, open on response times for discharges.",
)


def agreements(rows: Rows, world: World, stage: Stage, versions: Mapping[str, str]) -> None:
    """Every MOU of the State. `versions`: the ids of the rules' rows."""
    duties = Duties(world.days, world.size.seed, "mou", versions)
    for pair in world.pairs:
        _Mou(rows, world, stage, duties, pair).tell()


class _Mou:
    """One MOU while its story is told."""

    def __init__(self, rows: Rows, world: World, stage: Stage, duties: Duties, pair: Pair) -> None:
        self.rows, self.world, self.stage, self.duties, self.pair = rows, world, stage, duties, pair
        self._ids = {name: ids(world.size.seed, name) for name in ("party", "section", "element", "term", "mouev")}
        self._draw = mix(stream(world.size.seed, "moutale"), pair.number)
        self._count = pair.number * 4096
        self._second = 0
        self._day = 0
        self._duty = pair.number * 64
        self.version = 1
        self.state = "draft"
        self.county, self.plan = (
            Who(pair.county_liaison.id, pair.county_liaison.name),
            Who(pair.plan_liaison.id, pair.plan_liaison.name),
        )
        self.chief = Who(pair.county.responsible.id, pair.county.responsible.name)
        self.plan_chief = Who(pair.plan.responsible.id, pair.plan.responsible.name)

    def _next(self, name: str, at: Moment) -> str:
        self._count += 1
        return self._ids[name](at.ids, self._count)

    def _at(self, day: int) -> Moment:
        """The next moment of a day: what happens later has a later time."""
        self._second = self._second + 120 if day == self._day else 3600
        self._day = day
        return self.world.days.at(day, self._second)

    def _event(
        self, event: str, at: Moment, by: Who, note: str | None = None, to: str | None = None, on: int | None = None
    ) -> None:
        put(
            self.rows, "agreement_event", id=self._next("mouev", at), agreement=self.pair.agreement, event=event,
            from_state=self.state if to else None, to_state=to, actor_id=by.id, actor_name=by.name,
            effective_date=self.world.days.text[at.day if on is None else on], recorded_at=at.row, note=note,
        )  # fmt: skip
        self.state = to or self.state

    def tell(self) -> None:
        pair, days = self.pair, self.world.days
        at = self._at(pair.begun)
        parties = {side.kind: self._next("party", at) for side in (pair.county, pair.plan)}
        self._event("recorded", at, self.county, to="draft")
        signed: dict[str, int] = {}
        filled = dict.fromkeys(Section, "") if pair.stage == "draft" else self._negotiate()
        more: dict[str, Any] = {}
        if pair.stage in ("executed", "in_signature"):
            signed = self._sign()
        if pair.stage == "executed":
            more = self._execute()
        effective = pair.executed if pair.stage == "executed" else days.today + 45
        put(
            self.rows, "agreement", id=pair.agreement, kind="county-mcp-ihss",
            title=f"IHSS MOU of {pair.county.name} and {pair.plan.name}", county=pair.county.id, plan=pair.plan.id,
            state=self.state, effective_date=days.text[effective], end_date=None,
            executed_on=days.text[pair.executed] if pair.stage == "executed" else None, renewal="automatic",
            template="dhcs-ihss-2024", collects_consent_for_both=True,
            **{"document_name": None, "document_hash": None, "published_at": None, "published_on": None, **more},
            created_at=at.row, version=self.version,
        )  # fmt: skip
        for side, title in ((pair.county, "Director, Social Services Agency"), (pair.plan, "Chief Executive Officer")):
            day = signed.get(side.kind)
            put(
                self.rows, "agreement_party", id=parties[side.kind], agreement=pair.agreement, organization=side.id,
                role=side.kind, signatory=side.responsible.name if day is not None else None,
                signatory_title=title if day is not None else None,
                signed_on=days.text[day] if day is not None else None,
            )  # fmt: skip
        for section in Section:
            terms = filled[section]
            put(
                self.rows, "agreement_section", id=self._next("section", at), agreement=pair.agreement,
                section=section.value, terms=terms or None, complete=bool(terms), version=2 if terms else 1,
            )  # fmt: skip

    def _negotiate(self) -> dict[Section, str]:
        pair, days = self.pair, self.world.days
        start = days.on_or_after(pair.begun + 7)
        self._event("negotiate", self._at(start), self.county, to="negotiation")
        self.version += 1
        count = 10 if pair.stage != "negotiation" else 4 + self._draw % 6
        filled = dict.fromkeys(Section, "")
        for number, section in enumerate(list(Section)[:count]):
            at = self._at(days.on_or_after(start + 3 + number // 4 * 4))
            note = f"{SECTION_NAMES[section]}: complete"
            self._event("section_filled", at, self.plan if number % 3 else self.county, note)
            filled[section] = TERMS[section]
        if pair.stage == "negotiation":
            for number, note in enumerate(_EFFORTS):
                day = days.on_or_after(start + 16 + number * 5)
                if day < days.today:
                    self._event("effort", self._at(day), self.county, note)
        return filled

    def _sign(self) -> dict[str, int]:
        """Exhibit C, the four named people, and who has signed on which day."""
        pair, days = self.pair, self.world.days
        executed = pair.stage == "executed"
        day = days.on_or_before(pair.executed - 12) if executed else days.on_or_before(days.today - 9)
        start = pair.executed if executed else days.today + 45
        shares = (
            (pair.county, pair.plan, COUNTY_SHARES, self.county),
            (pair.plan, pair.county, PLAN_SHARES, self.plan),
        )
        for side, other, elements, who in shares:
            at = self._at(day)
            named = ", ".join(ELEMENT_WORDS[one][0].lower() for one in DataElement if one in elements)
            self._event("elements_agreed", at, who, f"{side.name} shares with {other.name}: {named}")
            self.version += 1
            for element in sorted(elements):
                put(
                    self.rows, "agreement_element", id=self._next("element", at), agreement=pair.agreement,
                    discloser=side.id, recipient=other.id, element=element.value,
                )  # fmt: skip
        people: tuple[tuple[Side, Side, Position, Staff, Staff | None, Who], ...] = (
            (pair.county, pair.plan, Position.IHSS_RESPONSIBLE_PERSON, pair.county.responsible, None, self.county),
            (pair.county, pair.plan, Position.IHSS_LIAISON, pair.county_liaison, pair.county_deputy, self.county),
            (pair.plan, pair.county, Position.MCP_RESPONSIBLE_PERSON, pair.plan.responsible, None, self.plan),
            (pair.plan, pair.county, Position.MCP_IHSS_LIAISON, pair.plan_liaison, pair.plan_deputy, self.plan),
        )
        for side, other, position, person, deputy, who in people:
            at = self._at(day)
            self.stage.appoint(self.rows, side, other, position, person, deputy, start, at, who)
            words = f"{NAMES[position]} of {side.name}: {person.name} from {long_date(days.dates[start])}"
            self._event("position_named", at, who, words, on=start)
        self._event("send_for_signature", self._at(day), self.county, to="in_signature")
        self.version += 1
        signed = {"plan": days.on_or_before(pair.executed - 3) if executed else days.on_or_before(days.today - 3)}
        if executed:
            signed["county"] = pair.executed
        for kind, on in signed.items():
            side, who = (pair.plan, self.plan_chief) if kind == "plan" else (pair.county, self.chief)
            note = f"{side.responsible.name} signed for {side.name} on {long_date(days.dates[on])}"
            self._event("signed", self._at(on), who, note)
            self.version += 1
        return signed

    def _execute(self) -> dict[str, Any]:
        pair, days = self.pair, self.world.days
        name = f"IHSS MOU {pair.county.short} {pair.plan.short}.pdf"
        self._event("document_recorded", self._at(pair.executed), self.chief, name)
        at = self._at(pair.executed)
        self._event("execute", at, self.chief, to="executed")
        self.version += 2
        for side, other, elements in (
            (pair.plan, pair.county, PLAN_SHARES),
            (pair.county, pair.plan, COUNTY_SHARES),
        ):
            for element in sorted(elements):
                put(
                    self.rows, "mou_term", id=self._next("term", at), agreement=pair.agreement, discloser=side.id,
                    recipient=other.id, element=element.value, from_date=days.text[pair.executed], until_date=None,
                )  # fmt: skip
        more = self._publish(at)
        self._review(at)
        digest = hashlib.sha256(f"{pair.county.name} {pair.plan.name}".encode()).hexdigest()
        return {"document_name": name, "document_hash": digest, **more}

    def _publish(self, executed: Moment) -> dict[str, Any]:
        """Most are posted in time, some late, and a few not yet."""
        pair, days, draw = self.pair, self.world.days, (self._draw >> 8) % 20
        after = 6 + (self._draw >> 16) % 20 if draw < 16 else 34 + (self._draw >> 16) % 20
        day = days.on_or_after(executed.day + after)
        at = None if draw == 19 or day > days.last else self._at(day)
        words = long_date(days.dates[executed.day])
        self._duty += 1
        self.duties.add(
            self.rows, self._duty, "mou-published", ("Agreement", pair.agreement), pair.plan, pair.county,
            RESPONSIBLE["plan"], f"Post the executed MOU with {pair.county.name} on the plan’s website",
            f"The MOU was executed on {words}; an executed MOU is posted.", executed, self.chief,
            End(at, self.plan_chief, "Posted") if at else None,
        )  # fmt: skip
        if at is None:
            return {}
        address = f"https://www.{pair.plan.key}.example/mous/{pair.county.key}-ihss"
        self._event("published", at, self.plan_chief, address)
        self.version += 1
        return {"published_at": address, "published_on": days.text[day]}

    def _review(self, opened: Moment) -> None:
        """Both sides owe a review each year; some are late."""
        pair, days = self.pair, self.world.days
        by, turn = self.chief, 0
        while True:
            turn += 1
            start = days.dates[opened.day]
            draw = mix(self._draw, turn)
            due = days.number(add_months(start, 12))
            done = days.on_or_before(due - draw % 60) if draw % 10 else days.on_or_after(due + 5 + draw % 40)
            begun = days.on_or_before(done - 10)
            end = None
            if begun <= days.last:
                self._event("begin_review", self._at(begun), self.chief, to="in_annual_review")
                self.version += 1
            if done <= days.last:
                note = "Reviewed by both responsible persons; Exhibit C stays as it is."
                end = End(self._at(done), self.chief, note)
                self._event("complete_review", end.at, self.chief, note, to="executed")
                self.version += 1
            for rule, title in REVIEWS:
                for side, other in ((pair.county, pair.plan), (pair.plan, pair.county)):
                    self._duty += 1
                    self.duties.add(
                        self.rows, self._duty, rule, ("Agreement", pair.agreement), side, other,
                        RESPONSIBLE[side.kind], title.format(other=other.name),
                        f"Each year of an executed MOU; the last one began on {long_date(start)}.", opened, by, end,
                        period=start.isoformat(),
                    )  # fmt: skip
            if end is None:
                return
            opened = end.at
