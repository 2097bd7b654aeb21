"""Arguments, exit codes and errors of the commands; the manifest of a known URL, which needs no library."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from batchbell import __version__
from batchbell.cli import manifest
from batchbell.cli.main import main

ROOT = Path(__file__).parents[2]
URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/slack/commands"
COMMANDS = ["list", "show", "manifest", "secrets", "doctor", "test-message", "redeliver"]
MANIFEST = ["manifest", "--team", "search", "--url", URL]


def as_module(*words: str, **options: int) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m batchbell`; with `-S` as the first word, nothing that was installed is found."""
    flags = ["-S"] if words[0] == "-S" else []
    command = [sys.executable, *flags, "-m", "batchbell", *words[len(flags) :]]
    where = {"stdout": subprocess.PIPE} | options
    environ = os.environ | {"PYTHONPATH": "src"}
    return subprocess.run(command, env=environ, stderr=subprocess.PIPE, check=False, **where)


def test_the_manifest_names_the_teams_command_and_both_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    main(["manifest", "--team", "t" * 40, "--url", URL, "--command", "/batches-search"])

    open_this, link, _, printed = capsys.readouterr().out.split("\n\n")
    app = json.loads(printed)
    assert open_this.startswith("Open this link")
    [command] = app["features"]["slash_commands"]
    assert (command["command"], command["url"]) == ("/batches-search", URL)
    assert app["display_information"]["name"] == f"batchbell {'t' * 25}"  # Slack allows no longer one
    assert app["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": URL.replace("commands", "interactions"),
    }
    scopes = ["chat:write", "commands", "channels:history", "groups:history"]
    assert app["oauth_config"]["scopes"]["bot"] == scopes
    assert link.startswith("https://api.slack.com/apps?new_app=1&manifest_json=")
    assert json.loads(parse_qs(urlsplit(link).query)["manifest_json"][0]) == app


def test_the_manifest_of_a_known_url_needs_no_library() -> None:
    ran = as_module("-S", *MANIFEST, "--json")

    printed = json.loads(ran.stdout)
    assert printed["manifest"]["features"]["slash_commands"][0]["url"] == URL
    assert printed["link"].startswith("https://api.slack.com/apps?")


def test_without_its_libraries_it_says_how_to_get_them() -> None:
    ran = as_module("-S", "redeliver", "--team", "search")

    assert ran.returncode == 1
    assert ran.stderr == b"batchbell: boto3 is not installed here: run `make setup`, then ./batchbell\n"


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_bare_or_asked_for_help_it_shows_the_commands_by_what_they_are_for(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Says in Slack when an OpenAI batch ends" in printed
    assert "\nlook (needs only OPENAI_API_KEY):\n  list          list the batches, newest first" in printed
    assert "\nset up:\n  manifest " in printed
    assert "\ncheck:\n  doctor " in printed
    assert all(f"\n  {command} " in printed for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert "--team" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["manifest", "--team", "a", "--url", "http://example.com/slack/commands"], "https://"),
        ([*MANIFEST, "--command", "batches"], "a slash"),
        (["list", "--limit", "0"], "a whole number from 1"),
        (["list", "--status", "in progress!"], "is no status; there are all, open, problems, validating"),
        (["list", "--status", ""], "'' is no status"),
        (["list"], "give --team, or set OPENAI_API_KEY"),
        (["show"], "ID"),
        (["show", ""], "a batch's id"),
        (["list", "--after", " "], "a batch's id"),
        (["doctor"], "--team"),
        (["lits"], "invalid choice: 'lits' (choose from "),
        (["--json"], "command"),
    ],
)
def test_a_wrong_usage_ends_with_2_and_says_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    printed = capsys.readouterr().err
    assert ended.value.code == 2
    assert says in printed
    assert printed.count("\n") == 1


def test_ctrl_c_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(chosen: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(manifest, "run", interrupt)

    assert main(MANIFEST) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_has_left_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)

    with os.fdopen(write_end, "wb") as closed:
        ran = as_module(*MANIFEST, stdout=closed.fileno())

    assert (ran.returncode, ran.stderr) == (141, b"")


def test_the_script_beside_the_readme_runs_it_or_says_what_to_do_before_the_first_setup(tmp_path: Path) -> None:
    scripts = (ROOT / "batchbell", shutil.copy(ROOT / "batchbell", tmp_path))

    ready, early = (
        subprocess.run([script, "--version"], capture_output=True, text=True, check=False) for script in scripts
    )

    assert (ready.returncode, ready.stdout) == (0, f"batchbell {__version__}\n")
    assert early.returncode == 1
    assert "make setup" in early.stderr
