"""Consents, and the one decision function that every way out of the hub asks.

A release needs three things: an executed MOU between the two on that day, data elements that it agrees, and an active
consent of the member for discloser, recipient and purpose. What comes back to a referrer to close the loop needs the
first two. What is unknown is refused.
"""
