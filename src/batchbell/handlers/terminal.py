"""Terminal: `python -m batchbell …` -> the operator's commands."""

import argparse
import json
import re
from collections.abc import Sequence
from urllib.parse import quote

from batchbell.domain.manifest import manifest_for

_NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_json="


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a mistake in its arguments ends with a line that says what is wanted."""
    parser = argparse.ArgumentParser(prog="python -m batchbell", description="What a team's operator needs.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    manifest = commands.add_parser(
        "manifest",
        help="the Slack app's manifest, and a link that creates the app",
        description="Print the Slack app's manifest, and a link to Slack's page with it filled in.",
    )
    manifest.add_argument("--team", required=True, help="the TeamName of the stack")
    manifest.add_argument("--url", required=True, help="the SlackRequestUrl that `sam deploy` printed")
    manifest.add_argument(
        "--command",
        type=_slash_command,
        default="/batches",
        help="the SlashCommand of the stack (%(default)s)",
    )
    chosen = parser.parse_args(arguments)
    try:
        app = manifest_for(chosen.team, chosen.command, chosen.url)
    except ValueError as error:
        manifest.error(str(error))
    packed = json.dumps(app, ensure_ascii=False, separators=(",", ":"))
    print(json.dumps(app, indent=2, ensure_ascii=False))
    print(f"\nOpen this link, choose a workspace and press Create:\n\n{_NEW_APP}{quote(packed, safe='')}")


def _slash_command(text: str) -> str:
    if not re.fullmatch("/[a-z0-9_-]{1,31}", text):
        raise argparse.ArgumentTypeError("a slash, then at most 31 lower-case letters, digits, '_' and '-'")
    return text
