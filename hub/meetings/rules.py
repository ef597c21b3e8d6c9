"""Meetings: their steps, what an agenda must cover, and what the hub proposes for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from hub.kernel.calendar import Quarter, short_date


class State(StrEnum):
    SCHEDULED = "scheduled"
    HELD = "held"
    CANCELLED = "cancelled"


class Event(StrEnum):
    SCHEDULE = "scheduled"
    MOVE = "moved"
    INVITE = "invited"
    CANCEL = "cancelled"
    HOLD = "held"
    MINUTE = "minuted"
    POST = "posted"
    DECIDE = "action item recorded"
    SETTLE = "action item settled"


STEPS: dict[tuple[State, Event], State] = {
    (State.SCHEDULED, Event.MOVE): State.SCHEDULED,
    (State.SCHEDULED, Event.INVITE): State.SCHEDULED,
    (State.SCHEDULED, Event.CANCEL): State.CANCELLED,
    (State.SCHEDULED, Event.HOLD): State.HELD,
    (State.HELD, Event.MINUTE): State.HELD,
    (State.HELD, Event.DECIDE): State.HELD,
    (State.HELD, Event.SETTLE): State.HELD,
    (State.HELD, Event.POST): State.HELD,
}

# The plan posts date and time on its web site (domain.md 1.5); everything else either party may do.
PLAN_ONLY = frozenset({Event.POST})


def step(state: str, event: Event) -> State | None:
    """The state after this event, or None where there is no such step."""
    return STEPS.get((State(state), event))


class Topic(StrEnum):
    """What a quarterly meeting covers (seed 004; domain.md 7.3), after the follow-up of earlier decisions."""

    FOLLOW_UP = "follow-up"
    CARE_COORDINATION = "care-coordination"
    QI_ACTIVITIES = "qi-activities"
    QI_OUTCOMES = "qi-outcomes"
    SYSTEMIC = "systemic-concerns"
    CASE_SPECIFIC = "case-specific-concerns"
    COMMUNICATION = "communication"


TOPIC_WORDS: dict[Topic, str] = {
    Topic.FOLLOW_UP: "Action items of earlier meetings",
    Topic.CARE_COORDINATION: "Care coordination",
    Topic.QI_ACTIVITIES: "Quality improvement activities",
    Topic.QI_OUTCOMES: "Quality improvement outcomes",
    Topic.SYSTEMIC: "Systemic concerns",
    Topic.CASE_SPECIFIC: "Case-specific concerns",
    Topic.COMMUNICATION: "Communication inside each organization",
}

_STANDING_TITLES: dict[Topic, str] = {
    Topic.CARE_COORDINATION: "How is care coordination going, and what gets in its way?",
    Topic.QI_ACTIVITIES: "Which quality improvement activities are under way?",
    Topic.QI_OUTCOMES: "What did quality improvement achieve since the last meeting?",
    Topic.SYSTEMIC: "What goes wrong again and again?",
    Topic.CASE_SPECIFIC: "Which cases need both sides?",
    Topic.COMMUNICATION: "How does each side tell its own people?",
}

STANDING_WHY = "Every quarterly meeting covers this (MOU template, quarterly meetings)."

_ORDER = {topic: place for place, topic in enumerate(Topic)}


class Kind(StrEnum):
    STANDING = "standing"
    CARRIED = "carried"
    PROPOSED = "proposed"
    ADDED = "added"


_KIND_ORDER = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action item of an earlier meeting that nobody has finished."""

    id: str
    title: str
    owner: str
    organization: str
    due_on: date
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class HurtingDuty:
    """A duty that is so late that it belongs on the agenda. `about_member`: it concerns one person's case."""

    id: str
    title: str
    why: str
    due_on: date
    organization_id: str
    organization: str
    subject_type: str
    subject_id: str
    about_member: bool = False


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A named position without a holder."""

    organization_id: str
    organization: str
    position: str
    words: str


@dataclass(frozen=True, slots=True)
class Knows:
    """What the hub knows on the day when it proposes an agenda."""

    today: date
    actions: Sequence[OpenAction] = ()
    duties: Sequence[HurtingDuty] = ()
    vacancies: Sequence[Vacancy] = ()


@dataclass(frozen=True, slots=True)
class ProposedItem:
    topic: Topic
    kind: Kind
    title: str
    why: str
    subject_type: str | None = None
    subject_id: str | None = None
    confidential: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Two items with the same key are the same item, whatever their words have become."""
        return item_key(self.kind, self.topic, self.subject_type, self.subject_id)


def item_key(kind: str, topic: str, subject_type: str | None, subject_id: str | None) -> tuple[str, str, str]:
    if kind == Kind.STANDING:
        return (Kind.STANDING, topic, "")
    return ("about", subject_type or "", subject_id or "")


def _standing() -> list[ProposedItem]:
    return [ProposedItem(topic, Kind.STANDING, title, STANDING_WHY) for topic, title in _STANDING_TITLES.items()]


def _late(due: date, today: date) -> str:
    return f"was due {short_date(due)}" if due < today else f"due {short_date(due)}"


def _carried(knows: Knows) -> list[ProposedItem]:
    """Overdue first, then by date: the oldest promise stands on top."""
    return [
        ProposedItem(
            Topic.FOLLOW_UP,
            Kind.CARRIED,
            action.title,
            f"Open action item of {action.owner} ({action.organization}), {_late(action.due_on, knows.today)}.",
            "ActionItem",
            action.id,
            action.confidential,
        )
        for action in sorted(knows.actions, key=lambda a: (a.due_on >= knows.today, a.due_on, a.id))
    ]


def _from_duties(knows: Knows) -> list[ProposedItem]:
    items = []
    for duty in sorted(knows.duties, key=lambda d: (d.due_on, d.id)):
        case = duty.about_member
        why = f"{duty.organization} owes this, {_late(duty.due_on, knows.today)}. {duty.why}".strip()
        # One item for a case, however many duties it has missed; any other duty stands for itself.
        subject = (duty.subject_type, duty.subject_id) if case else ("Duty", duty.id)
        topic = Topic.CASE_SPECIFIC if case else Topic.SYSTEMIC
        items.append(ProposedItem(topic, Kind.PROPOSED, duty.title, why, *subject, confidential=case))
    return items


def _stuck_in_sum(knows: Knows) -> list[ProposedItem]:
    """The pattern behind the cases, in figures only, so that everybody at the table may see it."""
    names = {d.organization_id: d.organization for d in knows.duties if d.about_member}
    items = []
    for organization, name in sorted(names.items(), key=lambda pair: pair[1]):
        late = {d.subject_id for d in knows.duties if d.about_member and d.organization_id == organization}
        count = "1 case waits" if len(late) == 1 else f"{len(late)} cases wait"
        items.append(
            ProposedItem(
                Topic.SYSTEMIC,
                Kind.PROPOSED,
                f"Referrals that {name} has left waiting",
                f"{count} for {name} longer than the rules allow (on {short_date(knows.today)}).",
                "Organization",
                organization,
            )
        )
    return items


def _vacant(knows: Knows) -> list[ProposedItem]:
    return [
        ProposedItem(
            Topic.COMMUNICATION,
            Kind.PROPOSED,
            f"{vacancy.organization} has no {vacancy.words}",
            "A named position of the MOU is vacant, or vacant by the day of the meeting.",
            "Vacancy",
            f"{vacancy.organization_id}:{vacancy.position}",
        )
        for vacancy in sorted(knows.vacancies, key=lambda v: (v.organization, v.position))
    ]


def propose_agenda(knows: Knows) -> list[ProposedItem]:
    """Standing items and what the hub knows, each once and with its reason, in the order of the meeting."""
    everything = [
        *_standing(),
        *_carried(knows),
        *_stuck_in_sum(knows),
        *_from_duties(knows),
        *_vacant(knows),
    ]
    unique = {item.key: item for item in reversed(everything)}  # the first of a key wins
    kept = [item for item in everything if unique[item.key] is item]
    return sorted(kept, key=lambda item: in_order(item.topic, item.kind))


def in_order(topic: str, kind: str) -> tuple[int, int]:
    """Where an item stands: by topic; in it the standing question, what is carried over, the rest."""
    return _ORDER[Topic(topic)], _KIND_ORDER[Kind(kind)]


def what_is_new(proposed: Iterable[ProposedItem], there: Collection[tuple[str, str, str]]) -> list[ProposedItem]:
    """What a refreshed proposal adds: nothing that is there already, edited and removed ones included."""
    return [item for item in proposed if item.key not in there]


class QuarterState(StrEnum):
    """How an executed MOU stands in a quarter."""

    HELD = "held"
    SCHEDULED = "scheduled"
    NONE = "none"


def quarter_state(quarter: Quarter, meetings: Iterable[tuple[str, date]]) -> QuarterState:
    """Of (state, legal date) of an MOU's meetings: held beats scheduled; a cancelled one counts for nothing."""
    states = {state for state, day in meetings if day in quarter}
    if State.HELD in states:
        return QuarterState.HELD
    return QuarterState.SCHEDULED if State.SCHEDULED in states else QuarterState.NONE


class Act(StrEnum):
    """What comes next for a meeting: the one primary act of its page."""

    INVITE = "invite"
    HOLD = "hold"
    MINUTE = "minute"
    POST = "post"


def next_act(
    state: str, *, day: date, today: date, invited: bool, minuted: bool, posted: bool, by_plan: bool
) -> Act | None:
    if state == State.SCHEDULED:
        if day <= today:
            return Act.HOLD
        return None if invited else Act.INVITE
    if state == State.HELD:
        if not minuted:
            return Act.MINUTE
        return Act.POST if by_plan and not posted else None
    return None


_GOOD_WEEKDAYS = (1, 2, 3)  # Tuesday to Thursday, when most people are there
_NOTICE_DAYS = 14
_HOW_MANY = 3


def propose_days(today: date, holidays: Collection[date]) -> list[date]:
    """Days for the next meeting: two weeks ahead, mid-week, no holiday; in this quarter while it has such days."""
    quarter = Quarter.of(today)
    ahead = [today + timedelta(days=n) for n in range(1, _NOTICE_DAYS * 4)]
    good = [d for d in ahead if d.weekday() in _GOOD_WEEKDAYS and d not in holidays]
    with_notice = [d for d in good if (d - today).days >= _NOTICE_DAYS]
    in_quarter = [d for d in with_notice if d in quarter] or [d for d in good if d in quarter][-_HOW_MANY:]
    return (in_quarter or with_notice)[:_HOW_MANY]
