"""`batchbell manifest`: a team's Slack app."""

import json
from argparse import Namespace
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from batchbell.cli.output import progress

_COMMANDS, _INTERACTIONS = "/slack/commands", "/slack/interactions"


def run(chosen: Namespace) -> int:
    """Print the Slack app of a team, and a link that creates it."""
    url, command = chosen.url, chosen.command
    if url is None:
        from batchbell.cli.aws import signed_in  # noqa: PLC0415  The manifest of a known URL needs no library.

        aws = signed_in()
        with progress("looking for the stack"):
            stack = aws.stack(chosen.team, chosen.stack)
        url, command = stack.output("SlackRequestUrl"), command or stack.parameters.get("SlashCommand")
    try:
        app = _manifest_for(chosen.team, command or "/batches", url)
    except ValueError as error:
        chosen.usage(str(error))
    packed = json.dumps(app, ensure_ascii=False, separators=(",", ":"))
    link = f"https://api.slack.com/apps?new_app=1&manifest_json={quote(packed, safe='')}"
    shown = json.dumps(app, indent=2, ensure_ascii=False)
    text = f"{shown}\n\nOpen this link, choose a workspace and press Create:\n\n{link}"
    print(json.dumps({"manifest": app, "link": link}) if chosen.json else text)
    return 0


def _manifest_for(team: str, command: str, request_url: str) -> dict[str, Any]:
    """Return the app; `request_url` is the stack's SlackRequestUrl. Raises: ValueError for another."""
    url = urlsplit(request_url)
    if url.scheme != "https" or not url.netloc or not url.path.endswith(_COMMANDS):
        raise ValueError(f"the request URL must begin with https:// and end in {_COMMANDS}")
    interactions = urlunsplit(url._replace(path=url.path.removesuffix(_COMMANDS) + _INTERACTIONS))
    name = f"batchbell {team}"
    slash_command = {"command": command, "url": request_url, "description": f"The OpenAI batches of {team}"}
    hint = {"usage_hint": "[failed] [25] | batch_… | status | help [--share]", "should_escape": False}
    return {
        "display_information": {
            "name": name[:35],
            "description": f"Says how each OpenAI batch of {team} ended, and why.",
            "background_color": "#1d1c1d",
        },
        "features": {
            "bot_user": {"display_name": name[:80], "always_online": True},
            "slash_commands": [slash_command | hint],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write", "commands", "channels:history", "groups:history"]}},
        "settings": {
            "interactivity": {"is_enabled": True, "request_url": interactions},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }
