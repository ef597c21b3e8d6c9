"""A made-up State: 58 counties, their plans and members, two years of referrals, for load tests and for trying the hub.

Nobody in it is real, and no CIN was ever issued: those of Medi-Cal begin with 9, these with 0. All rows follow from the
arguments and the seed alone, so the same arguments give the same State, on both databases, in one go or after a crash.
Its rows are written past the actions, in bulk; tests hold them to what the actions write for the same facts. What it
leaves out: the audit entries of each act (one says that the State was built), mail, and done jobs.
"""
