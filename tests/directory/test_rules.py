"""Positions and who holds them: rules without a database."""

from __future__ import annotations

from datetime import date

import pytest

from hub.directory.counties import COUNTIES, identifier
from hub.directory.rules import (
    Position,
    Tenure,
    fits,
    in_office,
    normal_phone,
    person_problems,
    phone_in_words,
)
from hub.kernel.errors import Problems

DAY = date(2026, 11, 18)


def test_california_has_58_counties_numbered_by_the_alphabet() -> None:
    assert len(COUNTIES) == 58
    assert list(COUNTIES.values()) == sorted(COUNTIES.values())
    assert (COUNTIES[1], COUNTIES[19], COUNTIES[58]) == ("Alameda", "Los Angeles", "Yuba")
    assert identifier(1) == "county-01"


def test_somebody_named_for_this_partner_comes_before_somebody_named_for_all() -> None:
    general = Tenure("general", None, date(2026, 6, 1), None)
    special = Tenure("special", "poppy", date(2026, 1, 1), None)
    assert in_office([general, special], "poppy", DAY) == special
    assert in_office([general, special], "laurel", DAY) == general


def test_the_last_day_in_a_position_still_counts_and_the_next_does_not() -> None:
    tenure = Tenure("t", None, date(2026, 1, 1), DAY)
    assert in_office([tenure], None, DAY) == tenure
    assert in_office([tenure], None, date(2026, 11, 19)) is None
    assert in_office([tenure], None, date(2025, 12, 31)) is None


def test_a_plans_position_does_not_fit_a_county() -> None:
    assert fits(Position.MCP_IHSS_LIAISON, "plan")
    assert not fits(Position.MCP_IHSS_LIAISON, "county")


@pytest.mark.parametrize(
    ("typed", "stored", "shown"),
    [
        ("510 555 0100", "+15105550100", "(510) 555-0100"),
        ("(510) 555-0100 ext. 7", "+15105550100;ext=7", "(510) 555-0100 ext. 7"),
    ],
)
def test_a_telephone_number_is_understood_as_people_write_it(typed: str, stored: str, shown: str) -> None:
    assert normal_phone(typed) == stored
    assert phone_in_words(stored) == shown


def test_every_fault_of_a_contact_person_is_named_at_its_field() -> None:
    problems = Problems()
    person_problems({"given": " ", "family": "", "email": "nobody", "phone": "12"}, problems)
    assert [issue.where for issue in problems.found] == ["given", "family", "email", "phone"]
