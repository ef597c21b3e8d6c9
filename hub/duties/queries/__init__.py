"""Reads of rules, duties and work lists."""

from hub.duties.queries.duty_rows import (
    DutyRow,
    DutyView,
    EventRow,
    Figures,
    Notice,
    duties_of,
    duty,
    figures,
    for_agenda,
    notice,
    position_name,
    responsible_position,
    seats_of,
)
from hub.duties.queries.rule_rows import (
    RuleRow,
    UnknownRule,
    all_rules,
    has_rules,
    rule_in_force,
    rules_in_force,
)
from hub.duties.queries.work import PAGE, Partner, WorkFilter, WorkGroup, Worklist, work_of

__all__ = [
    "PAGE",
    "DutyRow",
    "DutyView",
    "EventRow",
    "Figures",
    "Notice",
    "Partner",
    "RuleRow",
    "UnknownRule",
    "WorkFilter",
    "WorkGroup",
    "Worklist",
    "all_rules",
    "duties_of",
    "duty",
    "figures",
    "for_agenda",
    "has_rules",
    "notice",
    "position_name",
    "responsible_position",
    "rule_in_force",
    "rules_in_force",
    "seats_of",
    "work_of",
]
