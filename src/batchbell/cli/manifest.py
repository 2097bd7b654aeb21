"""`batchbell manifest`: a team's Slack app."""

import json
import re
from argparse import Namespace
from pathlib import Path
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
        print(f"Open this link, choose a workspace and press Create:\n\n{link}\n")
        print(f"It creates the app of this manifest:\n\n{json.dumps(app, indent=2)}")
    return 0


def _manifest_for(team: str, command: str, request_url: str) -> Any:
    """Return manifest.json with its `{names}` filled in."""
    values = {
        "name": f"batchbell {team}"[:80],
        "short_name": f"batchbell {team}"[:35],
        "description": f"Says how each OpenAI batch of {team} ended, and why.",
        "command": command,
        "command_description": f"The OpenAI batches of {team}",
        "request_url": request_url,
        "interactions_url": request_url.removesuffix("commands") + "interactions",
    }
    text = Path(__file__).with_name("manifest.json").read_text("utf-8")
    return json.loads(re.sub(r'"\{(\w+)\}"', lambda name: json.dumps(values[name[1]]), text))
