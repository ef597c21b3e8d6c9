"""The directory: organizations, the people who work for them, and who holds which position from when to when.

A position (liaison, responsible person, compliance officer) is held by an appointment: a person, a deputy, a
first and a last day, towards one partner or towards all. Appointments are never overwritten: a new one ends
the one before, and both stay on record. A position that nobody holds on a day is vacant, and every list says
so.

Who may what: `directory.write` appoints and records people of the own organization; `mou.write` names people
for an MOU (through `hub.mou.actions`, which knows the partner). Organizations and systems are set up by the
hub itself.
"""
