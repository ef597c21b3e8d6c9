"""The first rules, as data (domain.md section 9): version 1 of the rows of `rule_version`.

What is owed is always reckoned from the rows, never from here; an administrator adds versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hub.kernel.calendar import Unit


class LimitUnit(StrEnum):
    """How a limit counts. The first three are those of the calendar."""

    WORKING_DAY = Unit.WORKING_DAY.value
    CALENDAR_DAY = Unit.CALENDAR_DAY.value
    MONTH = Unit.MONTH.value
    YEAR = "year"
    QUARTER_END = "quarter_end"  # the last day of the quarter, or of the n-th after it
    YEAR_END = "year_end"
    MINUTE = "minute"  # a clock that runs within the day


class Owner(StrEnum):
    """Who owes, in words that hold for a county and for a plan alike; actions turn it into a position."""

    LIAISON = "liaison"
    RESPONSIBLE = "responsible person"
    PLAN_LIAISON = "plan liaison"
    PLAN_RESPONSIBLE = "plan responsible person"
    COUNTY_LIAISON = "county liaison"
    COUNTY_RESPONSIBLE = "county responsible person"
    COUNTY_VISITOR = "county visit staff"
    COUNTY = "county"
    CDSS = "CDSS"
    CMIPS = "CMIPS"
    MEETING = "next quarterly meeting"


@dataclass(frozen=True, slots=True)
class FirstRule:
    """A rule as the hub knows it from the start: version 1 of its row."""

    id: str
    trigger: str
    words: str  # what is owed
    owed_by: tuple[Owner, ...]
    limit: int | None
    unit: LimitUnit | None
    authority: str
    verified: bool = False
    shared: bool = False  # the other party of the MOU sees these duties as well
    effective_from: date = date(2024, 1, 1)  # the 2024 MCP contract and APL 23-029 (domain.md 1.1)
    note: str | None = None


_PRODUCT = "Product default"
_TEMPLATE = "IHSS MOU template (APL 23-029)"
_PROTOCOLS = "CDSS program integrity protocols (seed 003)"
_SECONDARY = "IHSS regulations, from a secondary source"
_PROTOCOLS_FROM = date(2012, 12, 1)
_WD, _CD, _MONTH, _YEAR = LimitUnit.WORKING_DAY, LimitUnit.CALENDAR_DAY, LimitUnit.MONTH, LimitUnit.YEAR

# fmt: off
FIRST_RULES: tuple[FirstRule, ...] = (
    FirstRule("referral-answer", "A referral is sent",
              "Answer the referral: accept, ask, or decline with a reason",
              (Owner.LIAISON,), 5, _WD, _PRODUCT, shared=True,
              note="The MOU's pathway may set its own limit."),
    FirstRule("referral-answer-escalate", "A referral is unanswered past its date",
              "An unanswered referral becomes the responsible person's work too",
              (Owner.RESPONSIBLE,), 3, _WD, _PRODUCT),
    FirstRule("referral-answer-agenda", "A referral is unanswered past its date",
              "An unanswered referral is proposed to the agenda of the next quarterly meeting",
              (Owner.MEETING,), 5, _WD, _PRODUCT),
    FirstRule("referral-progress", "An accepted referral stands still",
              "Report progress on the accepted referral",
              (Owner.LIAISON,), 30, _CD, _PRODUCT, shared=True),
    FirstRule("referral-close-own", "The other side ended the referral",
              "Close the own request: the loop is closed on both sides",
              (Owner.LIAISON,), 10, _WD, _PRODUCT, shared=True),
    FirstRule("contact-change-plan-county", "The plan's liaison changes",
              "Tell the county in writing of the new liaison",
              (Owner.PLAN_RESPONSIBLE,), 0, _CD, _TEMPLATE, shared=True, note="By the day of the change."),
    FirstRule("contact-change-plan-dhcs", "The plan's liaison changes", "Tell DHCS of the new liaison",
              (Owner.PLAN_RESPONSIBLE,), 5, _WD, _TEMPLATE),
    FirstRule("contact-change-county", "The county's liaison changes",
              "Tell the plan in writing of the new liaison",
              (Owner.COUNTY_RESPONSIBLE,), 0, _CD, _TEMPLATE, shared=True,
              note="By the day of the change; where that was impossible, contact-change-county-late holds."),
    FirstRule("contact-change-county-late", "The county's liaison changed, and notice before was impossible",
              "Tell the plan in writing of the new liaison",
              (Owner.COUNTY_RESPONSIBLE,), 5, _WD, _TEMPLATE, shared=True),
    FirstRule("vacancy", "A named position has no holder", "Name somebody for the vacant position",
              (Owner.RESPONSIBLE,), 10, _WD, _PRODUCT, shared=True,
              note="The MOU wants its named positions filled; the number of days is the product's."),
    FirstRule("meeting-quarterly", "Each calendar quarter of an executed MOU", "Hold the quarterly meeting",
              (Owner.PLAN_LIAISON, Owner.COUNTY_LIAISON), 0, LimitUnit.QUARTER_END,
              "Seed 004 (CWDA, May 2024); IHSS MOU template", verified=True, shared=True,
              note="One duty for each side."),
    FirstRule("meeting-posted", "A quarterly meeting was held",
              "Post the meeting's date and time on the plan's website",
              (Owner.PLAN_LIAISON,), 30, _WD, _TEMPLATE, shared=True),
    FirstRule("meeting-action", "A meeting agreed an action item", "Finish the action item",
              (Owner.LIAISON,), None, None, _PRODUCT, shared=True,
              note="By the date that the meeting agreed."),
    FirstRule("compliance-report", "Each calendar quarter",
              "Report on MOU compliance to the compliance officer",
              (Owner.PLAN_RESPONSIBLE,), 0, LimitUnit.QUARTER_END, _TEMPLATE),
    FirstRule("training-existing", "An MOU takes effect", "Train those who carry out the MOU's duties",
              (Owner.PLAN_RESPONSIBLE,), 60, _WD, _TEMPLATE, note="Some templates say 30 working days."),
    FirstRule("training-new", "Somebody is to take up MOU duties",
              "Train the new person before the first MOU duty",
              (Owner.PLAN_RESPONSIBLE,), 0, _CD, _TEMPLATE, note="Before the first duty."),
    FirstRule("training-annual", "A year since the last training", "Train everybody with MOU duties again",
              (Owner.PLAN_RESPONSIBLE,), 12, _MONTH, _TEMPLATE),
    FirstRule("mou-published", "An MOU is executed", "Post the executed MOU on the plan's website",
              (Owner.PLAN_RESPONSIBLE,), 30, _CD, _TEMPLATE, shared=True),
    FirstRule("mou-annual-review", "Each year of an executed MOU", "Review the MOU with the other party",
              (Owner.PLAN_RESPONSIBLE, Owner.COUNTY_RESPONSIBLE), 12, _MONTH, _TEMPLATE, shared=True),
    FirstRule("exhibit-c-review", "Each year of an executed MOU", "Review the data elements of Exhibit C",
              (Owner.PLAN_RESPONSIBLE, Owner.COUNTY_RESPONSIBLE), 12, _MONTH, _TEMPLATE, shared=True),
    FirstRule("document-request-dhcs", "DHCS asks for an MOU", "Produce the MOU to DHCS",
              (Owner.PLAN_RESPONSIBLE,), 10, _WD, _TEMPLATE),
    FirstRule("dispute-negotiation", "A dispute is raised", "Negotiate the dispute, or ask for a resolution",
              (Owner.PLAN_RESPONSIBLE, Owner.COUNTY_RESPONSIBLE), 15, _WD, _TEMPLATE, shared=True,
              note="Unless the MOU says otherwise."),
    FirstRule("soc-873", "The county asks for the health care certification",
              "The SOC 873 comes back from the recipient",
              (Owner.COUNTY_LIAISON,), 45, _CD, _SECONDARY,
              note="Owed by the recipient; shown to the county's liaison."),
    FirstRule("soc-873-good-cause", "Good cause was asked for before day 45",
              "The SOC 873 comes back within the longer time",
              (Owner.COUNTY_LIAISON,), 90, _CD, _SECONDARY, note="45 days and 45 more, from the request on."),
    FirstRule("soc-873-remind-first", "An SOC 873 comes due", "First reminder, before the SOC 873 is due",
              (Owner.COUNTY_LIAISON,), 10, _WD, _SECONDARY),
    FirstRule("soc-873-remind-last", "An SOC 873 comes due", "Last reminder, before the SOC 873 is due",
              (Owner.COUNTY_LIAISON,), 1, _WD, _SECONDARY),
    FirstRule("uhv-window", "The first visit attempt met nobody",
              "Finish the visits, calls and letter of the unannounced home visit",
              (Owner.COUNTY_VISITOR,), 60, _CD, _PROTOCOLS, verified=True, effective_from=_PROTOCOLS_FROM,
              note="That the window starts with the first attempt is our reading."),
    FirstRule("uhv-window-not-before", "The first visit attempt met nobody",
              "The window may not close earlier",
              (Owner.COUNTY_VISITOR,), 45, _CD, _PROTOCOLS, verified=True, effective_from=_PROTOCOLS_FROM,
              note="That the window starts with the first attempt is our reading."),
    FirstRule("mailing-yearly", "Each year", "Send one directed mailing",
              (Owner.COUNTY,), 0, LimitUnit.YEAR_END, _PROTOCOLS, verified=True,
              effective_from=_PROTOCOLS_FROM, note="At least one for each county and year."),
    FirstRule("soc-2245", "Each quarter of the state fiscal year", "Send the SOC 2245 to CDSS",
              (Owner.COUNTY,), None, None, _PROTOCOLS, effective_from=_PROTOCOLS_FROM,
              note="Verified in part: it is quarterly; the due date within the next quarter was not found."),
    FirstRule("proposal-decision", "CDSS received a concept proposal", "Decide the concept proposal",
              (Owner.CDSS,), 30, _CD, "Seed 001", verified=True),
    FirstRule("assignment-pending", "A provider assignment was submitted", "Complete the provider assignment",
              (Owner.CMIPS,), 15, LimitUnit.MINUTE, "Seed 000", verified=True),
    FirstRule("retention-mou", "An MOU ends", "Keep what proves compliance",
              (Owner.PLAN_RESPONSIBLE,), 10, _YEAR, _TEMPLATE),
    FirstRule("retention-fraud", "The last date of aid or services", "Keep complaints, referrals and reports",
              (Owner.COUNTY,), 3, _YEAR, _PROTOCOLS, verified=True, effective_from=_PROTOCOLS_FROM),
)
# fmt: on
