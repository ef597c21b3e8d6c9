"""Mail: written in the transaction of the change, sent by a job. It says where to look, never about whom.

A mail is kept whether or not a mail server is set. It goes to a person; the news about a duty goes to whoever holds its
position on that day, and where nobody does, to the deputy or the responsible person.
"""
