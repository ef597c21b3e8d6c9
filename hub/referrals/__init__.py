"""Closed-loop referrals: a ServiceRequest says what is asked, a Task follows the asking, a Procedure is what was done.

One transition table serves the buttons of the page, `Task.status` over FHIR and jobs. The requester sends, cancels and
closes its ServiceRequest; the owner accepts or declines, works and ends the Task with an outcome. Every referral ends
in a reason for closure that both sides can see.
"""
