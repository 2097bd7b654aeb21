"""Manifest: the Slack app that a team creates, as Slack's app manifest."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SCOPES = ("chat:write", "commands", "channels:history", "groups:history")
"""Post; be asked; and look, in public and private channels, whether a post in doubt has landed."""

_COMMANDS, _INTERACTIONS = "/slack/commands", "/slack/interactions"
_NAME_ROOM = 35
_BOT_NAME_ROOM = 80


def manifest_for(team: str, command: str, request_url: str) -> Mapping[str, Any]:
    """The app; `request_url` is the stack's output `SlackRequestUrl`. Raises: ValueError for another."""
    url = urlsplit(request_url)
    if url.scheme != "https" or not url.netloc or not url.path.endswith(_COMMANDS):
        raise ValueError(f"the request URL must begin with https:// and end in {_COMMANDS}")
    interactions = urlunsplit(url._replace(path=url.path.removesuffix(_COMMANDS) + _INTERACTIONS))
    name = f"batchbell {team}"
    return {
        "display_information": {
            "name": name[:_NAME_ROOM],
            "description": f"Says how each OpenAI batch of {team} ended, and why.",
            "background_color": "#1d1c1d",
        },
        "features": {
            "bot_user": {"display_name": name[:_BOT_NAME_ROOM], "always_online": True},
            "slash_commands": [
                {
                    "command": command,
                    "url": request_url,
                    "description": f"The OpenAI batches of {team}",
                    "usage_hint": "[failed] [25] | batch_… | status | help [--share]",
                    "should_escape": False,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True, "request_url": interactions},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }
