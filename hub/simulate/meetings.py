"""Quarterly meetings from their invitation to what was posted and done afterwards, as `hub.meetings` writes them.

Left out is what the hub proposes for an agenda because of referrals that wait: that comes with the next refresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.demo.words import DECISIONS, ITEMS, MINUTES, PLACES, SAID
from hub.directory.rules import Position
from hub.kernel.calendar import Quarter, long_date, short_date
from hub.meetings.rules import Knows, OpenAction, propose_agenda
from hub.simulate.duties import LIAISON, THE_HUB, Duties, End, Who
from hub.simulate.rows import Rows, put
from hub.simulate.rules import Moment, ids, mix, stream
from hub.simulate.world import Pair, Side, Staff, World

_DAYS_BEFORE = 14  # working days between invitation and meeting


class _Item(NamedTuple):
    id: str
    title: str
    owner: Staff
    side: Side
    due: int
    made: int
    done: Moment | None


class _Seat(NamedTuple):
    person: Staff
    side: Side
    position: str


def meetings(rows: Rows, world: World, versions: Mapping[str, str]) -> None:
    """Those of every MOU in force. `versions`: the ids of the rules' rows."""
    duties = Duties(world.days, world.size.seed, "meeting", versions)
    for pair in world.executed:
        _Series(rows, world, duties, pair).tell()


class _Series:
    """The meetings of one MOU, quarter after quarter."""

    def __init__(self, rows: Rows, world: World, duties: Duties, pair: Pair) -> None:
        self.rows, self.days, self.duties, self.pair = rows, world.days, duties, pair
        self._seed = mix(stream(world.size.seed, "meeting"), pair.number)
        self._ids = {name: ids(world.size.seed, name) for name in ("meeting", "meetev", "seat", "agenda", "action")}
        self._count = pair.number << 14
        self._duty = pair.number << 9
        self._items: list[_Item] = []
        self.county = Who(pair.county_liaison.id, pair.county_liaison.name)
        self.plan = Who(pair.plan_liaison.id, pair.plan_liaison.name)
        self.seats = self._seats()

    def _next(self, name: str, at: Moment) -> str:
        self._count += 1
        return self._ids[name](at.ids, self._count)

    def _seats(self) -> dict[str, _Seat]:
        pair, found = self.pair, dict[str, _Seat]()
        for person, side, position in (
            (pair.county.responsible, pair.county, Position.IHSS_RESPONSIBLE_PERSON),
            (pair.county_liaison, pair.county, Position.IHSS_LIAISON),
            (pair.county_deputy, pair.county, Position.IHSS_LIAISON),
            (pair.plan.responsible, pair.plan, Position.MCP_RESPONSIBLE_PERSON),
            (pair.plan_liaison, pair.plan, Position.MCP_IHSS_LIAISON),
            (pair.plan_deputy, pair.plan, Position.MCP_IHSS_LIAISON),
        ):
            if person is not None:
                found.setdefault(person.id, _Seat(person, side, position.value))
        return found

    def tell(self) -> None:
        quarter, place = Quarter.of(self.days.dates[self.pair.executed]), 0
        while self.days.number(quarter.start) <= self.days.last:
            self._quarter(quarter, place)
            quarter, place = quarter.next, place + 1

    def _quarter(self, quarter: Quarter, place: int) -> None:
        days, pair, h = self.days, self.pair, mix(self._seed, place)
        number = pair.number + place
        first, last = days.number(quarter.start), days.number(quarter.end)
        start = max(first, pair.executed)
        known = start if start > pair.executed else start + 1  # the hub's job runs before the office opens
        wanted = max(days.on_or_before(first + 36 + h % 26), days.later(pair.executed, _DAYS_BEFORE + 2))
        invited = self._before(wanted)
        held = wanted <= last and invited > pair.executed and h >> 8 & 31 > 0  # now and then a quarter goes by without
        end = None
        if held and invited <= days.last:
            end = self._meeting(quarter, wanted, invited, number, h)
        if known > min(last, days.last):
            return
        beginning, recorded = days.dawn(known)
        opened = Moment(known, 0, 0, beginning, "", recorded)
        for side, other in ((pair.county, pair.plan), (pair.plan, pair.county)):
            self._duty += 1
            self.duties.add(
                self.rows, self._duty, "meeting-quarterly", ("Agreement", pair.agreement), side, other,
                LIAISON[side.kind], f"Meet {other.short} in {quarter.words.split(' (')[0].lower()}",
                "An executed MOU needs a meeting in every calendar quarter.", opened, THE_HUB, end, start=start,
                period=str(quarter),
            )  # fmt: skip

    def _before(self, day: int) -> int:
        for _ in range(_DAYS_BEFORE):
            day = self.days.on_or_before(day - 1)
        return day

    def _meeting(self, quarter: Quarter, day: int, invited: int, number: int, h: int) -> End | None:
        """How the duty to meet ended: where the meeting was held by now."""
        days, pair = self.days, self.pair
        at = days.at(invited, 10_800)
        starts = days.at(day, 3600 * (1 + number % 3) + 1800)
        meeting = self._next("meeting", at)
        place = PLACES[number % 3].format(county=pair.county.short, plan=pair.plan.short)
        self._event(meeting, "scheduled", at, self.plan, f"For {long_date(days.dates[day])}, {place}")
        self._event(meeting, "invited", days.at(invited, 10_860), self.plan, f"{len(self.seats)} people")
        row: dict[str, str | int | None] = dict.fromkeys(
            ("held_on", "minutes", "decisions", "others_present", "minuted_on", "posted_on", "posted_where")
        )
        state, version, end, came = "scheduled", 2, None, set[str]()
        if day <= days.last:
            state, version = "held", 3
            row["held_on"] = days.text[day]
            row["others_present"] = "Two care managers of the plan" if number % 2 else None
            came = {pair.county_liaison.id, pair.plan_liaison.id, pair.plan.responsible.id}
            came |= {pair.county.responsible.id} if number % 2 else set()
            after = days.at(day, 18_000)
            self._event(meeting, "held", after, self.plan, f"{len(came)} people of both sides")
            end = End(after, self.plan, f"Meeting held on {short_date(days.dates[day])}")
        self._attendance(meeting, at, came)
        minuted = days.later(day, 2) if state == "held" else days.today
        said = minuted <= days.last
        self._agenda(meeting, at, said)
        if state == "held":
            self._decide(meeting, day, number, h)
        if said:
            version += 1
            row["minutes"], row["decisions"] = MINUTES[number % 3], DECISIONS[number % 3]
            row["minuted_on"] = days.text[minuted]
            self._event(meeting, "minuted", days.at(minuted, 7_200), self.county, "Finished; the update was sent")
        if state == "held":
            posted, where = self._post(meeting, day, h)
            if posted is not None:
                version += 1
                row["posted_on"], row["posted_where"] = days.text[posted], where
        put(
            self.rows, "meeting", id=meeting, agreement=pair.agreement, county=pair.county.id, plan=pair.plan.id,
            quarter=str(quarter), starts_at=starts.row, minutes_long=60 if number % 2 else 90, place=place,
            state=state, sequence=0, created_at=at.row, version=version, **row,
        )  # fmt: skip
        return end

    def _event(self, meeting: str, event: str, at: Moment, by: Who, note: str, on: int | None = None) -> None:
        put(
            self.rows, "meeting_event", id=self._next("meetev", at), meeting=meeting, event=event, actor_id=by.id,
            actor_name=by.name, effective_date=self.days.text[at.day if on is None else on], recorded_at=at.row,
            note=note,
        )  # fmt: skip

    def _attendance(self, meeting: str, at: Moment, came: set[str]) -> None:
        for seat in self.seats.values():
            put(
                self.rows, "meeting_attendance", id=self._next("seat", at), meeting=meeting, person=seat.person.id,
                organization=seat.side.id, position=seat.position, invited=True, attended=seat.person.id in came,
            )  # fmt: skip

    def _agenda(self, meeting: str, at: Moment, said: bool) -> None:
        days = self.days
        still_open = [
            OpenAction(item.id, item.title, item.owner.name, item.side.short, days.dates[item.due])
            for item in sorted(self._items, key=lambda item: item.due)
            if item.made < at.day and (item.done is None or item.done.ms > at.ms)
        ]
        for number, item in enumerate(propose_agenda(Knows(days.dates[at.day], still_open))):
            put(
                self.rows, "agenda_item", id=self._next("agenda", at), meeting=meeting, position=number + 1,
                topic=item.topic.value, kind=item.kind.value, title=item.title, why=item.why,
                subject_type=item.subject_type, subject_id=item.subject_id, confidential=item.confidential,
                discussed=SAID[number % len(SAID)] if said else None, removed=False,
            )  # fmt: skip

    def _decide(self, meeting: str, day: int, number: int, h: int) -> None:
        days, pair = self.days, self.pair
        for place in range(1 + number % 3):
            side_kind, title = ITEMS[(number + place) % len(ITEMS)]
            side, owner = (
                (pair.county, pair.county_liaison) if side_kind == "county" else (pair.plan, pair.plan_liaison)
            )
            at = days.at(day, 18_060 + 60 * place)
            due = days.on_or_after(day + 20 + 9 * ((number + place) % 4))
            draw = h >> 12 + 5 * place
            ended = days.later(due, 3) if draw & 3 == 0 else days.on_or_before(due - draw % 8)
            done = days.at(max(ended, day + 1), 20_000 + place) if draw >> 3 & 15 else None
            done = done if done is not None and done.day <= days.last else None
            item = _Item(self._next("action", at), title, owner, side, due, day, done)
            self._items.append(item)
            self._keep_item(meeting, at, item)

    def _keep_item(self, meeting: str, at: Moment, item: _Item) -> None:
        days, pair, owner = self.days, self.pair, item.owner
        due, done = days.dates[item.due], item.done
        end, by = None, Who(owner.id, owner.name)
        if done is not None:
            end = End(done, by, f"Done on {short_date(days.dates[done.day])}")
            self._event(meeting, "action item settled", done, by, f"{owner.name}: done")
        put(
            self.rows, "action_item", id=item.id, agreement=pair.agreement, meeting=meeting, title=item.title,
            organization=item.side.id, owner=owner.id, due_on=due, state="open" if done is None else "done",
            done_on=None if done is None else days.text[done.day],
            outcome=None if done is None else "Done; the other side was told.", confidential=False,
            version=1 if done is None else 2,
        )  # fmt: skip
        self._event(meeting, "action item recorded", at, self.county, f"For {owner.name}, due {short_date(due)}")
        self._duty += 1
        self.duties.add(
            self.rows, self._duty, "meeting-action", ("ActionItem", item.id), item.side,
            pair.plan if item.side is pair.county else pair.county, LIAISON[item.side.kind], item.title,
            f"{owner.name} took this on at the meeting of {short_date(days.dates[at.day])}.", at, self.county, end,
            due=item.due,
        )  # fmt: skip

    def _post(self, meeting: str, day: int, h: int) -> tuple[int | None, str]:
        """When the plan posted the meeting, if it did, and where."""
        days, pair = self.days, self.pair
        late, never = h >> 32 & 15 == 0, h >> 36 & 31 == 0
        posted = days.later(day, 33 + (h >> 41) % 10 if late else 3 + (h >> 41) % 20)
        where = f"https://www.{pair.plan.key}.example/county-meetings"
        end = None
        if not never and posted <= days.last:
            at = days.at(posted, 14_400)
            end = End(at, self.plan, f"Posted on {short_date(days.dates[posted])}")
            self._event(meeting, "posted", at, self.plan, where)
        self._duty += 1
        self.duties.add(
            self.rows, self._duty, "meeting-posted", ("Meeting", meeting), pair.plan, pair.county, LIAISON["plan"],
            f"Post the quarterly meeting with {pair.county.short}",
            f"The meeting was held on {long_date(days.dates[day])}; the plan posts its date and time on its website.",
            days.at(day, 18_000), self.plan, end,
        )  # fmt: skip
        return (posted, where) if end else (None, where)
