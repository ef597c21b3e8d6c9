"""The figures over the facts: counts, closure reasons, rates, medians, words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from hub.mou.rules import IN_FORCE, STATE_WORDS, State
from hub.reports.rules.facts import (
    DIRECTION_WORDS,
    DUTY_WORDS,
    REFERRAL_FIGURES,
    AgreementFact,
    Counted,
    Direction,
    DutyFact,
    DutyOutcome,
    Facts,
    MeetingFact,
    Period,
    Position,
    ReferralRow,
    RefusalFact,
    by,
    duty_outcome,
)

BehindRow = AgreementFact | Position | MeetingFact | ReferralRow | DutyFact | RefusalFact


def select(figure: str, facts: Facts, period: Period) -> Sequence[BehindRow]:
    """The rows behind a figure, which is their number. KeyError or ValueError: there is no such figure."""
    family, _, rest = figure.partition(":")
    if family == "referral":
        direction, _, name = rest.partition(":")
        return _referrals(Direction(direction), name, facts.referrals, period)
    if family == "duty":
        owner, _, outcome = rest.partition(":")
        wanted = DutyOutcome(outcome)
        return [d for d in facts.duties if d.owner == owner and duty_outcome(d, period) is wanted]
    return _PLAIN[figure](facts, period)


def _referrals(direction: Direction, name: str, rows: Iterable[ReferralRow], period: Period) -> list[ReferralRow]:
    name, _, reason = name.partition(":")
    _, counts = REFERRAL_FIGURES[name]
    found = [row for row in rows if row.direction is direction and counts(row, period)]
    return [row for row in found if row.reason == reason] if reason else found


_PLAIN: dict[str, Callable[[Facts, Period], Sequence[BehindRow]]] = {
    "mous-in-force": lambda facts, period: [a for a in facts.agreements if a.in_force_on(period.as_of)],
    "vacancies": lambda facts, period: [p for p in facts.positions if p.holder is None],
    "meetings-held": lambda facts, period: [m for m in facts.meetings if m.held_on in period],
    "meetings-posted": lambda facts, period: [
        m for m in facts.meetings if m.held_on in period and by(m.posted_on, period.as_of)
    ],
    "refusals": lambda facts, period: [r for r in facts.refusals if r.on in period],
}

_OF_ROWS = frozenset(_PLAIN) - {"refusals"}  # of these there are few, so they are always at hand

PLAIN_WORDS = {
    "mous-in-force": "MOUs in force at the end",
    "vacancies": "Vacant positions at the end",
    "meetings-held": "Meetings held in the quarter",
    "meetings-posted": "Meetings posted by the end",
    "refusals": "Exchanges refused for want of authority or consent",
}


def count(figure: str, facts: Facts, period: Period) -> int:
    """Raises as `select`."""
    if facts.counted is None or figure in _OF_ROWS:
        return len(select(figure, facts, period))
    words_of(figure)
    way, _, reason = figure.removeprefix("referral:").partition(":closed:")
    if reason:
        return facts.counted.reasons.get(Direction(way), {}).get(reason, 0)
    return facts.counted.figures.get(figure, 0)


def words_of(figure: str) -> str:
    """What a figure counts. Raises KeyError or ValueError for one that there is not."""
    family, _, rest = figure.partition(":")
    if family == "referral":
        direction, _, name = rest.partition(":")
        name, _, reason = name.partition(":")
        words = REFERRAL_FIGURES[name][0] + (f", {reason.replace('-', ' ')}" if reason else "")
        return f"{DIRECTION_WORDS[Direction(direction)]}: {words[0].lower()}{words[1:]}"
    if family == "duty":
        owner, _, outcome = rest.partition(":")
        return f"Duties of the {owner}: {DUTY_WORDS[DutyOutcome(outcome)].lower()}"
    return PLAIN_WORDS[figure]


def closure_reasons(direction: Direction, facts: Facts, period: Period) -> list[tuple[str, int]]:
    """(reason, count) of what was closed, most frequent first; the counts add up to `closed`."""
    if facts.counted is not None:
        numbers: Mapping[str, int] = facts.counted.reasons.get(direction, {})
    else:
        numbers = Counter(row.reason for row in _referrals(direction, "closed", facts.referrals, period))
    return sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))


def acceptance_rate(direction: Direction, facts: Facts, period: Period) -> float | None:
    """Of the referrals answered in the period, the share that was accepted; None where none was answered."""
    accepted = count(f"referral:{direction}:accepted", facts, period)
    answered = accepted + count(f"referral:{direction}:rejected", facts, period)
    return accepted / answered if answered else None


def _days_between(pairs: Iterable[tuple[date | None, date | None]]) -> list[int]:
    return [(end - start).days for start, end in pairs if start and end]


def _days_to_answer(direction: Direction, facts: Facts, period: Period) -> list[int]:
    rows = [r for r in facts.referrals if r.direction is direction and r.answered_on in period]
    return _days_between((row.sent_on, row.answered_on) for row in rows)


def _days_to_close(direction: Direction, facts: Facts, period: Period) -> list[int]:
    rows = _referrals(direction, "closed", facts.referrals, period)
    return _days_between((row.sent_on, row.closed_on) for row in rows)


def _median(numbers: Mapping[int, int]) -> float | None:
    """Of values with how often each is there."""
    places: list[int] = []
    total, seen = sum(numbers.values()), 0
    for value in sorted(numbers):
        seen += numbers[value]
        while len(places) < 2 and seen > ((total - 1) // 2, total // 2)[len(places)]:
            places.append(value)
    return sum(places) / 2 if places else None


def median_days_to_answer(direction: Direction, facts: Facts, period: Period) -> float | None:
    if facts.counted is not None:
        return _median(facts.counted.answered.get(direction, {}))
    return _median(Counter(_days_to_answer(direction, facts, period)))


def median_days_to_close(direction: Direction, facts: Facts, period: Period) -> float | None:
    if facts.counted is not None:
        return _median(facts.counted.closed.get(direction, {}))
    return _median(Counter(_days_to_close(direction, facts, period)))


def leading_agreement(facts: Facts, day: date) -> AgreementFact | None:
    """The MOU that speaks for the pair on a day: one in force, else the last that was begun."""
    there = [a for a in facts.agreements if a.state_on(day)]
    return max(there, key=lambda a: (a.in_force_on(day), a.states[0][1], a.id), default=None)


def mou_in_words(facts: Facts, day: date) -> str:
    agreement = leading_agreement(facts, day)
    state = agreement.state_on(day) if agreement else None
    if agreement is None or state is None:
        return "No MOU"
    if state in IN_FORCE and not agreement.in_force_on(day):
        return "Executed, not in force yet"
    return STATE_WORDS[State(state)]


def figures_of(period: Period) -> list[str]:
    """Every figure that the report prints, closure reasons aside."""
    referrals = [f"referral:{direction}:{name}" for direction in Direction for name in REFERRAL_FIGURES]
    duties = [f"duty:{owner}:{outcome}" for owner in ("county", "plan") for outcome in DUTY_WORDS]
    return [*_PLAIN, *referrals, *duties]


def counted(facts: Facts, period: Period) -> Counted:
    """What the rows of the facts come to: the definition of what the database counts."""
    names = [name for name in figures_of(period) if name.startswith(("referral:", "duty:"))]
    return Counted(
        {name: number for name in [*names, "refusals"] if (number := len(select(name, facts, period)))},
        {way: dict(closure_reasons(way, facts, period)) for way in Direction},
        {way: dict(Counter(_days_to_answer(way, facts, period))) for way in Direction},
        {way: dict(Counter(_days_to_close(way, facts, period))) for way in Direction},
    )
