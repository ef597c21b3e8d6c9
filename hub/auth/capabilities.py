"""Who may do what: one table of roles. A handler or an action names a capability; what no role grants is refused."""

from __future__ import annotations

from collections.abc import Iterable

CAPABILITIES: dict[str, str] = {
    "work.read": "see one's work list",
    "mou.read": "see MOUs of the own organization",
    "mou.write": "draft and negotiate MOUs, name people",
    "mou.sign": "sign and execute MOUs",
    "directory.read": "see the partner directory",
    "directory.write": "appoint people to positions",
    "member.read": "see members whom the organization serves",
    "member.write": "record members",
    "consent.read": "see consents",
    "consent.write": "record and revoke consents",
    "referral.read": "see referrals of the own organization",
    "referral.write": "send, answer, work on and close referrals",
    "meeting.read": "see meetings",
    "meeting.write": "schedule, hold and minute meetings, action items",
    "report.read": "open the quarterly reports",
    "audit.read": "see the audit trail of the own organization",
    "system.read": "see jobs, dead letters and the status of the hub",
}

_EVERYBODY = frozenset({"work.read", "mou.read", "directory.read", "meeting.read"})
_CASE_WORK = frozenset(
    {
        "member.read",
        "member.write",
        "consent.read",
        "consent.write",
        "referral.read",
        "referral.write",
        "meeting.write",
    }
)
_RESPONSIBLE = frozenset({"mou.write", "mou.sign", "directory.write", "report.read", "audit.read", "system.read"})
_COMPLIANCE = frozenset({"report.read", "audit.read", "referral.read", "consent.read", "system.read"})

ROLES: dict[str, frozenset[str]] = {
    "county_liaison": _EVERYBODY | _CASE_WORK | {"mou.write", "report.read"},
    "county_responsible_person": _EVERYBODY | _CASE_WORK | _RESPONSIBLE,
    "county_compliance_officer": _EVERYBODY | _COMPLIANCE,
    "plan_liaison": _EVERYBODY | _CASE_WORK | {"mou.write", "report.read"},
    "plan_responsible_person": _EVERYBODY | _CASE_WORK | _RESPONSIBLE,
    "plan_compliance_officer": _EVERYBODY | _COMPLIANCE,
    "system": frozenset(
        {
            "member.read",
            "member.write",
            "consent.read",
            "consent.write",
            "referral.read",
            "referral.write",
            "directory.read",
        }
    ),
}


def capabilities_of(roles: Iterable[str]) -> frozenset[str]:
    """All that these roles may do. An unknown role may do nothing."""
    granted: frozenset[str] = frozenset()
    for role in roles:
        granted |= ROLES.get(role, frozenset())
    return granted
