"""What every quarter brings by itself: both liaisons owe a meeting."""

from __future__ import annotations

from datetime import date

from hub.db.transaction import unit_of_work
from hub.directory.rules import LIAISON_OF
from hub.duties.actions import open_duty, settle
from hub.kernel.actor import HUB
from hub.kernel.calendar import Quarter, short_date
from hub.meetings.actions.minutes import held_days
from hub.meetings.queries import Parties, binding_agreements

RULE = "meeting-quarterly"


async def open_quarter(today: date) -> int:
    """One duty for each side of each MOU in force (seed 004). A second run opens nothing. How many were opened.

    An MOU at a time: all of a State's in one transaction would keep everybody else from writing.
    """
    opened = 0
    for parties in await binding_agreements(today):
        opened += await _open(parties, Quarter.of(today))
    return opened


@unit_of_work
async def _open(parties: Parties, quarter: Quarter) -> int:
    subject, opened = ("Agreement", parties.agreement), 0
    start = max(quarter.start, parties.effective_date or quarter.start)
    sides = (
        ("county", parties.county, parties.plan, parties.plan_name),
        ("plan", parties.plan, parties.county, parties.county_name),
    )
    for kind, organization, other, other_name in sides:
        duty = await open_duty(
            HUB,
            RULE,
            subject=subject,
            organization=organization,
            counterpart=other,
            position=LIAISON_OF[kind].value,
            title=f"Meet {other_name} in {quarter.words.split(' (')[0].lower()}",
            why="An executed MOU needs a meeting in every calendar quarter.",
            start=start,
            period=str(quarter),
        )
        opened += duty is not None
    for day in (await held_days(parties.agreement, quarter))[:1] if opened else ():
        # The meeting was held before the duty was known.
        how = f"Meeting held on {short_date(day)}"
        await settle(HUB, RULE, subject, on=day, how=how, period=str(quarter))
    return opened
