"""An AWS account with the stack of the team `search` in it, and the commands run on it.

moto answers for AWS, except for CloudFormation, for which libraries are missing here, and Lambda, which
needs Docker: a server on loopback stands in for these two.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest

from batchbell.aws.store import Store
from batchbell.cli.aws import Stack
from batchbell.cli.main import main
from batchbell.config import Secret
from batchbell.models import State
from batchbell.records import PollState
from local.openai_simulator import OpenAISimulator
from local.server import Reply, Request, Server
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.builders import a_batch, a_notification
from tests.environment import environ_of
from tests.slack_app import SlackApp
from tests.tables import LocalTable

URL = "https://door.example/slack/commands"
LOG_GROUP = "/aws/lambda/batchbell-search-poll"
STACK = Stack(
    "batchbell-search",
    "CREATE_COMPLETE",
    {"TeamName": "search"},
    {"PollFunctionName": "batchbell-search-poll", "SlackRequestUrl": URL},
)
WHERE = "AWS account 123456789012, region us-east-1\n"  # which each command says first
_XML = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


class AwsStub(Server):
    """CloudFormation and Lambda; `refused` maps a service to the error that it answers instead."""

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.stacks = [STACK]
        self.function: dict[str, Any] = {"FunctionName": "batchbell-search-poll"}
        self.run: Callable[[], str | None] = lambda: None
        self.refused: dict[str, str] = {}

    def _reply(self, request: Request) -> Reply:
        service = request.target.split("/")[1]
        if code := self.refused.get(service):
            xml = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"
            is_xml = service in ("cloudformation", "sts")
            return Reply(400, (xml if is_xml else json.dumps({"__type": code})).encode())
        if service == "cloudformation":
            [asked] = parse_qs(request.body.decode())["StackName"]
            found = [each for each in self.stacks if each.name == asked]
            if not found:
                return Reply(400, b"<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>")
            xml = f"<DescribeStacksResult><Stacks>{_xml_of(found[0])}</Stacks></DescribeStacksResult>"
            return Reply(body=f'<DescribeStacksResponse xmlns="{_XML}">{xml}</DescribeStacksResponse>'.encode())
        if request.target.endswith("/configuration"):
            return Reply(body=json.dumps(self.function).encode())
        error = self.run()
        headers = {"X-Amz-Function-Error": "Unhandled"} if error else {}
        return Reply(200, json.dumps({"errorType": error}).encode(), headers)


def _xml_of(stack: Stack) -> str:
    def members(kind: str, values: Mapping[str, str]) -> str:
        pairs = (f"<{kind}Key>{key}</{kind}Key><{kind}Value>{value}</{kind}Value>" for key, value in values.items())
        return f"<{kind}s>{''.join(f'<member>{pair}</member>' for pair in pairs)}</{kind}s>"

    return (
        f"<member><StackName>{stack.name}</StackName><StackStatus>{stack.status}</StackStatus>"
        f"<CreationTime>2026-01-01T00:00:00Z</CreationTime>"
        f"{members('Parameter', stack.parameters)}{members('Output', stack.outputs)}</member>"
    )


class Account:
    """All is well in it, until a test breaks something."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        table: LocalTable,
        openai: OpenAISimulator,
        slack: SlackSimulator,
        app: SlackApp,
        aws: AwsStub,
    ) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.table, self.openai, self.slack, self.app, self.aws = table, openai, slack, app, aws
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for service in ("cloudformation", "lambda"):
            self.reach(service)
        self.address = f"{app.url}/commands"
        self.tell(**environ_of(openai, slack, table.name))
        self.store = Store(table.client, table.name, retention_s=30 * 86_400)
        self.ssm, self.scheduler, self.logs = map(boto3.client, ("ssm", "scheduler", "logs"))
        secrets = (openai.key, slack.token, slack.signing_secret)
        for secret, value in zip(Secret, secrets, strict=True):
            self.put_secret(secret, value)
        self.schedule()
        self.logs.create_log_group(logGroupName=LOG_GROUP)
        self.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="1")
        self.log({"level": "INFO", "message": "Ran"})
        self.save_state()
        self.slept: list[float] = []

    def run(self, *words: str, stdin: str = "") -> tuple[int, str]:
        """Run a command of the team's; return its exit code and what it printed."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        code = main([*words, "--team", "search"], address_of=lambda url: self.address, sleep=self.slept.append)
        printed = self._capsys.readouterr()
        return code, printed.out + printed.err.removeprefix(WHERE)

    def checks(self, *words: str) -> dict[str, dict[str, Any]]:
        """Return the results of `doctor --json` by check."""
        _, printed = self.run("doctor", "--json", *words)
        results = [json.loads(line) for line in printed.splitlines()]
        return {each["check"]: each for each in results}

    def reach(self, service: str) -> None:
        """Let the stub answer for this service."""
        self._monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", f"{self.aws.url}/{service}")

    def refuse(self, service: str, code: str) -> None:
        """Let this service refuse every request with this error."""
        self.reach(service)
        self.aws.refused[service] = code

    def set_stack(self, **fields: Any) -> None:
        self.aws.stacks = [replace(STACK, **fields)]

    def tell(self, **environ: str) -> None:
        """Change the environment of the poll function."""
        variables = self.aws.function.get("Environment", {}).get("Variables", {})
        self.aws.function["Environment"] = {"Variables": {**variables, **environ}}

    def put_secret(self, secret: Secret, value: str) -> None:
        name = secret.parameter("search")
        self.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def delete_secret(self, secret: Secret) -> None:
        self.ssm.delete_parameter(Name=secret.parameter("search"))

    def schedule(self, state: str = "ENABLED", expression: str = "rate(1 minute)") -> None:
        schedule: dict[str, Any] = {
            "Name": "batchbell-search-poll",
            "State": state,
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": "arn:aws:lambda:::function:f", "RoleArn": "arn:aws:iam::123456789012:role/r"},
        }
        found = self.scheduler.list_schedules()["Schedules"]
        (self.scheduler.update_schedule if found else self.scheduler.create_schedule)(**schedule)

    def log(self, *lines: Any, age_s: float = 30) -> None:
        at = int((time.time() - age_s) * 1000)
        events = [{"timestamp": at, "message": json.dumps(line)} for line in lines]
        self.logs.put_log_events(logGroupName=LOG_GROUP, logStreamName="1", logEvents=events)

    def save_state(self, **fields: Any) -> None:
        """Make the last poll a good one, half a minute ago, but for these fields."""
        now = int(time.time())
        state = PollState(self.openai.base_url, now - 86_400, baseline_reason=None, project="", polled_at=now - 30)
        before = self.store.load_state()
        self.store.save_state(replace(state, version=before.version if before else 0, **fields))

    def add_parked(self, reason: str, age_s: int = 60) -> None:
        """Leave a parked notification, and block the channel for the same reason."""
        at = int(time.time()) - age_s
        batch = a_batch("batch_old", "completed", created_at=at, completed_at=at)
        parked = a_notification(batch, recorded_at=at, state=State.PARKED, reason=reason)
        state = self.store.load_state()
        assert state
        self.store.save_state(state, [parked])
        self.store.set_channel(CHANNEL, at + 3600, reason)
