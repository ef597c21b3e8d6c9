"""Memorandums of understanding between a county's IHSS program and managed care plans.

States: draft, negotiation, in signature, executed, in annual review, amended, expired, terminated; the table
of steps is in `rules.py`. An MOU is executed only when its sections, data elements, named positions and
signatures are all there. Its data elements then become `mou_term` rows: what the exchange enforces is what
was agreed here.

Only the parties see an MOU. `mou.write` drafts, negotiates and names people; `mou.sign` records signatures,
executes, amends and terminates.
"""
