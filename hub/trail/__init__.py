"""The pages of the audit trail: an organization's access log, and who saw a member's data.

An organization sees what its own people and systems did, and what others did to it or to what it serves (entries whose
`organization` or `counterpart` it is). Opening the log is itself an entry. The trail is never changed from here.
"""
