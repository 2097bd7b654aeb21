"""The operator's commands on the deployed stack: healthy, and with each thing broken in turn."""

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchbell.aws.store import Store
from batchbell.cli.main import main
from local.aws import REGION, LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from local.team import Team
from tests.builders import a_batch, a_notification

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(aws: LocalAws, team: Team, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of the team's; its exit code and what it printed."""
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main([*arguments, "--team", team.name], address_of=aws.address_of)
        printed = capsys.readouterr()
        where = f"AWS account 000000000000, region {REGION}\n"  # which each command but doctor says first
        return code, printed.out + printed.err.removeprefix(where)

    return run


@pytest.fixture
def healthy(team: Team, slack: SlackSimulator, openai: OpenAISimulator) -> None:
    """All is well: as it is after a tick, whatever another test has left."""
    slack.channels[CHANNEL] = None
    store_of(team).set_channel(CHANNEL, 0)
    team.tick()


def store_of(team: Team) -> Store:
    return Store(team.aws.client("dynamodb"), team.table_name, retention_s=30 * 86_400)


@contextmanager
def token_missing(team: Team, slack: SlackSimulator) -> Iterator[None]:
    name = f"/batchbell/{team.name}/slack-bot-token"
    team.aws.client("ssm").delete_parameter(Name=name)
    yield
    team.aws.put_secret(name, slack.token)


@contextmanager
def channel_refused(team: Team, slack: SlackSimulator) -> Iterator[None]:
    slack.channels[CHANNEL] = "not_in_channel"
    yield
    slack.channels[CHANNEL] = None


@contextmanager
def table_unknown(team: Team, slack: SlackSimulator) -> Iterator[None]:
    """The poll function is given the name of another table."""
    client, name = team.aws.client("lambda"), team.function_name
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    for variables in (before | {"TABLE_NAME": "no-such-table"}, before):
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        if variables is not before:
            yield


@contextmanager
def schedule_disabled(team: Team, slack: SlackSimulator) -> Iterator[None]:
    client = team.aws.client("scheduler")
    schedule = client.get_schedule(Name=f"{team.stack_name}-poll")
    known = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    request = {key: schedule[key] for key in known}
    client.update_schedule(**request, State="DISABLED")
    yield
    client.update_schedule(**request, State="ENABLED")


@contextmanager
def undelivered_for_long(team: Team, slack: SlackSimulator) -> Iterator[None]:
    """Behind a channel that Slack refuses, so that no tick delivers it meanwhile."""
    store, at = store_of(team), int(time.time()) - 7200
    batch = a_batch("batch_old", "completed", created_at=at, completed_at=at)
    state = store.load_state()
    assert state
    with channel_refused(team, slack):
        store.save_state(state, [a_notification(batch, recorded_at=at)])
        team.tick()
        yield


UNDELIVERED = "slack.not_in_channel poll.last_run_complained delivery.late delivery.parked delivery.blocked"


@pytest.mark.parametrize(
    ("broken", "wanted"),
    [
        (lambda team, slack: nullcontext(), ""),
        (token_missing, "secrets.slack_bot_token_missing"),
        (table_unknown, "aws.table.missing"),
        (schedule_disabled, "poll.schedule_disabled"),
        (undelivered_for_long, UNDELIVERED),
    ],
)
def test_doctor_names_what_is_broken_and_nothing_else(
    run: Run, healthy: None, team: Team, openai: OpenAISimulator, slack: SlackSimulator, broken, wanted
) -> None:
    with broken(team, slack):
        code, printed = run("doctor", "--json")

    results = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    # How long the answer took says nothing on a busy machine.
    codes = {each["code"] for each in results if each["standing"] == "wrong"} - {"slash.slow"}
    assert codes == set(wanted.split()), printed
    assert code == bool(wanted) or "slash.slow" in printed
    assert not any(each in printed for each in (openai.key, slack.token, slack.signing_secret))


def test_the_manifest_is_that_of_the_deployed_stack(run: Run, team: Team) -> None:
    code, printed = run("manifest", "--json")

    [command] = json.loads(printed)["manifest"]["features"]["slash_commands"]
    assert code == 0
    assert team.aws.address_of(command["url"]) == f"{team.slack_url}/commands"
    assert command["command"] == "/batches"


def test_a_test_message_is_posted_to_the_channel(run: Run, healthy: None, slack: SlackSimulator) -> None:
    code, printed = run("test-message")

    posted = slack.messages[-1]
    assert code == 0
    assert "This is a test message" in posted.text
    assert f"https://acme.slack.com/archives/{CHANNEL}/p{posted.ts.replace('.', '')}" in printed


def test_what_is_parked_is_delivered_once_the_channel_is_fixed(
    run: Run, healthy: None, team: Team, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    nothing = run("redeliver")
    batch = openai.add("failed", metadata={"name": "Parked"})
    with channel_refused(team, slack):
        team.tick()
        in_vain = run("redeliver")

    fixed = run("redeliver")

    assert nothing == (0, "Nothing is waiting for a person.\n")
    assert in_vain[0] == 1
    assert f"still waiting for a person: {batch['id']}#failed: chat.postMessage: not_in_channel" in in_vain[1]
    assert fixed == (0, "1 notification delivered.\n")
    assert "Parked" in slack.messages[-1].text


def test_the_teams_own_key_and_address_list_its_batches(run: Run, team: Team, openai: OpenAISimulator) -> None:
    batch = openai.add("failed")

    listed = run("list", "--json", "--limit", "1")
    shown = run("show", batch["id"], "--json")

    assert (listed[0], shown[0]) == (0, 0)
    assert json.loads(shown[1]) == batch
    assert json.loads(listed[1]) == openai.batches[0]


def test_what_is_typed_is_not_shown_and_enter_keeps_what_is_stored(
    aws: LocalAws, team: Team, slack: SlackSimulator
) -> None:
    with typing(aws.environ(), "secrets", "--team", team.name) as terminal:
        for prompt, typed in (("openai-api-key (not", ""), ("bot-token (not", slack.token), ("secret (not", "")):
            terminal.read_until(prompt)
            terminal.type(typed)
        terminal.read_until("All three are stored")
        code = terminal.code()

    assert code == 0
    assert terminal.shown.count("kept") == 2
    assert "stored as /batchbell/search/slack-bot-token, in the place of the one before" in terminal.shown
    assert slack.token not in terminal.shown


@pytest.fixture
def mfa(aws: LocalAws, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an operator whose role asks for an MFA code."""
    iam, name = aws.client("iam"), "operator"
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=everything)
    config = tmp_path / "config"
    config.write_text(
        "[profile keys]\naws_access_key_id = test\naws_secret_access_key = test\n"
        f"[profile operator]\nsource_profile = keys\nrole_arn = {arn}\n"
        "mfa_serial = arn:aws:iam::000000000000:mfa/ada\n"
    )
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    environ = {name: value for name, value in aws.environ().items() if name not in keys}
    yield environ | {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "operator"}
    iam.delete_role_policy(RoleName=name, PolicyName="everything")
    iam.delete_role(RoleName=name)


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    ("command", "last"), [("redeliver", "Nothing is waiting"), ("manifest", "Create:"), ("doctor", "slash.app")]
)
def test_an_mfa_code_is_asked_for_once_and_on_a_line_of_its_own(
    healthy: None, mfa: dict[str, str], team: Team, command: str, last: str
) -> None:
    with typing(mfa, command, "--team", team.name) as terminal:
        terminal.read_until("Enter MFA code")
        terminal.type("123456")
        terminal.read_until(last)

    assert terminal.shown.startswith("Enter MFA code")
    assert terminal.shown.count("Enter MFA code") == 1


@dataclass(slots=True)
class Terminal:
    """A terminal with a command in it; `shown` is all that it has shown."""

    fd: int
    process: subprocess.Popen[bytes]
    shown: str = ""

    def read_until(self, text: str) -> None:
        shown = b""
        while text.encode() not in shown:
            is_readable = select.select([self.fd], [], [], 60)[0]
            assert is_readable, f"{text!r} does not come: {shown.decode()}"
            try:
                shown += os.read(self.fd, 4096)
            except OSError:
                raise AssertionError(f"it ended without {text!r}: {shown.decode()}") from None
        self.shown += shown.decode()

    def type(self, line: str) -> None:
        os.write(self.fd, f"{line}\n".encode())

    def code(self) -> int:
        return self.process.wait(60)


@contextmanager
def typing(environ: dict[str, str], *words: str) -> Iterator[Terminal]:
    """The command in a terminal, with nothing of the account in its environment but this."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "batchbell", *words],
        env={**os.environ, **environ, "PYTHONPATH": "src"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_secrets_are_checked_and_stored_and_an_empty_line_keeps_one(
    run: Run, team: Team, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    with token_missing(team, slack):
        code, printed = run("secrets", stdin=f"\n  {slack.token} \r\n{slack.signing_secret}\n")
        stored = team.aws.client("ssm").get_parameter(
            Name=f"/batchbell/{team.name}/slack-bot-token", WithDecryption=True
        )["Parameter"]

    assert code == 0
    assert "one is stored since" in printed
    assert "kept" in printed
    assert "batchbell_search in the workspace Acme" in printed
    assert "only `batchbell doctor` and a command typed in Slack can prove it" in printed
    assert (stored["Value"], stored["Type"]) == (slack.token, "SecureString")
    assert not any(each in printed for each in (openai.key, slack.token, slack.signing_secret))
