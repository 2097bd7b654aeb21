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
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from batchbell.aws.store import Store
from batchbell.cli.main import main
from local.aws import LocalAws
from local.openai_faults import error
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from local.team import Team
from tests.makers import a_batch, a_notification

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    aws: LocalAws, team: Team, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command of the team's; its exit code and what it printed."""
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main([*arguments, "--team", team.name], address_of=aws.address_of)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


@pytest.fixture
def healthy(team: Team, slack: SlackSimulator, openai: OpenAISimulator) -> None:
    """All is well: as it is after a tick, whatever another test has left."""
    slack.channels[CHANNEL] = None
    store_of(team).unblock(CHANNEL, not_before=0)
    team.tick()


def store_of(team: Team) -> Store:
    return Store(team.aws.client("dynamodb"), team.table_name, retention_s=30 * 86_400)


def codes(printed: str) -> set[str]:
    """What doctor says is wrong; how long the answer took says nothing on a busy machine."""
    results = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {each["code"] for each in results if each["standing"] == "wrong"} - {"slash.slow"}


Break = Callable[[Team, OpenAISimulator, SlackSimulator], Any]
"""Breaks one thing; it is a context manager, after which the thing is whole again."""


def recycle(team: Team) -> None:
    """Let the Slack function start anew: it looks for a rotated secret once a minute only."""
    client, name = team.aws.client("lambda"), team.slack_function_name
    client.update_function_configuration(FunctionName=name, Timeout=10)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


@contextmanager
def secret(team: Team, name: str, value: str | None) -> Iterator[None]:
    ssm, parameter = team.aws.client("ssm"), f"/batchbell/{team.name}/{name}"
    before = ssm.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"]
    if value is None:
        ssm.delete_parameter(Name=parameter)
    else:
        team.aws.put_secret(parameter, value)
    if name == "slack-signing-secret":
        recycle(team)
    yield
    team.aws.put_secret(parameter, before)
    if name == "slack-signing-secret":
        recycle(team)


@contextmanager
def openai_down(openai: OpenAISimulator, fault: Any) -> Iterator[None]:
    openai.down = fault
    yield
    openai.down = None


@contextmanager
def channel(slack: SlackSimulator, error: str) -> Iterator[None]:
    slack.channels[CHANNEL] = error
    yield
    slack.channels[CHANNEL] = None


@contextmanager
def function_environ(team: Team, **changed: str) -> Iterator[None]:
    """Change the environment of the poll function."""
    client = team.aws.client("lambda")
    before = client.get_function_configuration(FunctionName=team.function_name)["Environment"]["Variables"]

    def tell(variables: dict[str, str]) -> None:
        client.update_function_configuration(
            FunctionName=team.function_name, Environment={"Variables": variables}
        )
        updated = client.get_waiter("function_updated_v2")
        updated.wait(FunctionName=team.function_name, WaiterConfig={"Delay": 1})

    tell(before | changed)
    yield
    tell(before)


@contextmanager
def schedule_disabled(team: Team) -> Iterator[None]:
    client = team.aws.client("scheduler")
    schedule = client.get_schedule(Name=f"{team.stack_name}-poll")
    known = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    request = {key: schedule[key] for key in known}
    client.update_schedule(**request, State="DISABLED")
    yield
    client.update_schedule(**request, State="ENABLED")


@contextmanager
def no_poll_lately(team: Team, openai: OpenAISimulator) -> Iterator[None]:
    store = store_of(team)
    state = store.load_state()
    assert state
    store.save_state(replace(state, polled_at=int(time.time()) - 7200))
    with openai_down(openai, error(500)):
        yield
    team.tick()


@contextmanager
def undelivered_for_long(team: Team, slack: SlackSimulator) -> Iterator[None]:
    """Behind a channel that Slack refuses, so that no tick delivers it meanwhile."""
    store, at = store_of(team), int(time.time()) - 7200
    batch = a_batch("batch_old", "completed", created_at=at, completed_at=at)
    state = store.load_state()
    assert state
    with channel(slack, "not_in_channel"):
        store.save_state(state, [a_notification(batch, recorded_at=at)])
        team.tick()
        yield
    store.unblock(CHANNEL, not_before=0)
    team.tick()


BREAKS: dict[str, tuple[Break, set[str]]] = {
    "wrong key": (lambda t, o, s: secret(t, "openai-api-key", "sk-other"), {"openai.key_refused"}),
    "token missing": (
        lambda t, o, s: secret(t, "slack-bot-token", None),
        {"secrets.slack_bot_token_missing"},
    ),
    "signing secret malformed": (
        lambda t, o, s: secret(t, "slack-signing-secret", "xoxb-by-mistake"),
        {"secrets.slack_signing_secret_malformed"},
    ),
    "table gone": (lambda t, o, s: function_environ(t, TABLE_NAME="no-such-table"), {"aws.table.missing"}),
    "settings wrong": (lambda t, o, s: function_environ(t, NOTIFY_ON=" , "), {"poll.settings.failed"}),
    "schedule disabled": (lambda t, o, s: schedule_disabled(t), {"poll.schedule_disabled"}),
    "no poll lately": (lambda t, o, s: no_poll_lately(t, o), {"poll.late", "openai.failing"}),
    "old news undelivered, parked and blocked": (
        lambda t, o, s: undelivered_for_long(t, s),
        {
            "delivery.late",
            "delivery.parked",
            "delivery.blocked",
            "slack.not_in_channel",
            "poll.last_run_complained",
        },
    ),
}


def test_doctor_finds_nothing_wrong_with_a_healthy_bot(
    run: Run, healthy: None, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    _, printed = run("doctor")
    _, as_json = run("doctor", "--json")

    assert codes(as_json) == set()
    assert "✓ slack.channel" in printed
    assert "only Slack can tell" in printed
    assert not any(each in printed + as_json for each in (openai.key, slack.token, slack.signing_secret))


@pytest.mark.parametrize(("breaks", "wanted"), BREAKS.values(), ids=BREAKS.keys())
def test_doctor_names_what_is_broken_and_nothing_else(
    run: Run,
    healthy: None,
    team: Team,
    openai: OpenAISimulator,
    slack: SlackSimulator,
    breaks: Break,
    wanted: set[str],
) -> None:
    with breaks(team, openai, slack):
        code, printed = run("doctor", "--json")

    assert codes(printed) == wanted, printed
    assert code == 1
    assert not any(each in printed for each in (openai.key, slack.token, slack.signing_secret, "sk-other"))


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
    with channel(slack, "not_in_channel"):
        team.tick()
        in_vain = run("redeliver")

    fixed = run("redeliver")

    assert nothing == (0, "Nothing is parked.\n")
    assert in_vain[0] == 1
    assert f"still parked: {batch['id']}#failed: chat.postMessage: not_in_channel" in in_vain[1]
    assert fixed == (0, "1 notification delivered.\n")
    assert "Parked" in slack.messages[-1].text


def test_the_teams_own_key_and_address_list_its_batches(
    run: Run, team: Team, openai: OpenAISimulator
) -> None:
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
        for prompt, typed in (
            ("openai-api-key (not", ""),
            ("bot-token (not", slack.token),
            ("secret (not", ""),
        ):
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
    ("command", "last"),
    [("redeliver", "Nothing is parked"), ("manifest", "Create:"), ("doctor", "slash.app")],
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
    with secret(team, "slack-bot-token", None):
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
