"""The quarterly compliance report of a county or a plan: read-only, across features.

Everything goes by effective dates up to the quarter's last day, so a later event never changes an earlier
quarter. One selection serves a figure and the rows behind it: the figure is their number.
"""
