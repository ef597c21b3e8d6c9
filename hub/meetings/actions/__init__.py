"""Writes of meetings: one function per use case, each one unit of work."""

from hub.meetings.actions.agenda import add_item, edit_item, refresh_agenda, remove_item
from hub.meetings.actions.items import add_action_item, complete_action_item, drop_action_item
from hub.meetings.actions.minutes import hold, minute, post
from hub.meetings.actions.quarter import open_quarter
from hub.meetings.actions.schedule import cancel, invite, move, schedule

__all__ = [
    "add_action_item",
    "add_item",
    "cancel",
    "complete_action_item",
    "drop_action_item",
    "edit_item",
    "hold",
    "invite",
    "minute",
    "move",
    "open_quarter",
    "post",
    "refresh_agenda",
    "remove_item",
    "schedule",
]
