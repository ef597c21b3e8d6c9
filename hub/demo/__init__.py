"""The demonstration: a year of a few counties and plans, told through the hub's own actions.

Counties are real; plans, people and members are made up. The story is the same on every run, reckoned back from the day
of set-up; only passwords and keys are random. It is told into an empty database alone, and the data folder remembers
that it was (`marker`).
"""
