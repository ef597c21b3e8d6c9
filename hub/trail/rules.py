"""An entry of the trail in the words of the people who read it. Pure."""

from __future__ import annotations

_PAST = {
    "begin": "began",
    "find": "found",
    "give": "gave",
    "history-instance": "read the history of",
    "hold": "held",
    "pay": "paid",
    "read": "read",
    "say": "said",
    "search-type": "searched",
    "see": "saw",
    "send": "sent",
    "set": "set",
    "sign-in": "signed in to",
    "sign-out": "signed out of",
    "submit": "submitted",
    "take": "took",
    "vread": "read a version of",
    "withdraw": "withdrew",
    "write": "wrote",
}
_NOUNS = {
    "Agreement": "MOU",
    "AuditEntry": "the access log",
    "Consent": "consent",
    "Job": "a job of the hub",
    "Organization": "organization",
    "Patient": "member",
    "Member": "member",
    "Person": "person",
    "Practitioner": "person",
    "PractitionerRole": "position",
    "Procedure": "service",
    "ServiceRequest": "referral request",
    "Task": "referral",
}
_WHOLE = {
    "auth:session:begin": "signed in",
    "auth:session:end": "signed out",
    "members:member:list": "saw a member’s short name in a list",
    "members:member:search": "found a member by a search",
    "members:member:reveal": "revealed a member’s CIN",
    "referrals:task:list": "saw a member’s referral in a list",
}
"""Where the tag's own words would not read well."""

FEATURES = {
    "auth": "Sign-in",
    "consent": "Consents",
    "directory": "Directory",
    "duties": "Duties",
    "fhir": "FHIR API",
    "jobs": "The hub's own work",
    "meetings": "Meetings",
    "members": "Members",
    "mou": "MOUs",
    "notifications": "Notifications",
    "referrals": "Referrals",
    "reports": "Reports",
    "trail": "Access log",
}
OUTCOMES = {"permitted": "Permitted", "refused": "Refused", "failed": "Failed"}


def past(verb: str) -> str:
    """`execute` to `executed`, `reply` to `replied`, `close-out` to `closed out`."""
    if verb in _PAST:
        return _PAST[verb]
    first, _, rest = verb.partition("-")
    if first in _PAST:
        done = _PAST[first]
    elif first.endswith("e"):
        done = f"{first}d"
    elif first.endswith("y") and first[-2:-1] not in "aeiou":
        done = f"{first[:-1]}ied"
    else:
        done = f"{first}ed"
    return f"{done} {rest.replace('-', ' ')}".strip()


def noun(action: str, subject_type: str) -> str:
    """What it was done to: our word for the thing, with the finer word of the tag where that says more."""
    thing = _NOUNS.get(subject_type)
    if thing:
        return thing
    return action.split(":")[1].replace("-", " ")


def sentence(actor_name: str, action: str, subject_type: str, outcome: str) -> str:
    """`Marisol Vega read referral`; a refusal says what was not permitted."""
    verb, thing = action.rsplit(":", 1)[-1], noun(action, subject_type)
    if outcome == "refused":
        return f"{actor_name} was not permitted to {verb.replace('-', ' ')} {thing}"
    if outcome == "failed":
        return f"{actor_name} tried to {verb.replace('-', ' ')} {thing} and failed"
    return f"{actor_name} {_WHOLE.get(action) or f'{past(verb)} {thing}'}"


def safe_cell(value: str) -> str:
    """A spreadsheet takes a cell that begins with one of these for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
