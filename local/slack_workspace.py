"""Workspace: who our bot is in it, what it was granted, and what Slack tells it of a channel."""

from typing import Any

BOT_ID = "B0BATCHBELL"
SCOPES = ("chat:write", "commands", "channels:history", "groups:history")
METHODS = ("auth.test", "chat.postMessage", "conversations.history", "conversations.info")

WHO = {
    "url": "https://acme.slack.com/",
    "team": "Acme",
    "user": "batchbell_search",
    "team_id": "T0ACME",
    "user_id": "U0BATCHBELL",
    "bot_id": BOT_ID,
    "is_enterprise_install": False,
}

ARCHIVED = {
    "type": "message",
    "subtype": "channel_archive",
    "ts": "1700000000.000000",
    "user": "U0ADA",
    "text": "<@U0ADA> archived the channel",
}
"""The last message of a channel that was archived."""


def scope_for(method: str, *, is_private: bool) -> str | None:
    """The scope that a method needs for such a channel; None where it needs none."""
    kind = "groups" if is_private else "channels"
    return {
        "chat.postMessage": "chat:write",
        "conversations.history": f"{kind}:history",
        "conversations.info": f"{kind}:read",
    }.get(method)


def trouble_with(method: str, trouble: str | None, *, is_private: bool) -> str | None:
    """What a method answers in a channel to which the bot cannot post because of `trouble`."""
    if trouble == "not_in_channel" and is_private:
        return "channel_not_found"  # who is not in it is not told that it exists
    can_be_seen = {
        "conversations.info": ("not_in_channel", "is_archived"),
        "conversations.history": ("is_archived",),
    }
    return None if trouble in can_be_seen.get(method, ()) else trouble


def channel_object(channel: str, trouble: str | None, *, is_private: bool) -> dict[str, Any]:
    return {
        "id": channel,
        "name": "search",
        "is_channel": not is_private,
        "is_private": is_private,
        "is_archived": trouble == "is_archived",
        "is_member": trouble is None,
    }
