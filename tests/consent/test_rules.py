"""The decision function, without a database."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.consent.document import check, consent, read
from hub.consent.elements import elements_of
from hub.consent.rules import CARE, LOOP, Facts, Grant, Ground, Question, decide, may_record
from hub.mou.rules import DataElement

TODAY = date(2026, 11, 18)
PLAN, COUNTY = "plan", "county"


def _question(**changes: object) -> Question:
    elements = changes.pop("elements", frozenset({DataElement.IDENTITY, DataElement.REFERRAL}))
    base = {
        "discloser": PLAN,
        "recipient": COUNTY,
        "purpose": CARE,
        "on": TODAY,
        "elements": elements,
        "paths": {f"X.{e.value}": e for e in elements},
    }
    return Question(**{**base, **changes})


def _grant(**changes: object) -> Grant:
    base = {
        "consent": "c1",
        "discloser": PLAN,
        "recipient": COUNTY,
        "purpose": CARE,
        "labels": frozenset(),
        "from_date": TODAY - timedelta(days=30),
        "until_date": None,
    }
    return Grant(**{**base, **changes})


def _facts(**changes: object) -> Facts:
    base = {"agreement": "m1", "terms": frozenset(DataElement), "grants": (_grant(),)}
    return Facts(**{**base, **changes})


def test_mou_terms_and_consent_together_permit_and_the_basis_names_both() -> None:
    decision = decide(_question(), _facts())
    assert decision.permitted
    assert "c1" in decision.basis and "m1" in decision.basis


def test_without_an_executed_mou_the_authority_fails_whatever_else_is_there() -> None:
    assert decide(_question(), _facts(agreement=None)).failed is Ground.AUTHORITY


def test_an_element_that_the_mou_does_not_agree_is_named() -> None:
    decision = decide(_question(), _facts(terms=frozenset(DataElement) - {DataElement.IDENTITY}))
    assert decision.failed is Ground.ELEMENTS
    assert decision.excess == ("X.identity",)


def test_a_part_that_belongs_to_no_element_is_in_excess() -> None:
    paths, unmapped = elements_of({"resourceType": "Patient", "id": "1", "photo": [], "name": []})
    assert unmapped == ("Patient.photo",)
    assert paths == {"Patient.name": DataElement.IDENTITY}
    assert decide(_question(unmapped=unmapped), _facts()).failed is Ground.ELEMENTS


def test_contained_resources_are_looked_into() -> None:
    paths, unmapped = elements_of(
        {"resourceType": "Task", "contained": [{"resourceType": "Patient", "telecom": [], "photo": []}]}
    )
    assert paths == {"Task.contained.Patient.telecom": DataElement.CONTACT}
    assert unmapped == ("Task.contained.Patient.photo",)


def test_each_part_of_a_consent_has_to_fit() -> None:
    for wrong in (
        {"discloser": COUNTY, "recipient": PLAN},
        {"purpose": "HRESCH"},
        {"from_date": TODAY + timedelta(days=1)},
        {"until_date": TODAY - timedelta(days=1)},
    ):
        assert decide(_question(), _facts(grants=(_grant(**wrong),))).failed is Ground.CONSENT, wrong


def test_labelled_data_need_a_consent_that_names_the_label() -> None:
    asked = _question(labels=frozenset({"ETH"}))
    assert decide(asked, _facts()).failed is Ground.CONSENT
    assert decide(asked, _facts(grants=(_grant(labels=frozenset({"ETH", "HIV"})),))).permitted


def test_the_loop_can_be_closed_after_a_revocation_and_nothing_more() -> None:
    facts = _facts(grants=())
    assert decide(_question(elements=LOOP, loop=True), facts).permitted
    assert not decide(_question(elements=LOOP, loop=False), facts).permitted
    assert not decide(_question(elements=LOOP | {DataElement.NEED}, loop=True), facts).permitted
    assert not decide(_question(elements=LOOP, loop=True, labels=frozenset({"HIV"})), facts).permitted


elements = st.frozensets(st.sampled_from(list(DataElement)), min_size=1)
names = st.sampled_from(["a", "b", "c"])
days = st.integers(-3, 3).map(lambda n: TODAY + timedelta(days=n))
grants = st.builds(
    _grant,
    discloser=names,
    recipient=names,
    purpose=st.sampled_from([CARE, "HPAYMT"]),
    labels=st.frozensets(st.sampled_from(["ETH", "HIV"])),
    from_date=days,
    until_date=st.none() | days,
)


@given(
    names,
    names,
    elements,
    st.frozensets(st.sampled_from(["ETH", "HIV"])),
    st.booleans(),
    st.none() | st.just("m1"),
    elements,
    st.lists(grants, max_size=4),
)
def test_nothing_leaves_unless_mou_elements_and_consent_or_loop_say_so(
    discloser: str,
    recipient: str,
    asked: frozenset,
    labels: frozenset,
    loop: bool,
    agreement: str | None,
    terms: frozenset,
    rows: list,
) -> None:
    question = _question(discloser=discloser, recipient=recipient, elements=asked, labels=labels, loop=loop)
    decision = decide(question, Facts(agreement, terms, tuple(rows)))
    if discloser == recipient:
        assert decision.permitted
        return
    covered = any(
        g.discloser == discloser
        and g.recipient == recipient
        and g.purpose == CARE
        and labels <= g.labels
        and g.from_date <= TODAY
        and (g.until_date is None or g.until_date >= TODAY)
        for g in rows
    )
    looped = loop and asked <= LOOP and not labels
    assert decision.permitted == (agreement is not None and asked <= terms and (covered or looped))
    assert decision.permitted or decision.failed is not None


def test_a_discloser_that_it_names_may_record_a_consent_and_the_other_side_only_where_it_collects_for_both() -> None:
    plan_to_county = (frozenset({PLAN}), frozenset({COUNTY}))
    assert may_record(PLAN, *plan_to_county, frozenset({PLAN}))
    assert not may_record(COUNTY, *plan_to_county, frozenset({PLAN}))  # lets only itself receive
    both = (frozenset({PLAN}), frozenset({COUNTY, PLAN}))
    assert may_record(COUNTY, *both, frozenset({PLAN}))
    assert not may_record(COUNTY, *both, frozenset())
    assert not may_record("somebody else", *plan_to_county, frozenset())


def test_what_the_page_records_is_read_back_as_it_was_meant() -> None:
    document = consent(
        member="m",
        given_on=TODAY,
        from_date=TODAY,
        until_date=TODAY,
        organizations=(COUNTY, PLAN),
        two_way=True,
        form="ASCMI",
        labels=("HIV",),
    )
    assert check(document) == []
    said = read(document)
    assert set(said.disclosers) == set(said.recipients) == {f"Organization/{COUNTY}", f"Organization/{PLAN}"}
    assert (said.purposes, said.labels, said.until_date) == (("TREAT",), ("HIV",), TODAY)


def test_a_consent_with_parts_that_the_hub_cannot_honour_is_refused_by_name() -> None:
    document = consent(
        member="m",
        given_on=TODAY,
        from_date=TODAY,
        until_date=None,
        organizations=(COUNTY, PLAN),
        two_way=False,
        form="ASCMI",
    )
    document["provision"]["provision"] = [{"type": "deny"}]
    assert [issue.where for issue in check(document)] == ["Consent.provision.provision"]
