"""What people of the made-up counties and plans agree, say and write: for the demonstration and the State. Pure."""

from __future__ import annotations

from hub.mou.rules import DataElement, Section
from hub.referrals.rules import ClosureReason, Service

E, C = DataElement, ClosureReason
PLAN_SHARES = frozenset(set(E) - {E.CASE})
COUNTY_SHARES = frozenset(set(E) - {E.CLINICAL})

TERMS: dict[Section, str] = {
    Section.SERVICES: (
        "Members who live in the county and receive IHSS or may need it; the plan’s Enhanced Care "
        "Management, Community Supports, behavioral health and equipment. The county alone decides "
        "eligibility and hours."
    ),
    Section.OBLIGATIONS: (
        "Each side names its two people in Exhibits A and B and tells the other of a change before it "
        "takes effect. The plan answers for its network."
    ),
    Section.TRAINING: (
        "The plan trains its care managers on IHSS in two sessions a year; the county’s intake staff join "
        "the spring session. New staff are trained before their first case."
    ),
    Section.REFERRALS: (
        "Both sides refer through the hub. A referral names the need and the member’s consent, is "
        "answered within five working days, and closed with an outcome by whoever sent it."
    ),
    Section.CARE_COORDINATION: (
        "One point of contact for each shared Member. Admissions and planned discharges are told the same "
        "day. Barriers that two calls do not solve go onto the agenda."
    ),
    Section.DATA_SHARING: (
        "What Exhibit C lists and no more, under the Member’s consent, over the hub’s interface or its "
        "pages. A breach is told within one working day."
    ),
    Section.MEETINGS: (
        "In the second month of each quarter, in turn at the county’s office and by video. The plan "
        "invites, the county keeps the minutes."
    ),
    Section.QUALITY: (
        "We follow days to answer, days to close, and members who could not be reached, and choose one of "
        "them to improve each half year."
    ),
    Section.DISPUTES: (
        "The liaisons first, then the responsible persons within fifteen working days; after that either "
        "side may write to its department. Referrals go on."
    ),
    Section.GENERAL: (
        "Renews every year unless either side gives ninety days’ notice. Amended in writing. Records are "
        "kept for ten years."
    ),
}

DECLINES = (
    ("The member lives in another county since last month.", C.NOT_ELIGIBLE),
    ("The network has no provider with capacity in the area.", C.PROVIDER_DECLINED),
    ("An application of the same member is already open.", C.OTHER),
    ("The member has left the plan.", C.NOT_ELIGIBLE),
)
FAILURES = (
    ("Three calls and a letter without an answer.", C.UNABLE_TO_REACH),
    ("The member no longer wants the service.", C.NOT_NEEDED),
    ("The member moved to a nursing facility for good.", C.NOT_ELIGIBLE),
    ("The health care certification did not come back in time.", C.OTHER),
)
HOLDS = (
    "Waiting for the health care certification (SOC 873).",
    "The member is in hospital.",
    "Waiting for the doctor’s order.",
)
CANCELS = ("The family found another solution.", "Sent twice; the first one is being worked on.")

DURATION: dict[Service, tuple[int, int]] = {
    Service.IHSS_APPLICATION: (30, 62),
    Service.IHSS_REASSESSMENT: (12, 34),
    Service.IHSS_DISCHARGE: (4, 12),
    Service.ECM: (7, 24),
    Service.COMMUNITY_SUPPORTS: (10, 38),
    Service.BEHAVIORAL_HEALTH: (8, 28),
    Service.EQUIPMENT: (5, 18),
}
"""Calendar days from the answer to the end, in most cases."""

PLACES = ("Video call, the link is in the invitation", "{county} office, Room 4", "{plan} office, third floor")
MINUTES = (
    "The liaisons went through the referrals of the quarter. Answers came within the agreed time in most cases; the"
    " late ones were discharges before a weekend. Care managers report that intake staff answer the telephone again.",
    "Both sides looked at the members who could not be reached. Half of them had a new telephone number that the other"
    " side knew. It was agreed to look at the other side’s contact data before a referral is ended.",
    "The plan presented its numbers on Community Supports; the county presented how many applications wait for the"
    " health care certification. The doctors’ offices that answer late are known to both sides.",
)
DECISIONS = (
    "Discharges are announced by telephone as well as by referral, at the latest at noon on Friday.",
    "Before a referral is ended as “unable to reach”, the other side is asked for a newer number.",
    "The plan writes to the five medical groups that return most certifications late.",
)
ITEMS: tuple[tuple[str, str], ...] = (
    ("county", "Send the plan the intake line’s new numbers"),
    ("plan", "Train the new care managers on what IHSS does and does not cover"),
    ("plan", "Write to the medical groups about late certifications"),
    ("county", "Draft a one-page guide to discharge referrals"),
    ("county", "Name a stand-in for the liaison during holidays"),
    ("plan", "Report how many members began Community Supports after a referral"),
)
SAID = ("Goes well.", "Discussed; see the decisions.", "Taken up again next time.")
