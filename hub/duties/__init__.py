"""Duties: what somebody owes, to whom, by when, under which rule; and the rules themselves, as dated rows.

States: open → met | missed (done after its date) | excused | cancelled. Overdue is not a state: it is an open
duty whose date has passed. Actions of the other features open and settle duties in the transaction of the
fact; nobody types a state. A duty is owed by a position, so that it outlives the person who holds it; one job
escalates what is overdue. Everybody may see the duties of the own organization; the other side sees those
that concern it (`shared` rules).
"""
