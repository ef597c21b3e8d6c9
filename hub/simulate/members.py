"""The members: who they are, when they were recorded, which plans serve them, and the consents they gave.

A member is known by a number. Eleven of twenty take part in referrals and have a consent for it.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from typing import NamedTuple

from hub.consent.document import consent, with_status
from hub.demo.names import LIKELY, ORIGINS, STREETS
from hub.members.document import patient
from hub.members.rules import CLAIMED, name_key
from hub.simulate.rows import Rows
from hub.simulate.rules import Moment, ids, mix, more_of, slots, stream
from hub.simulate.templates import Gaps, Template, gap
from hub.simulate.world import Pair, Side, World

AT_START = 90  # days before the first quarter in which the first members are recorded
_FIRST = 0.6  # share of them
_AREAS = (209, 213, 310, 323, 408, 415, 510, 530, 559, 562, 619, 626, 650, 661, 707, 714, 760, 805, 818, 831, 858, 909,
          916, 925, 949, 951)  # fmt: skip
_STREETS = [f" {STREETS[place % len(STREETS)]}" for place in range(16)]
_FORM = "ASCMI form, AB 133"
_LABELS = ("PSY", "ETH", "PSY", "HIV")


class Given(NamedTuple):
    """A consent: on which day it was given, until when it holds, and when it was taken back."""

    number: int  # among the consents of its member
    id: str
    by: Side  # who recorded it, and discloses
    to: Side
    at: Moment
    until: int | None
    labels: tuple[str, ...]
    two_way: bool
    refused: bool
    revoked: Moment | None


class Member(NamedTuple):
    """What a referral needs of a member."""

    id: str
    pair: Pair
    recorded: Moment
    consents: tuple[Given, ...]


def takes_part(index: int) -> bool:
    return index % 20 < 11


def participant(number: int) -> int:
    """The index of the n-th member who takes part."""
    return number // 11 * 20 + number % 11


def participants(members: int) -> int:
    """How many of the first so many members take part."""
    return members // 20 * 11 + min(11, members % 20)


class Members:
    """Makes members by their numbers."""

    def __init__(self, world: World) -> None:
        seed = world.size.seed
        self._world, self._days, self._count = world, world.days, world.size.members
        self._seed, self._consent_seed = stream(seed, "member"), stream(seed, "consent")
        self._id, self._version_id, self._served_id = ids(seed, "member"), ids(seed, "memberv"), ids(seed, "served")
        self._consent_id, self._consent_version = ids(seed, "consent"), ids(seed, "consentv")
        self._party_id, self._grant_id = ids(seed, "consentp"), ids(seed, "grant")
        self._pairs = slots([pair.weight for pair in world.executed], 16)
        self._others: dict[int, list[Pair]] = {}  # of each executed pair: the same county's others
        for at, pair in enumerate(world.executed):
            self._others[at] = [one for one in world.executed if one.county is pair.county and one is not pair]
        self._names = _names()
        self._ages = [365 * years for years in slots([0] * 30 + [8] * 12 + [14] * 14 + [30] * 14 + [40] * 26, 8)]
        last = world.size.today.toordinal()  # somebody's age in days is a place in the list
        self._births = [date.fromordinal(last - age).isoformat() for age in range(max(self._ages) + 3_000)]
        self._patients = (_patient(False), _patient(True))
        self._phones = [f"+1{area}555{100 + line:04d}" for area in _AREAS for line in range(100)]  # kept for stories
        self._forms: dict[tuple[object, ...], Template] = {}
        self._sides = [(p.county.id, p.plan.id, f" Street, {p.county.name}, CA") for p in world.executed]
        self._recorded_days, self._recorded_first = self._days_of_recording()

    def _days_of_recording(self) -> tuple[list[int], list[int]]:
        """The days on which members are recorded, and the first member of each."""
        found, firsts, index = [self._recorded_on(0)], [0], 0
        while self._recorded_on(self._count - 1) > found[-1]:
            step = 1 << (self._count.bit_length())
            while step:  # the last of the same day
                if index + step < self._count and self._recorded_on(index + step) == found[-1]:
                    index += step
                step >>= 1
            index += 1
            found.append(self._recorded_on(index))
            firsts.append(index)
        return found, firsts

    def recorded_on(self, index: int) -> int:
        """The day: three of five before the first quarter, the others since."""
        return self._recorded_days[bisect_right(self._recorded_first, index) - 1]

    def _recorded_on(self, index: int) -> int:
        share = index / self._count
        if share < _FIRST:
            return self._days.on_or_before(self._days.first - 1 - int(AT_START * (1 - share / _FIRST)))
        since = (share - _FIRST) / (1 - _FIRST) * (self._days.last - self._days.first)
        return self._days.on_or_before(self._days.first + int(since))

    def known_by(self, day: int) -> int:
        """How many members, at least, had been recorded before a day."""
        since = (day - 1 - self._days.first) / (self._days.last - self._days.first)
        return int(self._count * (_FIRST + (1 - _FIRST) * min(1.0, max(0.0, since))))

    def _recorded(self, index: int, h: int) -> Moment:
        return self._days.at(self.recorded_on(index), (h >> 48) % 25_000, h >> 34 & 511)

    def member(self, index: int) -> Member:
        """Reckoned anew each time: cheaper than keeping a million."""
        h = mix(self._seed, index)
        pair = self._world.executed[self._pairs[h & 0xFFFF]]
        at = self._recorded(index, h)
        row_id = self._id(at.ids, index)
        return Member(row_id, pair, at, self._consents(index, pair, at))

    def _consents(self, index: int, pair: Pair, recorded: Moment) -> tuple[Given, ...]:
        h = mix(self._consent_seed, index)
        draw, days = h & 0x3FF, self._days
        part = takes_part(index)
        if not part and draw >= 180:
            return ()
        refused = not part and draw < 20
        by, to = (pair.plan, pair.county) if h >> 10 & 15 < 9 else (pair.county, pair.plan)
        day = min(days.later(recorded.day, h >> 14 & 7), days.last)
        at = days.at(day, 25_000 + (h >> 17) % 3_600, h >> 29 & 511)
        labels = (_LABELS[h >> 38 & 3],) if h >> 40 & 31 == 0 else ()
        two_way = bool(h >> 45 & 15)
        until = day + (365, 540, 730)[(h >> 49) % 3] if h >> 51 & 3 == 0 else None
        revoked = None
        if not refused and 60 <= draw < 104:
            taken_back = days.on_or_after(day + 40 + (h >> 53) % 500)
            if taken_back <= days.last:
                revoked = days.at(taken_back, (h >> 20) % 25_000, h >> 30 & 511)
        first = Given(0, self._consent_id(at.ids, index * 2), by, to, at, until, labels, two_way, refused, revoked)
        again = self._again(index, first, h)
        return (first, again) if again else (first,)

    def _again(self, index: int, first: Given, h: int) -> Given | None:
        """One that ran out is mostly renewed in time, one that was taken back sometimes given again."""
        days = self._days
        if first.revoked is not None:
            day = days.on_or_after(first.revoked.day + 30 + h % 90) if h >> 5 & 3 == 0 else None
        else:
            day = days.on_or_before(first.until - 10) if first.until is not None and h >> 5 & 3 else None
        if day is None or day > days.last:
            return None
        at = days.at(day, 25_000 + (h >> 18) % 3_600, h >> 31 & 511)
        row_id = self._consent_id(at.ids, index * 2 + 1)
        return Given(1, row_id, first.by, first.to, at, None, first.labels, first.two_way, False, None)

    def add(self, rows: Rows, index: int) -> None:
        """The member's rows, without those of the consents."""
        h, days = mix(self._seed, index), self._days
        more = more_of(h)
        place, a, b = self._pairs[h & 0xFFFF], more & 0x3FFF_FFFF, more >> 30
        county, plan, where = self._sides[place]
        on = self.recorded_on(index)
        begins, at_fhir, at = days.stamp(on, (h >> 48) % 25_000, h >> 34 & 511)
        row_id = self._id(begins, index)
        given, family, given_key, key, language, given_json = self._names[h >> 16 & 0x3FFF]
        born = self._births[self._ages[a & 0xFF] + (a >> 8) % 3_000]
        cin = f"0{(index * 7_368_787 + 4_157_563) % 10_000_000:07d}{'ACDEFGHM'[b & 7]}"
        address = f"{10 + (b >> 3) % 9_890}{_STREETS[b >> 17 & 15]}{where}"
        if b & 0x30000:
            phone = self._phones[(b >> 21) % 2_600]
            text = self._patients[1].fill(row_id, at_fhir, cin, family, given_json, born, address, language, phone)
        else:
            text = self._patients[0].fill(row_id, at_fhir, cin, family, given_json, born, address, language)
        if b & 0x1800000:
            source, case = county, f"{(index * 3_141_593 + 2_718_281) % 10_000_000:07d}"
        else:
            source, case = plan, None
        rows["member"].append((row_id, 1, at, source, text, cin, given, family, given_key, key, born, case))
        rows["resource_version"].append(
            (self._version_id(begins, index), "Patient", row_id, 1, "POST", at, source, text)
        )
        since, served, number, make = days.text[on], rows["member_organization"], index * 4, self._served_id
        served.append((make(begins, number), row_id, county, "county", since, None))
        draw = h >> 41 & 0x7F
        if draw >= 18:
            served.append((make(begins, number + 1), row_id, plan, "plan", since, None))
        else:
            self._overlap(rows, index, place, on, begins, draw, more)

    def _overlap(self, rows: Rows, index: int, place: int, on: int, begins: str, draw: int, more: int) -> None:
        """Of one whose plans are not simply one."""
        days, served, make = self._days, rows["member_organization"], self._served_id
        pair, number, row_id, since = self._world.executed[place], index * 4, self._id(begins, index), days.text[on]
        if draw >= 8:
            served.append((make(begins, number + 1), row_id, pair.plan.id, "plan", since, None))
            others = self._others[place]
            if others:  # in two plans at once, or claimed by another
                day = min(days.later(on, 20 + (more >> 50) % 60), days.last)
                other = others[(more >> 58) % len(others)].plan.id
                relation = CLAIMED if draw < 10 else "plan"
                served.append((make(begins, number + 3), row_id, other, relation, days.text[day], None))
            return
        # The plan knew the CIN first, and serves the member since the consent or the county said so.
        agreed = [one.at.day for one in self.member(index).consents if not one.refused]
        until = days.text[agreed[0] if agreed else min(days.later(on, 1 + draw), days.last)]
        served.append((make(begins, number + 1), row_id, pair.plan.id, CLAIMED, since, until))
        served.append((make(begins, number + 2), row_id, pair.plan.id, "plan", until, None))

    def add_consents(self, rows: Rows, index: int) -> None:
        """The rows of the consents that the member gave or refused."""
        member = self.member(index)
        for told in member.consents:
            self._consent(rows, index * 2 + told.number, member.id, told)

    def _consent(self, rows: Rows, number: int, member: str, told: Given) -> None:
        text, at, by, to = self._days.text, told.at, told.by.id, told.to.id
        given = text[at.day]
        until = None if told.until is None else text[told.until]
        values = (told.id, at.fhir, member, given, by, to)
        status = "rejected" if told.refused else "active"
        document = self._form(told, status).fill(*(values if until is None else (*values, until)))
        versions = rows["resource_version"]
        make = self._consent_version
        versions.append((make(at.ids, number * 2), "Consent", told.id, 1, "POST", at.row, by, document))
        version, updated, revoked = 1, at.row, None
        if told.revoked is not None:
            version, status, updated = 2, "inactive", told.revoked.row
            revoked = updated
            values = (told.id, told.revoked.fhir, *values[2:])
            document = self._form(told, status).fill(*(values if until is None else (*values, until)))
            versions.append(
                (make(told.revoked.ids, number * 2 + 1), "Consent", told.id, 2, "PUT", updated, by,
                 document)
            )  # fmt: skip
        rows["consent"].append(
            (told.id, version, updated, by, document, member, status, by, given, given, until, revoked)
        )
        for at_place, one in enumerate(sorted((by, to))):
            rows["consent_party"].append((self._party_id(at.ids, number * 2 + at_place), told.id, one))
        if status != "active":
            return
        ways = sorted(((by, to), (to, by))) if told.two_way else [(by, to)]
        labels = " ".join(told.labels)
        for at_place, (discloser, recipient) in enumerate(ways):
            rows["consent_grant"].append((
                self._grant_id(at.ids, number * 2 + at_place), told.id, member, discloser, recipient, "TREAT", labels,
                given, until, None, None,
            ))  # fmt: skip

    def _form(self, told: Given, status: str) -> Template:
        key = (told.labels, told.two_way, told.refused, told.until is None, status)
        found = self._forms.get(key)
        if found is None:
            gaps = Gaps("at", "given", "until")
            document = consent(
                member=gap("member"), given_on=gaps.day("given"), from_date=gaps.day("given"),
                until_date=None if told.until is None else gaps.day("until"), organizations=(gap("by"), gap("to")),
                two_way=told.two_way, form=_FORM, labels=told.labels, refused=told.refused,
            )  # fmt: skip
            names = ["id", "at", "member", "given", "by", "to", *([] if told.until is None else ["until"])]
            found = Template(with_status(document, status), 2 if status == "inactive" else 1, names, gaps)
            self._forms[key] = found
        return found


def _patient(phone: bool) -> Template:
    gaps = Gaps("at", "born")
    names = ["id", "at", "cin", "family", "given", "born", "address", "language", *(["phone"] if phone else [])]
    document = patient(
        cin=gap("cin"), given=gap("given"), family=gap("family"), birth_date=gaps.day("born"),
        phone=gap("phone") if phone else None, address=gap("address"), language=gap("language"),
    )  # fmt: skip
    return Template(document, 1, names, gaps)


def _names() -> list[tuple[str, str, str, str, str, str]]:
    """Given and family name, their keys for searches, the language, and the given names as JSON has them."""
    origins, found = slots(LIKELY, 10), []
    known: dict[tuple[str, str], tuple[str, str, str, str, str, str]] = {}
    for place in range(1 << 14):
        language, given, family = ORIGINS[origins[place & 1023]]
        h = mix(place, 58)
        chosen = _drawn(given, h)
        last = _drawn(family, h >> 20)
        if language == "Spanish" and h >> 40 & 1 and (other := _drawn(family, h >> 45)) != last:
            last = f"{last} {other}"  # of father and mother
        told = (chosen, last, name_key(chosen), name_key(last), language, chosen.replace(" ", '","'))
        found.append(known.setdefault((chosen, last), told))
    return found


def _drawn(words: str, h: int) -> str:
    names = words.split("|") if "|" in words else words.split()
    return names[h % len(names)]
