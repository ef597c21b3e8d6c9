"""The report as tables, for the page and the files alike. Pure: the same report gives the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.directory.rules import NAMES, REQUIRED_FOR_MOU
from hub.kernel.calendar import short_date
from hub.referrals.rules import CLOSURE_WORDS, ClosureReason
from hub.reports.queries import Report
from hub.reports.rules import (
    DIRECTION_WORDS,
    DUTY_WORDS,
    NO_REASON,
    REFERRAL_FIGURES,
    Direction,
    Facts,
    Period,
    acceptance_rate,
    closure_reasons,
    count,
    median_days_to_answer,
    median_days_to_close,
    mou_in_words,
)

OWNERS = ("county", "plan")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value; where it is a count, `figure` and `partner` open the rows behind it."""

    value: str | int | float | None
    figure: str = ""
    partner: str = ""
    percent: bool = False

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float)

    @property
    def text(self) -> str:
        """As a person reads it: `75%`, `2.5`, `1,234`, `–` where there is nothing to say."""
        if self.value is None:
            return "–"
        if self.percent and isinstance(self.value, int | float):
            return f"{self.value * 100:.0f}%"
        if isinstance(self.value, float):
            return f"{self.value:,.1f}".removesuffix(".0")
        return f"{self.value:,}" if isinstance(self.value, int) else self.value


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: the first `heads` columns are words, the rest mostly figures."""

    name: str
    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()


def reason_words(reason: str) -> str:
    if reason in set(ClosureReason):
        return CLOSURE_WORDS[ClosureReason(reason)]
    return "No reason recorded" if reason == NO_REASON else reason.replace("-", " ").capitalize()


def _figure(name: str, facts: Facts, period: Period) -> Cell:
    return Cell(count(name, facts, period), name, facts.partner)


def _words(text: str, figure: str, facts: Facts, period: Period) -> Cell:
    """Words that open to their rows, where there are any."""
    return Cell(text, figure if count(figure, facts, period) else "", facts.partner)


def meeting_in_words(facts: Facts, period: Period) -> str:
    held = [m.held_on for m in facts.meetings if m.held_on and m.held_on in period]
    if held:
        return "Held " + ", ".join(short_date(day) for day in held)
    ahead = [m.day for m in facts.meetings if m.cancelled_on is None and m.held_on is None]
    if ahead and not period.closed:
        return f"Not yet; scheduled for {short_date(min(ahead))}"
    return "Not held" if period.closed else "Not yet, none scheduled"


def posted_in_words(facts: Facts, period: Period) -> str:
    held = count("meetings-held", facts, period)
    posted = [m.posted_on for m in facts.meetings if m.held_on in period and m.posted_on]
    days = [day for day in posted if day <= period.as_of]
    if days:
        return "Posted " + ", ".join(short_date(day) for day in days)
    return "Not posted by then" if held else "–"


def partners(report: Report) -> Sheet:
    """Each partner's MOU, named people and meeting."""
    period = report.period
    headers = ("Partner", "MOU", *(NAMES[position] for position in REQUIRED_FOR_MOU))
    rows = []
    for facts in report.partners:
        rows.append(
            (
                Cell(facts.partner_name),
                _words(mou_in_words(facts, period.as_of), "mous-in-force", facts, period),
                *(Cell(p.holder or "Vacant", "" if p.holder else "vacancies", facts.partner) for p in facts.positions),
                _words(meeting_in_words(facts, period), "meetings-held", facts, period),
                _words(posted_in_words(facts, period), "meetings-posted", facts, period),
                _figure("refusals", facts, period),
            )
        )
    extra = ("Quarterly meeting", "Posted by the plan", "Exchanges refused")
    numeric = frozenset({len(headers) + 2})
    caption = "Is each MOU in order?"
    return Sheet("Partners", caption, (*headers, *extra), tuple(rows), numeric)


def _with_total(report: Report) -> Sequence[Facts]:
    return [*report.partners, report.total] if len(report.partners) > 1 else report.partners


def referrals(report: Report) -> Sheet:
    """Both directions of each partner, and of all."""
    period, rows = report.period, []
    for facts in _with_total(report):
        for direction in Direction:
            rate = acceptance_rate(direction, facts, period)
            rows.append(
                (
                    Cell(facts.partner_name),
                    Cell(DIRECTION_WORDS[direction]),
                    *(_figure(f"referral:{direction}:{name}", facts, period) for name in REFERRAL_FIGURES),
                    Cell(None if rate is None else round(rate, 4), percent=True),
                    Cell(median_days_to_answer(direction, facts, period)),
                    Cell(median_days_to_close(direction, facts, period)),
                )
            )
    words = tuple(words for words, _ in REFERRAL_FIGURES.values())
    measures = ("Acceptance rate", "Median days to answer", "Median days to close")
    headers = ("Partner", "Direction", *words, *measures)
    caption = "What became of the referrals?"
    return Sheet("Referrals", caption, headers, tuple(rows), frozenset(range(2, len(headers))))


def reasons(report: Report) -> Sheet:
    period, rows = report.period, []
    for facts in _with_total(report):
        for direction in Direction:
            for reason, number in closure_reasons(direction, facts, period):
                figure = f"referral:{direction}:closed:{reason}"
                rows.append(
                    (
                        Cell(facts.partner_name),
                        Cell(DIRECTION_WORDS[direction]),
                        Cell(reason_words(reason)),
                        Cell(number, figure, facts.partner),
                    )
                )
    headers = ("Partner", "Direction", "Reason for closure", "Referrals")
    return Sheet("Closure reasons", "Why were loops closed?", headers, tuple(rows), frozenset({3}))


def duties(report: Report) -> Sheet:
    period, rows = report.period, []
    for facts in _with_total(report):
        for owner in OWNERS:
            figures = [_figure(f"duty:{owner}:{outcome}", facts, period) for outcome in DUTY_WORDS]
            rows.append((Cell(facts.partner_name), Cell(f"The {owner}"), *figures))
    headers = ("Partner", "Owed by", *DUTY_WORDS.values())
    caption = "Which duties that fell due were met?"
    return Sheet("Duties", caption, headers, tuple(rows), frozenset(range(2, len(headers))))


def sheets(report: Report) -> list[Sheet]:
    return [partners(report), referrals(report), reasons(report), duties(report)]


def heading(report: Report) -> str:
    return f"Compliance report of {report.organization.name}, {report.period.quarter.words}"


def standing(report: Report) -> str:
    """As of when: the files say it too, because a running quarter still changes."""
    day = short_date(report.period.as_of)
    return f"As it stood on {day}" + ("" if report.period.closed else ", the quarter still running")
