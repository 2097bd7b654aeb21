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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table
from batchbell.adapters.outbox_table import notification_put
from batchbell.domain.notification import Notification
from batchbell.handlers.terminal.main import main
from local.aws import LocalAws
from local.openai_faults import error, error_body, html, raw, redirect
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator
from local.team import Team
from tests.builders import a_batch

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    aws: LocalAws, team: Team, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command of the team's; its exit code and what it printed."""
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)

    def run(
        *arguments: str, stdin: str = "", address_of: Callable[[str], str] | None = None
    ) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        words = [*arguments, *([] if "--team" in arguments else ["--team", team.name])]
        code = main(words, address_of=address_of or aws.address_of)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


@pytest.fixture
def healthy(team: Team, slack: SlackSimulator, openai: OpenAISimulator) -> None:
    """All is well: as it is after a tick, whatever another test has left."""
    slack.channels[CHANNEL] = None
    opened(team).ask(
        "open the lane", "delete_item", Key={"pk": {"S": "outbox"}, "sk": {"S": f"lane#{CHANNEL}"}}
    )
    team.tick()


def opened(team: Team) -> Table:
    return Table(team.aws.client("dynamodb"), team.table_name, 30 * 86_400)


def codes(printed: str) -> set[str]:
    """What doctor says is wrong; how long the answer took says nothing on a busy machine."""
    findings = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {each["code"] for each in findings if each["standing"] == "wrong"} - {"slash.slow"}


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
def without_scope(slack: SlackSimulator, scope: str, *, is_private: bool = False) -> Iterator[None]:
    before = set(slack.scopes)
    slack.scopes.discard(scope)
    if is_private:
        slack.private.add(CHANNEL)
    yield
    slack.scopes |= before
    slack.private.discard(CHANNEL)


@contextmanager
def channel(slack: SlackSimulator, trouble: str, *, with_read: bool = False) -> Iterator[None]:
    slack.channels[CHANNEL] = trouble
    slack.scopes |= {"channels:read"} if with_read else set()
    yield
    slack.channels[CHANNEL] = None
    slack.scopes.discard("channels:read")


@contextmanager
def function_environ(team: Team, **changed: str) -> Iterator[None]:
    """The poll function is told something else."""
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
    told = {key: schedule[key] for key in known}
    client.update_schedule(**told, State="DISABLED")
    yield
    client.update_schedule(**told, State="ENABLED")


@contextmanager
def no_poll_lately(team: Team, openai: OpenAISimulator) -> Iterator[None]:
    batches = BatchTable(opened(team))
    watch = batches.load_watch()
    assert watch
    batches.save_watch(replace(watch, polled_at=int(time.time()) - 7200))
    yield
    team.tick()


@contextmanager
def news_undelivered_for_long(team: Team, slack: SlackSimulator) -> Iterator[None]:
    """Behind a channel that Slack refuses, so that no tick delivers it meanwhile."""
    table, begun_at = opened(team), int(time.time()) - 7200
    batch = a_batch("batch_old", "completed", created_at=begun_at, completed_at=begun_at)
    old = Notification("batch_old#completed", begun_at, batch)
    with channel(slack, "not_in_channel"):
        table.transact("owe old news", [notification_put(old)])
        team.tick()
        yield
    team.tick()


@contextmanager
def several(*breaks: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for each in breaks:
            stack.enter_context(each)
        yield


RESTRICTED = raw(
    error_body("You have insufficient permissions for this operation. Missing scopes: api.batch.read."), 401
)
BREAKS: dict[str, tuple[Break, set[str]]] = {
    "wrong key": (lambda t, o, s: secret(t, "openai-api-key", "sk-other"), {"openai.key_refused"}),
    "key without permission": (lambda t, o, s: openai_down(o, error(403)), {"openai.no_permission"}),
    "restricted key": (lambda t, o, s: openai_down(o, RESTRICTED), {"openai.no_permission"}),
    "not a batches server": (lambda t, o, s: openai_down(o, html(200)), {"openai.not_a_batches_server"}),
    "wrong path": (lambda t, o, s: openai_down(o, error(404)), {"openai.no_batches_here"}),
    "redirect": (lambda t, o, s: openai_down(o, redirect("/elsewhere")), {"openai.redirected"}),
    "OpenAI fails": (lambda t, o, s: openai_down(o, error(500)), {"openai.failing"}),
    "nobody answers": (
        lambda t, o, s: function_environ(t, OPENAI_BASE_URL="http://127.0.0.1:9/v1"),
        {"openai.unreachable", "poll.another_server"},
    ),
    "key missing": (
        lambda t, o, s: secret(t, "openai-api-key", None),
        {"secrets.openai_api_key_missing"},
    ),
    "token missing": (
        lambda t, o, s: secret(t, "slack-bot-token", None),
        {"secrets.slack_bot_token_missing"},
    ),
    "token wrong": (lambda t, o, s: secret(t, "slack-bot-token", "xoxb-other"), {"slack.invalid_auth"}),
    "Slack unreachable": (
        lambda t, o, s: function_environ(t, SLACK_BASE_URL="http://127.0.0.1:9/api/"),
        {"slack.unreachable"},
    ),
    "signing secret malformed": (
        lambda t, o, s: secret(t, "slack-signing-secret", "xoxb-by-mistake"),
        {"secrets.slack_signing_secret_malformed"},
    ),
    "signing secret missing": (
        lambda t, o, s: secret(t, "slack-signing-secret", None),
        {"secrets.slack_signing_secret_missing"},
    ),
    "no chat:write": (lambda t, o, s: without_scope(s, "chat:write"), {"slack.missing_scope"}),
    "no commands": (lambda t, o, s: without_scope(s, "commands"), {"slack.missing_scope"}),
    "no channels:history": (lambda t, o, s: without_scope(s, "channels:history"), {"slack.missing_scope"}),
    "no groups:history for a private channel": (
        lambda t, o, s: without_scope(s, "groups:history", is_private=True),
        {"slack.missing_scope"},
    ),
    "channel unknown": (lambda t, o, s: channel(s, "channel_not_found"), {"slack.channel_not_found"}),
    "not in channel": (lambda t, o, s: channel(s, "not_in_channel"), {"slack.not_in_channel"}),
    "not in channel, and it may be seen": (
        lambda t, o, s: channel(s, "not_in_channel", with_read=True),
        {"slack.not_in_channel"},
    ),
    "channel archived": (lambda t, o, s: channel(s, "is_archived"), {"slack.is_archived"}),
    "channel archived, and it may be seen": (
        lambda t, o, s: channel(s, "is_archived", with_read=True),
        {"slack.is_archived"},
    ),
    "table gone": (lambda t, o, s: function_environ(t, TABLE_NAME="no-such-table"), {"aws.table.missing"}),
    "settings wrong": (lambda t, o, s: function_environ(t, NOTIFY_ON=" , "), {"poll.settings.failed"}),
    "schedule disabled": (lambda t, o, s: schedule_disabled(t), {"poll.schedule_disabled"}),
    "no poll lately": (
        lambda t, o, s: several(no_poll_lately(t, o), openai_down(o, error(500))),
        {"poll.late", "openai.failing"},
    ),
    "old news undelivered, parked and blocked": (
        lambda t, o, s: news_undelivered_for_long(t, s),
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
    _, told = run("doctor")
    _, as_json = run("doctor", "--json")

    assert codes(as_json) == set()
    assert "✓ slack.channel" in told
    assert "only Slack can tell" in told
    assert not any(each in told + as_json for each in (openai.key, slack.token, slack.signing_secret))


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
        code, told = run("doctor", "--json")

    assert codes(told) == wanted, told
    assert code == 1
    assert not any(each in told for each in (openai.key, slack.token, slack.signing_secret, "sk-other"))


def test_doctor_says_when_the_slash_commands_address_is_out_of_reach(run: Run, healthy: None) -> None:
    code, told = run("doctor", "--json", address_of=lambda url: "http://127.0.0.1:9/slack/commands")

    assert code == 1
    assert codes(told) == {"slash.unreachable"}


def test_doctor_names_the_stacks_there_are_when_it_finds_none(run: Run, team: Team) -> None:
    code, told = run("doctor", "--json", "--team", "nobody")

    assert code == 1
    assert codes(told) >= {"aws.stack.missing"}
    assert f"{team.stack_name} (TeamName={team.name})" in told


def test_the_manifest_is_that_of_the_deployed_stack(run: Run, team: Team) -> None:
    code, told = run("manifest", "--json")

    [command] = json.loads(told)["manifest"]["features"]["slash_commands"]
    assert code == 0
    assert team.aws.address_of(command["url"]) == f"{team.slack_url}/commands"
    assert command["command"] == "/batches"


def test_a_test_message_lands_in_the_channel(run: Run, healthy: None, slack: SlackSimulator) -> None:
    code, told = run("test-message")

    posted = slack.messages[-1]
    assert code == 0
    assert "This is a test message" in posted.text
    assert f"https://acme.slack.com/archives/{CHANNEL}/p{posted.ts.replace('.', '')}" in told


def test_a_test_message_that_slack_refuses_says_what_to_do(
    run: Run, healthy: None, slack: SlackSimulator
) -> None:
    with channel(slack, "not_in_channel"):
        code, told = run("test-message")

    assert code == 1
    assert "not_in_channel. In the channel type `/invite @batchbell_search`." in told
    assert told.count("\n") == 1


def test_parked_news_is_delivered_once_the_channel_is_mended(
    run: Run, healthy: None, team: Team, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    nothing = run("redeliver")
    batch = openai.add("failed", metadata={"name": "Parked"})
    with channel(slack, "not_in_channel"):
        team.tick()
        in_vain = run("redeliver")

    mended = run("redeliver")

    assert nothing == (0, "Nothing is parked.\n")
    assert in_vain[0] == 1
    assert f"still parked: {batch['id']}#failed: chat.postMessage: not_in_channel" in in_vain[1]
    assert mended == (0, "1 notification delivered.\n")
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


def test_secrets_in_the_wrong_slots_are_refused_by_name_and_nothing_changes(
    run: Run, healthy: None, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    code, told = run("secrets", stdin=f"{slack.token}\n{openai.key}\n{openai.key}\n")

    assert code == 1
    assert "that is a Slack bot token; wanted is an OpenAI API key" in told
    assert told.count("that is an OpenAI API key") == 2
    assert codes(run("doctor", "--json")[1]) == set()
    assert not any(each in told for each in (openai.key, slack.token))


def test_secrets_that_their_services_refuse_are_not_stored(run: Run, healthy: None) -> None:
    code, told = run("secrets", stdin="sk-other\nxoxb-other\n\n")

    assert code == 1
    assert "The key was refused: 401" in told
    assert "Slack says invalid_auth" in told
    assert codes(run("doctor", "--json")[1]) == set()


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
        code, told = run("secrets", stdin=f"\n  {slack.token} \r\n{slack.signing_secret}\n")
        stored = team.aws.client("ssm").get_parameter(
            Name=f"/batchbell/{team.name}/slack-bot-token", WithDecryption=True
        )["Parameter"]

    assert code == 0
    assert "one is stored since" in told
    assert "kept" in told
    assert "batchbell_search in the workspace Acme" in told
    assert "only `batchbell doctor` and a command typed in Slack can prove it" in told
    assert (stored["Value"], stored["Type"]) == (slack.token, "SecureString")
    assert not any(each in told for each in (openai.key, slack.token, slack.signing_secret))
