"""The operator's commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from batchbell import __version__
from batchbell.handlers.terminal import manifest
from batchbell.handlers.terminal.main import main

ROOT = Path(__file__).parents[2]
URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/slack/commands"


def test_the_manifest_names_the_teams_command_and_both_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    main(["manifest", "--team", "search", "--url", URL, "--command", "/batches-search"])

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

    with pytest.raises(SystemExit) as ended:
        main(["manifest", *(word for pair in options.items() for word in pair)])

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert says in told
    assert told.count("\n") == 1


def test_a_name_fits_into_slacks_limits(capsys: pytest.CaptureFixture[str]) -> None:
    main(["manifest", "--team", "t" * 40, "--url", URL])

    app = json.loads(capsys.readouterr().out.partition("\n\n")[0])
    assert len(app["display_information"]["name"]) <= 35


def test_the_manifest_of_a_known_url_needs_no_library() -> None:
    command = ["-S", "-m", "batchbell", "manifest", "--team", "search", "--url", URL, "--json"]

    ran = subprocess.run(  # -S: nothing that was installed can be imported
        [sys.executable, *command], env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, check=True
    )

    told = json.loads(ran.stdout)
    assert told["manifest"]["features"]["slash_commands"][0]["url"] == URL
    assert told["link"].startswith("https://api.slack.com/apps?")


def test_without_its_libraries_it_says_how_to_get_them() -> None:
    command = [sys.executable, "-S", "-m", "batchbell", "doctor", "--team", "search"]

    ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, check=False)

    assert ran.returncode == 1
    assert ran.stderr == b"batchbell: boto3 is not installed here: run `make setup`, then ./batchbell\n"


@pytest.mark.parametrize(
    "command", ["list", "show", "manifest", "secrets", "doctor", "redeliver", "test-message"]
)
def test_each_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert "--team" in capsys.readouterr().out


def test_ctrl_c_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(chosen: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(manifest, "run", interrupt)

    assert main(["manifest", "--team", "search", "--url", URL]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_has_left_is_no_error() -> None:
    command = [sys.executable, "-m", "batchbell", "manifest", "--team", "search", "--url", URL]
    read_end, write_end = os.pipe()
    os.close(read_end)

    with os.fdopen(write_end, "wb") as closed:
        ran = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": "src"},
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (ran.returncode, ran.stderr) == (141, b"")


def test_the_script_beside_the_readme_runs_it() -> None:
    ran = subprocess.run([ROOT / "batchbell", "--version"], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (0, f"batchbell {__version__}\n")


def test_the_script_says_what_to_do_before_the_first_setup(tmp_path: Path) -> None:
    script = shutil.copy(ROOT / "batchbell", tmp_path)

    ran = subprocess.run([script, "doctor"], capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "make setup" in ran.stderr


def test_it_is_run_as_a_module() -> None:
    command = [sys.executable, "-m", "batchbell", "manifest", "--help"]

    ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, check=False)

    assert ran.returncode == 0
    assert b"--team" in ran.stdout
