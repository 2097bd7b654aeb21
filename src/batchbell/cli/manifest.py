"""`batchbell manifest`: a team's Slack app."""

import json
import re
from argparse import Namespace
from typing import Any
from urllib.parse import quote

from batchbell.cli.output import progress


def run(chosen: Namespace) -> int:
    """Print the Slack app of a team, and a link that creates it."""
    url, command = chosen.url, chosen.command
    if url is None:
        from batchbell.cli.aws import signed_in  # noqa: PLC0415  The manifest of a known URL needs no library.

        aws = signed_in()
        with progress("looking for the stack"):
            stack = aws.stack(chosen.team, chosen.stack)
        url, command = stack.output("SlackRequestUrl"), command or stack.parameters.get("SlashCommand")
    if not re.fullmatch(r"https://[^/?#]+(/[^?#]*)?/slack/commands", url):
        chosen.usage("the request URL must begin with https:// and end in /slack/commands")
    app = _manifest_for(chosen.team, command or "/batches", url)
    packed = json.dumps(app, ensure_ascii=False, separators=(",", ":"))
    link = f"https://api.slack.com/apps?new_app=1&manifest_json={quote(packed, safe='')}"
    if chosen.json:
        print(json.dumps({"manifest": app, "link": link}))
    else:
        print(json.dumps(app, indent=2))
        print(f"\nOpen this link, choose a workspace and press Create:\n\n{link}")
    return 0


def _manifest_for(team: str, command: str, request_url: str) -> dict[str, Any]:
    interactions = request_url.removesuffix("commands") + "interactions"
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
