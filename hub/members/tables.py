"""The persons served, and which organizations serve them."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import code, code_or_none, day, day_or_none, key, link, text
from hub.db.tables import DocumentMixin
from hub.directory.tables import Organization


class Member(DocumentMixin, Table, tablename="member"):
    """A Medi-Cal member. FHIR Patient. Found by CIN, never doubled."""

    cin = code(unique=True)  # 9 characters, upper case
    given = text()
    family = text()
    given_key = code()  # folded for search
    family_key = code()
    birth_date = day()
    case_number = code_or_none(index=True)


class MemberOrganization(Table, tablename="member_organization"):
    """An organization serves a member (county of residence, plan membership): who may know of the member at all."""

    id = key()
    member = link(Member)
    organization = link(Organization)
    relation = code()  # county | plan | claimed (rules.CLAIMED)
    from_date = day()
    until_date = day_or_none()
