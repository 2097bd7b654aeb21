"""Manifest: the Slack app of a team, and a link that creates it. Needs no library with a URL."""

import json
from argparse import Namespace
from urllib.parse import quote

from batchbell.domain.manifest import manifest_for

_NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_json="


def run(chosen: Namespace) -> int:
    url, command = chosen.url, chosen.command
    if url is None:
        from batchbell.handlers.terminal.deployment import signed_in, stack_of  # noqa: PLC0415  needs boto3

        stack = stack_of(signed_in(), chosen.team, chosen.stack)
        url, command = stack.output("SlackRequestUrl"), command or stack.parameters.get("SlashCommand")
    try:
        app = manifest_for(chosen.team, command or "/batches", url)
    except ValueError as error:
        chosen.usage(str(error))
    packed = json.dumps(app, ensure_ascii=False, separators=(",", ":"))
    link = f"{_NEW_APP}{quote(packed, safe='')}"
    if chosen.json:
        print(json.dumps({"manifest": app, "link": link}))
        return 0
    print(json.dumps(app, indent=2, ensure_ascii=False))
    print(f"\nOpen this link, choose a workspace and press Create:\n\n{link}")
    return 0
