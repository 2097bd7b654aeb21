"""The operator's commands."""

import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from batchbell.handlers import terminal

URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/slack/commands"


def test_the_manifest_names_the_teams_command_and_both_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.main(["manifest", "--team", "search", "--url", URL, "--command", "/batches-search"])

    printed, _, rest = capsys.readouterr().out.partition("\n\n")
    app = json.loads(printed)
    link = rest.splitlines()[-1]
    [command] = app["features"]["slash_commands"]
    assert (command["command"], command["url"]) == ("/batches-search", URL)
    assert app["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": URL.replace("commands", "interactions"),
    }
    assert app["oauth_config"]["scopes"]["bot"] == [
        "chat:write",
        "commands",
        "channels:history",
        "groups:history",
    ]
    assert link.startswith("https://api.slack.com/apps?new_app=1&manifest_json=")
    assert json.loads(parse_qs(urlsplit(link).query)["manifest_json"][0]) == app


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [("--url", "http://example.com/slack/commands", "https://"), ("--command", "batches", "a slash")],
)
def test_a_slip_is_answered_with_what_is_wanted(
    capsys: pytest.CaptureFixture[str], option: str, value: str, says: str
) -> None:
    options = {"--team": "search", "--url": URL, option: value}

    with pytest.raises(SystemExit):
        terminal.main(["manifest", *(word for pair in options.items() for word in pair)])

    assert says in capsys.readouterr().err


def test_a_name_fits_into_slacks_limits(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.main(["manifest", "--team", "t" * 40, "--url", URL])

    app = json.loads(capsys.readouterr().out.partition("\n\n")[0])
    assert len(app["display_information"]["name"]) <= 35


def test_it_is_run_as_a_module() -> None:
    command = [sys.executable, "-m", "batchbell", "manifest", "--help"]

    ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, check=False)

    assert ran.returncode == 0
    assert b"--team" in ran.stdout
