"""AWS as the operator sees it: the session, the team's stack and what belongs to it."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import exceptions as botocore
from botocore import xform_name
from botocore.config import Config as ClientConfig

from batchbell.aws.store import Store
from batchbell.cli.output import progress, say
from batchbell.config import Config, Secret, config_from
from batchbell.errors import ForbiddenError, NotFoundError, PermanentError, SignInError, TransientError
from batchbell.openai.client import OpenAIClient
from batchbell.slack.client import SlackClient

RAN = "Ran"  # the last line that a run of the poll function logs
_LOG_FILTER = (
    '{ ($.message = "Ran") || ($.level = "WARNING") || ($.level = "ERROR") || ($.level = "CRITICAL")'
    ' || ($.record.status = "error") || ($.record.status = "failure") || ($.record.status = "timeout")'
    ' || ($.errorMessage = "*") }'
)
"""CloudWatch answers from the oldest line on: without a filter, thousands come before the last run."""

_ANSWERED = [
    ("AuthFailure|Expired|Signature|Token|UnrecognizedClient", SignInError, "AWS does not accept these credentials"),
    ("AccessDenied|AuthorizationError|UnauthorizedOperation", ForbiddenError, "your AWS identity may not do this"),
    ("NotFound", NotFoundError, "there is none"),
    ("Internal|ServiceException|Throttling|Timeout|TooManyRequests|Unavailable", TransientError, ""),
    ("", PermanentError, ""),
]
"""A pattern in the code of AWS's error, what it is for us, and what is said beside the code; the first counts."""

_NOT_ASKED = [
    ("ProfileNotFound", SignInError, "{error}"),
    ("Credential|SSO|Token", SignInError, "AWS credentials are missing or have expired ({name})"),
    ("Region", SignInError, "no region is set; set AWS_DEFAULT_REGION, which SAM reads as well, to that of the stack"),
    ("", TransientError, "{name}"),
]
"""The same for the names of boto3's own exceptions."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A CloudFormation stack; `status` is CloudFormation's word."""

    name: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    def output(self, name: str) -> str:
        """Raises: NotFoundError if the stack is not batchbell's, or not completely deployed."""
        if name in self.outputs:
            return self.outputs[name]
        raise NotFoundError(f"the stack {self.name} has no output {name}: is it batchbell's, and deployed?")


@dataclass(frozen=True, slots=True)
class Aws:
    """The account of a session. Raises: SignInError, ForbiddenError, NotFoundError, PermanentError, TransientError."""

    session: Any

    def client(self, service: str, read_s: float = 15, tries: int = 2) -> Any:
        """Return a client that gives up while a person still waits."""
        retries: Any = {"mode": "standard", "total_max_attempts": tries}
        config = ClientConfig(connect_timeout=5, read_timeout=read_s, retries=retries)
        return asked(f"{service}: a client", lambda: self.session.client(service, config=config))

    @property
    def region(self) -> str:
        return str(self.client("cloudformation").meta.region_name)

    def ask(self, service: str, operation: str, of: str = "", **arguments: Any) -> Any:
        """Return the answer to a request, all pages of it; `of` is what errors say it was about."""
        client, method = self.client(service), xform_name(operation)
        call = f"{service}:{operation}{' of ' if of else ''}{of}"
        if client.can_paginate(method):
            return asked(call, client.get_paginator(method).paginate(**arguments).build_full_result)
        return asked(call, lambda: getattr(client, method)(**arguments))

    def stack(self, team: str, name: str | None) -> Stack:
        """Return the team's stack, which is called `batchbell-<team>` if no `name` is given."""
        name = name or f"batchbell-{team}"
        try:
            stack = _stack(self.ask("cloudformation", "DescribeStacks", name, StackName=name)["Stacks"][0])
        except PermanentError as error:
            if error.code != "ValidationError":  # so CloudFormation answers where there is none
                raise
            raise NotFoundError(f"there is no stack {name} in {self.region}; name yours with --stack") from error
        if stack.parameters.get("TeamName") != team:
            raise PermanentError(f"the stack {name} in {self.region} is not that of a TeamName={team}")
        return stack

    def poll_function(self, stack: Stack) -> Any:
        """Return Lambda's configuration of the poll function."""
        name = stack.output("PollFunctionName")
        return self.ask("lambda", "GetFunctionConfiguration", name, FunctionName=name)

    def log(self, group: str, since: float) -> list[tuple[float, str]]:
        """Return when runs ended and what they or Lambda complained of since then, oldest first."""
        request = {"logGroupName": group, "startTime": int(since * 1000), "filterPattern": _LOG_FILTER}
        answer = self.ask("logs", "FilterLogEvents", group, **request)
        lines = [(each["timestamp"] / 1000, _log_text(each["message"])) for each in answer.get("events", [])]
        return sorted((line for line in lines if line[1]), key=lambda line: line[0])

    def secret(self, team: str, secret: Secret, *, decrypt: bool = True) -> Any:
        """Return the parameter that holds a secret; None before it was stored."""
        name = secret.parameter(team)
        try:
            return self.ask("ssm", "GetParameter", name, Name=name, WithDecryption=decrypt)["Parameter"]
        except NotFoundError:
            return None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One team's bot as it is deployed."""

    aws: Aws
    stack: Stack
    config: Config

    def secret(self, secret: Secret) -> str:
        """Raises also: NotFoundError before a person has stored it."""
        parameter = self.aws.secret(self.config.team, secret)
        if parameter and (value := str(parameter["Value"]).strip()):
            return value
        raise NotFoundError(f"{secret} is not stored: store it with `batchbell secrets --team {self.config.team}`")

    def openai(self, key: str, *, tries: int = 5) -> OpenAIClient:
        return OpenAIClient(self.config.server, lambda _: key, tries=tries)

    def slack(self, token: str) -> SlackClient:
        return SlackClient(self.config.slack_base_url, lambda _: token, team=self.config.team)

    def store(self) -> Store:
        return Store(self.aws.client("dynamodb"), self.config.table_name, retention_s=self.config.retention_s)

    def run_poll(self) -> str | None:
        """Run the poll function, which takes 150 seconds at most; return why it failed."""
        client, name = self.aws.client("lambda", read_s=160, tries=1), self.stack.output("PollFunctionName")
        answer = asked(f"lambda:InvokeFunction of {name}", lambda: client.invoke(FunctionName=name, Payload=b"{}"))
        if "FunctionError" not in answer:
            return None
        return str(json_object(answer["Payload"].read()).get("errorType") or answer["FunctionError"])


def session_of() -> Any:
    """Return a session in the region of the environment or the profile, as SAM has it. Raises: SignInError."""
    return asked("AWS", boto3.Session)


def signed_in() -> Aws:
    """Return the account of a command's only session, and say which it is, before any progress.

    AWS takes an MFA code once, and boto3 may ask for it here.
    """
    aws = Aws(session_of())
    account = aws.ask("sts", "GetCallerIdentity")["Account"]
    say(f"AWS account {account}, region {aws.region}", file=sys.stderr)
    return aws


def deployment_of(team: str, stack_name: str | None) -> Deployment:
    """Return the team's bot. Raises: as Aws does."""
    aws = signed_in()
    with progress("looking for the stack and its function"):
        stack = aws.stack(team, stack_name)
        return connected(aws, stack, aws.poll_function(stack))


def connected(aws: Aws, stack: Stack, function: Any) -> Deployment:
    """Return the bot of this poll function. Raises: PermanentError if its environment is invalid."""
    try:
        return Deployment(aws, stack, config_from(function.get("Environment", {}).get("Variables", {})))
    except ValueError as error:
        name = stack.output("PollFunctionName")
        raise PermanentError(f"the environment of the function {name} is invalid: {error}") from error


def asked(call: str, request: Callable[[], Any]) -> Any:
    """Return AWS's answer; `call` is what errors name it. Raises: as Aws does."""
    try:
        return request()
    except botocore.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        kind, says = next((kind, says) for pattern, kind, says in _ANSWERED if re.search(pattern, code))
        raise kind(": ".join(filter(None, (call, code, says))), code=code) from error
    except botocore.BotoCoreError as error:
        name = type(error).__name__
        kind, says = next((kind, says) for pattern, kind, says in _NOT_ASKED if re.search(pattern, name))
        raise kind(f"{call}: {says.format(name=name, error=error)}") from error


def json_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object that the text is; empty if it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _stack(answer: Any) -> Stack:
    parameters, outputs = (
        {each[f"{kind}Key"]: each.get(f"{kind}Value", "") for each in answer.get(f"{kind}s", [])}
        for kind in ("Parameter", "Output")
    )
    return Stack(answer["StackName"], answer["StackStatus"], parameters, outputs)


def _log_text(message: str) -> str:
    """Return RAN for the end of a run, a complaint of ours or of Lambda's, empty for other lines."""
    line = json_object(message)
    if line.get("message") == RAN:
        return RAN
    if "message" in line and line.get("level") in ("WARNING", "ERROR", "CRITICAL"):
        reason = line.get("reason") or line.get("exception_name") or line.get("errorType") or ""
        return ": ".join(filter(None, (str(line["message"])[:300], str(reason)[:300])))
    ended = "success"
    if line.get("type") == "platform.report":
        ended = line["record"].get("status", ended)
    elif "errorMessage" in line:
        ended = line.get("errorType", "timeout")
    return "" if ended == "success" else f"The function did not end well: {ended}"
