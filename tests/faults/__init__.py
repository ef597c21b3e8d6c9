"""What the hub does when something fails: real processes, real kills, and a comparison of what was acknowledged with
what is there.

Moments are chosen by counting acknowledgements, with seeded randomness, never by time; waiting is for a condition.
"""
