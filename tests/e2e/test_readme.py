"""README: the commands of "Deploy it", as they stand there, from an empty account to a bot that works."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local.aws import ROOT, LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator

# A local AWS has an API elsewhere than its URL says.
REACH_THE_LOCAL_API = """
import os, sys
from functools import partial
from types import SimpleNamespace

if "batchbell" in sys.orig_argv:
    from batchbell.cli.main import main
    from local.aws import LocalAws

    here = SimpleNamespace(endpoint=os.environ["AWS_ENDPOINT_URL"])
    main.__kwdefaults__["address_of"] = partial(LocalAws.address_of, here)
"""


@pytest.fixture
def checkout(tmp_path: Path, openai: OpenAISimulator, slack: SlackSimulator) -> Path:
    """The repository as a team has it, with its section of samconfig.toml filled in."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for pins in folder.glob("**/*.txt"):
        os.utime(pins, (0, 0))  # what they pin is installed
    config = folder / "samconfig.toml"
    simulated = f'"OpenAIBaseUrl={openai.base_url}", "SlackBaseUrl={slack.base_url}", "TeamName=search"'
    config.write_text(config.read_text().replace("C0000SEARCH", CHANNEL).replace('"TeamName=search"', simulated))
    (folder / "sitecustomize.py").write_text(REACH_THE_LOCAL_API)
    return folder


def commands() -> list[str]:
    """Return each command of the section, in the order of its steps."""
    [section] = re.findall(r"^## Deploy it\n(.+?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^ *```sh\n(.+?)^ *```", section, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_who_runs_the_commands_of_deploy_it_gets_a_bot_that_works(
    checkout: Path, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    begin, printed = len(slack.messages), {}
    typed = {"sam deploy": "y\n", "secrets": f"{openai.key}\n{slack.token}\n{slack.signing_secret}\n"}
    with LocalAws() as aws:
        environ = {**os.environ, **aws.environ(), "PYTHONPATH": str(checkout), "SAM_CLI_TELEMETRY": "0"}
        for command in commands():
            stdin = "".join(text for name, text in typed.items() if name in command)
            shell = ["bash", "-ec", command]
            pipes = {"input": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            ran = subprocess.run(shell, cwd=checkout, env=environ, check=False, **pipes)
            printed[command] = ran.stdout
            # How long the answer took says nothing on a busy machine.
            assert ran.returncode == 0 or "and Slack waits" in ran.stdout, f"{command}:\n{ran.stdout}"
            if "secrets" in command:
                aws.invoke("batchbell-search-poll")

    texts = [message.text for message in slack.messages[begin:]]
    has_bytecode = any((checkout / ".aws-sam").rglob("*.cpython-313.pyc"))
    assert ("bytecode of Python 3.13 added" if has_bytecode else "no bytecode") in printed["make build"]
    assert len(texts) == 2, texts
    assert "This is a test message" in texts[-1]
