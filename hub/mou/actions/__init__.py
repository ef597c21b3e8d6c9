"""What people and jobs do with an MOU: one use case each, in one unit of work."""

from hub.mou.actions.amending import amend_elements, amend_exhibit
from hub.mou.actions.drafting import (
    add_party,
    agree_elements,
    agree_exhibit,
    change_details,
    fill_section,
    log_effort,
    record_agreement,
    remove_party,
)
from hub.mou.actions.people import end_position, name_position, record_told
from hub.mou.actions.signing import (
    end_or_renew,
    move,
    name_signatory,
    record_document,
    record_publication,
    sign_party,
)

__all__ = [
    "add_party",
    "agree_elements",
    "agree_exhibit",
    "amend_elements",
    "amend_exhibit",
    "change_details",
    "end_or_renew",
    "end_position",
    "fill_section",
    "log_effort",
    "move",
    "name_position",
    "name_signatory",
    "record_agreement",
    "record_document",
    "record_publication",
    "record_told",
    "remove_party",
    "sign_party",
]
