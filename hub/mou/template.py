"""What the IHSS MOU template asks of each section, in our own words (seed 004; domain.md 1.2 to 1.8). Pure
data.

Days and other numbers are not repeated here: they are rule rows, and the duties that they open show them.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.mou.rules import Section


@dataclass(frozen=True, slots=True)
class Requirement:
    summary: str
    points: tuple[str, ...]
    prompt: str  # what the parties write down


REQUIREMENTS: dict[Section, Requirement] = {
    Section.SERVICES: Requirement(
        "Names the services that the parties must coordinate for Members who live in the county or receive IHSS.",
        (
            "IHSS eligibility and hours are determined and authorized by the county alone.",
            "The plan’s covered services that matter to IHSS recipients, such as Enhanced Care Management and "
            "Community Supports.",
            "How the services of each side complement, and do not duplicate, the other’s.",
        ),
        "Which services are coordinated under this MOU, and for whom?",
    ),
    Section.OBLIGATIONS: Requirement(
        "Sets out each party’s services and oversight, and the people who answer for them.",
        (
            "The plan names an MCP Responsible Person and an MCP-IHSS Liaison; the county an IHSS Responsible Person "
            "and an IHSS Liaison.",
            "A change of a named person is told to the other party.",
            "The plan answers for its Subcontractors, Downstream Subcontractors and Network Providers.",
        ),
        "Who does what, who oversees it, and how is a change of people told?",
    ),
    Section.TRAINING: Requirement(
        "The plan trains those who carry out the MOU, and educates Members and Network Providers.",
        (
            "Training before somebody takes up tasks under the MOU, and again every year.",
            "Network Providers, Subcontractors and Downstream Subcontractors as applicable.",
            "Education of Members and Network Providers about both sides’ services.",
        ),
        "Who is trained on what, by whom and when?",
    ),
    Section.REFERRALS: Requirement(
        "The parties refer to each other as appropriate, along pathways that are written down.",
        (
            "How the plan refers a Member to IHSS, and how the county refers to the plan’s services.",
            "What must accompany a referral, and within what time it is answered.",
            "The loop is closed: the sender learns what became of each referral.",
        ),
        "How does each side refer, with what information, and how soon is it answered?",
    ),
    Section.CARE_COORDINATION: Requirement(
        "Policies and procedures by which the parties coordinate care, overcome barriers, monitor and improve.",
        (
            "Points of contact for a shared Member, and multidisciplinary team meetings where needed.",
            "Admissions, discharges and changes in condition are told.",
            "Barriers are raised, and taken up at the quarterly meeting.",
        ),
        "How is care for shared Members coordinated, and how do you notice that it works?",
    ),
    Section.DATA_SHARING: Requirement(
        "The least information that the plan must share, and what the county may share, with its protection.",
        (
            "The data elements are agreed in Exhibit C (see “Data elements”) and reviewed every year.",
            "The minimum necessary; the Member’s consent where the law requires it.",
            "Timely, frequent and secure exchange; what happens on a breach.",
        ),
        "How are data exchanged and protected, and on which legal basis?",
    ),
    Section.MEETINGS: Requirement(
        "The parties meet at least once a quarter.",
        (
            "Care coordination, quality improvement activities and outcomes, systemic and case-specific concerns.",
            "How each side carries the results into its own organization.",
            "The other party’s Responsible Person and suitable executives are invited.",
        ),
        "When do you meet, who takes part, and who minutes it?",
    ),
    Section.QUALITY: Requirement(
        "Quality improvement policies of this MOU for ongoing oversight and improvement.",
        (
            "Measures and initiatives, without duplication of effort.",
            "Reports that track referrals, Member engagement and use of services.",
        ),
        "What do you measure, and what do you do with the result?",
    ),
    Section.DISPUTES: Requirement(
        "How the parties resolve disputes, and how they bring one to the departments.",
        (
            "Steps and time limits of the negotiation between the parties.",
            "An unresolved dispute may go to DHCS; the county may turn to CDSS.",
            "Referrals and services go on meanwhile.",
        ),
        "What are the steps and time limits of a dispute?",
    ),
    Section.GENERAL: Requirement(
        "Term and renewal, amendments, records, and other contract terms.",
        (
            "Annual review of the MOU; amendments in writing and signed.",
            "The executed MOU is posted on the plan’s website.",
            "Documents that show compliance are kept for the time that the rules ask.",
        ),
        "Term, renewal, notice, records, and what else you agreed.",
    ),
}
